//! Reading an object back from its destination and comparing it with the manifest.

use event::RESERVED_TENANT;
use merkle::Hash;

use crate::body::{Depth, LineSink, check_body};
use crate::destination::Destination;
use crate::error::{Error, Result};
use crate::key::sidecar_key;
use crate::manifest::ManifestObject;
use crate::problem::{Problem, Reason};

/// A sidecar is one short line; more than this is not read.
const SIDECAR_BYTES_MAX: u64 = 4 << 10;

/// What an object that agrees with its manifest contains.
#[derive(Clone, Debug, Default)]
pub struct ObjectContent {
    /// Sequence number and leaf hash of every line, ascending.
    pub leaves: Vec<(u64, Hash)>,
    /// The lines of the reserved tenant, the ledger's own receipts; empty unless they were asked for.
    pub receipts: Vec<(u64, Vec<u8>)>,
    /// The object is encrypted and the destination has no identity that opens it: the stored bytes are those of the
    /// manifest, and no line was read.
    pub unread: bool,
}

/// Reads an object and its checksum file from the destination and checks both against the manifest: SHA-256
/// and size of the stored bytes, every gzip member, every line's seq, stream, tenant and day, the counts
/// and the bounds. Findings come as [`Error::Corrupt`].
///
/// The leaf hashes that come back are what is stored; the caller compares them with the tree. Of an encrypted
/// object without an identity there are none, which [`ObjectContent::unread`] says.
pub async fn reread(destination: &Destination, object: &ManifestObject) -> Result<ObjectContent> {
    let content = read_object(destination, object, false).await?;
    check_sidecar(destination, object).await?;
    Ok(content)
}

/// The body alone, in a blocking thread.
pub(crate) async fn read_object(
    destination: &Destination,
    object: &ManifestObject,
    with_receipts: bool,
) -> Result<ObjectContent> {
    let with_receipts = with_receipts && object.tenant == RESERVED_TENANT;
    let collector = Collector { content: ObjectContent::default(), with_receipts };
    let (collector, depth) = visit(destination, object, collector).await?;
    Ok(ObjectContent { unread: depth == Depth::Bytes, ..collector.content })
}

/// Reads an object's body and checks it against the manifest as [`reread`] does, without its checksum file. Every line
/// is shown to the sink, which comes back; what it was shown counts only then.
/// An encrypted object that the destination's identity does not open is [`Error::Locked`].
pub async fn visit_lines<S: LineSink + Send + 'static>(
    destination: &Destination,
    object: &ManifestObject,
    sink: S,
) -> Result<S> {
    match visit(destination, object, sink).await? {
        (sink, Depth::Lines) => Ok(sink),
        (_, Depth::Bytes) => Err(Error::Locked {
            destination: destination.name().to_owned(),
            key: object.key.clone(),
            has_identity: destination.identity().is_some(),
        }),
    }
}

async fn visit<S: LineSink + Send + 'static>(
    destination: &Destination,
    object: &ManifestObject,
    mut sink: S,
) -> Result<(S, Depth)> {
    let reader = match destination.open_reader(&object.key, None).await {
        Err(Error::NotFound { .. }) => {
            let message = format!("the object with {} entries is not there", object.entries);
            return Err(Problem::at(Reason::ObjectMissing, object.first_seq, &object.key, message).into());
        }
        other => other?,
    };
    let (wanted, identity) = (object.clone(), destination.identity().cloned());
    let outcome = tokio::task::spawn_blocking(move || {
        let found = check_body(reader, &wanted, identity.as_ref(), &mut sink)?;
        Ok(found.map(|depth| (sink, depth)))
    })
    .await?;
    let found: Result<_, Problem> =
        outcome.map_err(|source: std::io::Error| destination.unavailable("read", &object.key, source))?;
    Ok(found?)
}

struct Collector {
    content: ObjectContent,
    with_receipts: bool,
}

impl LineSink for Collector {
    fn line(&mut self, seq: u64, leaf: Hash, line: &[u8]) {
        self.content.leaves.push((seq, leaf));
        if self.with_receipts {
            self.content.receipts.push((seq, line.to_vec()));
        }
    }
}

/// The text of the checksum file beside an object, as `sha256sum -c` reads it.
pub(crate) fn sidecar_text(object: &ManifestObject) -> String {
    let name = object.key.rsplit('/').next().unwrap_or(&object.key);
    format!("{}  {name}\n", object.sha256)
}

/// Compares the checksum file beside an object with the manifest.
pub(crate) async fn check_sidecar(destination: &Destination, object: &ManifestObject) -> Result<()> {
    let key = sidecar_key(&object.key);
    let problem =
        |reason, message: &str| Error::from(Problem::at(reason, object.first_seq, &key, message.to_owned()));
    match destination.read_at_most(&key, SIDECAR_BYTES_MAX).await {
        Ok(bytes) if bytes == sidecar_text(object).as_bytes() => Ok(()),
        Ok(_) | Err(Error::TooLarge { .. }) => {
            Err(problem(Reason::SidecarMismatch, "it does not say what the manifest says"))
        }
        Err(Error::NotFound { .. }) => Err(problem(Reason::SidecarMissing, "it is not there")),
        Err(error) => Err(error),
    }
}
