//! What is left of a destination's listing.

use std::collections::BTreeMap;

use crate::destination::ObjectState;
use crate::probe::PROBE_DIRECTORY;

/// The files of an archive that nothing has accounted for yet.
pub(super) struct Listing(BTreeMap<String, ObjectState>);

impl Listing {
    pub(super) fn new(files: Vec<(String, ObjectState)>) -> Self {
        // What probes wrote is no part of an archive.
        Self(files.into_iter().filter(|(key, _)| !key.starts_with(PROBE_DIRECTORY)).collect())
    }

    /// Accounts for a file; its state if it is there.
    pub(super) fn take(&mut self, key: &str) -> Option<ObjectState> {
        self.0.remove(key)
    }

    pub(super) fn take_matching(&mut self, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let found = self.matching(wanted);
        for key in &found {
            self.0.remove(key);
        }
        found
    }

    pub(super) fn matching(&self, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        self.0.keys().filter(|key| wanted(key)).cloned().collect()
    }
}
