//! The chain of manifests: each signed, each beginning where the one before ended and naming it.

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use merkle::{Hash, KeyRing};

use super::listing::Listing;
use crate::destination::Destination;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::key::{BATCHES_DIRECTORY, MANIFEST_SUFFIX};
use crate::manifest::{MANIFEST_BYTES_MAX, Manifest, ManifestProblem};
use crate::plan::ManifestRef;
use crate::problem::{Problem, Reason};

const MANIFESTS_AT_ONCE: usize = 8;

/// What of a manifest is kept while all are put in order; the objects are read again batch by batch.
pub(super) struct Link {
    pub(super) key: String,
    pub(super) sha256: Digest,
    pub(super) first_seq: u64,
    pub(super) size: u64,
    /// Stored bytes of its objects.
    pub(super) bytes: u64,
    pub(super) root: Hash,
    pub(super) checkpoint: String,
    /// Whether it follows the one before without a gap or a doubt.
    pub(super) continues: bool,
    previous: Option<ManifestRef>,
    key_fits: bool,
}

/// The verified manifests in order, and what is wrong with their order.
pub(super) struct Chain {
    pub(super) links: Vec<Link>,
    pub(super) problems: Vec<Problem>,
    /// How many manifests were found, those that did not verify included.
    pub(super) found: u64,
}

impl Chain {
    /// The size the manifests claim, proven or not.
    pub(super) fn size(&self) -> u64 {
        self.links.iter().map(|link| link.size).max().unwrap_or(0)
    }
}

/// Reads, verifies and orders every manifest of the listing, and takes them off it.
pub(super) async fn load(destination: &Destination, keys: &KeyRing, listing: &mut Listing) -> Result<Chain> {
    let found =
        listing.take_matching(|key| key.starts_with(BATCHES_DIRECTORY) && key.ends_with(MANIFEST_SUFFIX));
    let opened: Vec<Result<Link, (String, ManifestProblem)>> = stream::iter(found)
        .map(|key| open(destination, keys, key))
        .buffered(MANIFESTS_AT_ONCE)
        .try_collect()
        .await?;
    let (mut links, mut unreadable) = (Vec::new(), Vec::new());
    for manifest in opened {
        match manifest {
            Ok(link) => links.push(link),
            Err(problem) => unreadable.push(problem),
        }
    }
    links.sort_by_key(|link| (link.first_seq, link.size));
    Ok(order(links, unreadable))
}

async fn open(
    destination: &Destination,
    keys: &KeyRing,
    key: String,
) -> Result<Result<Link, (String, ManifestProblem)>> {
    let refuse = |message: String| ManifestProblem { reason: Reason::ManifestSignatureInvalid, message };
    let bytes = match destination.read_at_most(&key, MANIFEST_BYTES_MAX).await {
        Ok(bytes) => bytes,
        Err(Error::TooLarge { .. }) => {
            return Ok(Err((key, refuse(format!("it has more than {MANIFEST_BYTES_MAX} bytes")))));
        }
        Err(Error::NotFound { .. }) => return Ok(Err((key, refuse("it is gone again".to_owned())))),
        Err(error) => return Err(error),
    };
    let opened = Manifest::open(&bytes, keys).and_then(|manifest| {
        let root = manifest.opened_checkpoint(keys)?.root;
        Ok((manifest, root))
    });
    Ok(match opened {
        Ok((manifest, root)) => Ok(Link {
            sha256: Digest::of(&bytes),
            first_seq: manifest.first_seq,
            size: manifest.size(),
            bytes: manifest.objects.iter().fold(0, |sum: u64, object| sum.saturating_add(object.bytes)),
            root,
            checkpoint: manifest.checkpoint.clone(),
            continues: false,
            key_fits: manifest.key() == key,
            previous: manifest.previous,
            key,
        }),
        Err(problem) => Err((key, problem)),
    })
}

/// The pure part: which link does not follow the one before.
fn order(mut links: Vec<Link>, unreadable: Vec<(String, ManifestProblem)>) -> Chain {
    let mut problems = Vec::new();
    let found = (links.len() + unreadable.len()) as u64;
    let mut end = 0;
    let mut gap = None;
    let mut before: Option<ManifestRef> = None;
    for link in &mut links {
        let broken =
            |message: String| Problem::at(Reason::ManifestChainBroken, link.first_seq, &link.key, message);
        if link.first_seq > end {
            gap.get_or_insert(end);
            if unreadable.is_empty() {
                let message = format!("no manifest covers the entries {end} to {}", link.first_seq - 1);
                problems.push(Problem::general(Reason::ManifestMissing, Some(end), message));
            }
        } else if link.first_seq < end {
            problems.push(broken(format!("it begins at {}, inside the batch before", link.first_seq)));
        } else if link.previous != before {
            problems.push(broken("it does not name the manifest before it by key and SHA-256".to_owned()));
        } else if link.key_fits {
            link.continues = true;
        }
        if !link.key_fits {
            problems.push(broken("it is not stored under the key of its batch".to_owned()));
        }
        end = end.max(link.size);
        before = Some(ManifestRef { key: link.key.clone(), sha256: link.sha256 });
    }
    // An unreadable manifest cannot say where it belongs: it counts from the first gap, or from the end.
    for (key, problem) in unreadable {
        problems.push(Problem::at(problem.reason, gap.unwrap_or(end), &key, problem.message));
    }
    Chain { links, problems, found }
}
