//! What expired: the notes, each held against its batch's manifest, and the leaf hashes that stand in for what is gone.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use merkle::{Hash, KeyRing};

use super::chain::Link;
use super::listing::Listing;
use crate::destination::Destination;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::expiry::{EXPIRY_NOTE_BYTES_MAX, EXPIRY_SUFFIX, ExpiryNote};
use crate::key::BATCHES_DIRECTORY;
use crate::manifest::Manifest;
use crate::plan::ManifestRef;
use crate::problem::{Problem, Reason};

/// Notes can be large; so few are in memory at once.
const NOTES_AT_ONCE: usize = 2;

/// Seq and leaf hash of the entries of an object that a note names.
pub(super) type Leaves = Arc<[(u64, Hash)]>;

/// Where a note is kept until its batch is looked at; it is read again then.
struct Found {
    note: ManifestRef,
    manifest: ManifestRef,
}

/// The verified notes of an archive by the key of the manifest they name.
#[derive(Default)]
pub(super) struct Expiries(BTreeMap<String, Vec<ManifestRef>>);

/// Reads and verifies every note of the listing, takes them off it, and finds the manifest of each.
pub(super) async fn load(
    destination: &Destination,
    keys: &KeyRing,
    links: &[Link],
    listing: &mut Listing,
) -> Result<(Expiries, Vec<Problem>)> {
    let found =
        listing.take_matching(|key| key.starts_with(BATCHES_DIRECTORY) && key.ends_with(EXPIRY_SUFFIX));
    let opened: Vec<Result<Found, Problem>> = stream::iter(found)
        .map(|key| open(destination, keys, key))
        .buffered(NOTES_AT_ONCE)
        .try_collect()
        .await?;
    let by_key: BTreeMap<&str, &Link> = links.iter().map(|link| (link.key.as_str(), link)).collect();
    let (mut expiries, mut problems) = (Expiries::default(), Vec::new());
    for found in opened {
        match found {
            Err(problem) => problems.push(problem),
            Ok(Found { note, manifest }) => match by_key.get(manifest.key.as_str()) {
                Some(link) if link.sha256 == manifest.sha256 => {
                    expiries.0.entry(manifest.key).or_default().push(note);
                }
                _ => {
                    let message = "it names a manifest that is not in this archive";
                    problems.push(invalid(None, &note.key, message));
                }
            },
        }
    }
    Ok((expiries, problems))
}

async fn open(destination: &Destination, keys: &KeyRing, key: String) -> Result<Result<Found, Problem>> {
    let bytes = match destination.read_at_most(&key, EXPIRY_NOTE_BYTES_MAX).await {
        Ok(bytes) => bytes,
        Err(Error::TooLarge { .. }) => {
            let message = format!("it has more than {EXPIRY_NOTE_BYTES_MAX} bytes");
            return Ok(Err(invalid(None, &key, message)));
        }
        Err(Error::NotFound { .. }) => return Ok(Err(invalid(None, &key, "it is gone again"))),
        Err(error) => return Err(error),
    };
    Ok(match ExpiryNote::open(&bytes, keys) {
        Err(problem) => Err(invalid(None, &key, problem.message)),
        Ok(note) if note.key() != key => Err(invalid(None, &key, "it is not stored under its own key")),
        Ok(note) => {
            Ok(Found { note: ManifestRef { key, sha256: Digest::of(&bytes) }, manifest: note.manifest })
        }
    })
}

fn invalid(seq: Option<u64>, key: &str, message: impl Into<String>) -> Problem {
    Problem { seq, reason: Reason::ExpiryNoteInvalid, key: Some(key.to_owned()), message: message.into() }
}

/// What the notes of one batch say.
#[derive(Default)]
pub(super) struct Expired {
    pub(super) objects: BTreeMap<String, Leaves>,
    pub(super) notes: Vec<ManifestRef>,
    pub(super) problems: Vec<Problem>,
}

impl Expiries {
    /// The objects of a batch that its notes name. What a note says wrongly counts for nothing.
    pub(super) async fn of(
        &self,
        destination: &Destination,
        link: &Link,
        manifest: &Manifest,
    ) -> Result<Expired> {
        let mut expired = Expired::default();
        let reference = ManifestRef { key: link.key.clone(), sha256: link.sha256 };
        for found in self.0.get(&link.key).into_iter().flatten() {
            let bytes = destination.read_at_most(&found.key, EXPIRY_NOTE_BYTES_MAX).await?;
            let text = bytes.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
            let problem = |message: String| invalid(Some(link.first_seq), &found.key, message);
            if Digest::of(&bytes) != found.sha256 {
                expired.problems.push(problem("it changed while it was verified".to_owned()));
                continue;
            }
            // Its signature was verified before; the same bytes are the same note.
            let note: ExpiryNote = serde_json::from_slice(text)
                .map_err(|error| Error::Internal(format!("{}: {error}", found.key)))?;
            if let Err(wrong) = note.check_against(&reference, manifest) {
                expired.problems.push(problem(wrong.message));
                continue;
            }
            for object in &note.objects {
                if expired.objects.insert(object.key.clone(), object.entries().into()).is_some() {
                    expired.problems.push(problem(format!("another note names {} too", object.key)));
                }
            }
            expired.notes.push(found.clone());
        }
        Ok(expired)
    }
}
