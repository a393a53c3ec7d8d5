//! Objects at a destination that no manifest names: what a run left that never came to its end, or what somebody put
//! there. They are found and told, and nothing here removes them.

use std::collections::HashSet;

use event::Timestamp;
use merkle::KeyRing;
use serde::Serialize;

use crate::destination::Destination;
use crate::error::Result;
use crate::key::{BatchId, LOG_DIRECTORY, sidecar_key};
use crate::log_copy::list_manifests;
use crate::manifest::{MANIFEST_BYTES_MAX, Manifest};
use crate::problem::{Problem, Reason};

/// What probing a destination leaves where it may not delete.
const PROBE_DIRECTORY: &str = "probe/";
/// Notes about objects whose time was up.
const EXPIRED_SUFFIX: &str = ".expired";

/// An object that no manifest names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Orphan {
    /// Where it is, relative to the destination.
    pub key: String,
    /// Stored bytes.
    pub bytes: u64,
    /// When it came to be, by the clock of the place, where that says so.
    pub last_modified: Option<Timestamp>,
}

/// The objects that no manifest at the destination names, sorted by key. Objects of the batches in `writing`, whose
/// manifest comes last, are not among them.
///
/// Reads every manifest, and no object. Memory is bounded by the listing and the largest manifest. A manifest that does
/// not open is an error, because what it names cannot be told.
pub async fn orphans(destination: &Destination, keys: &KeyRing, writing: &[BatchId]) -> Result<Vec<Orphan>> {
    let listed = destination.list_states("").await?;
    let mut named: HashSet<String> = HashSet::new();
    for key in list_manifests(destination).await? {
        let bytes = destination.read_at_most(&key, MANIFEST_BYTES_MAX).await?;
        let manifest = Manifest::open(&bytes, keys).map_err(|problem| {
            let message = format!("{key} does not open, so what it names is not known: {problem}");
            Problem::general(Reason::ManifestSignatureInvalid, None, message)
        })?;
        for object in &manifest.objects {
            named.insert(sidecar_key(&object.key));
            named.insert(object.key.clone());
        }
        named.insert(key);
    }
    let is_known = |key: &str| {
        named.contains(key)
            || key.starts_with(LOG_DIRECTORY)
            || key.starts_with(PROBE_DIRECTORY)
            || key.ends_with(EXPIRED_SUFFIX)
            || writing.iter().any(|batch| batch.may_own(key))
    };
    let orphans = listed.into_iter().filter(|(key, _)| !is_known(key)).map(|(key, state)| Orphan {
        key,
        bytes: state.bytes,
        last_modified: state.last_modified,
    });
    Ok(orphans.collect())
}
