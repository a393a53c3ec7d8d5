//! How far an offline verification has proven an archive, kept in a file, so that a later one goes on from there.
//!
//! The file is the operator's own note and as trustworthy as the place it is kept in: whoever can write it can have
//! batches skipped. What it says is still held against the archive's manifests and tiles.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use archive::{Digest, VerifyOptions};
use merkle::{CompactRange, Hash, KeyRing};
use serde::{Deserialize, Serialize};

use crate::data_directory::write_durably;
use crate::failure::Failure;

/// A state is a few hundred bytes and at most 64 hashes.
const STATE_BYTES_MAX: u64 = 64 << 10;

const FORMAT: &str = "strongroom-verification/1";

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    format: String,
    /// The archive's URL.
    archive: String,
    /// SHA-256 of the keys it was verified with.
    keys: Digest,
    /// The tree size that is proven.
    size: u64,
    /// The tree's compact range there: the hash of each perfect subtree, base64, the largest first.
    range: Vec<String>,
    /// Entries below it that are encrypted and were not read.
    unread: u64,
}

/// The file, and what in it does not change while one archive is verified.
pub(crate) struct StateFile {
    path: PathBuf,
    archive: String,
    keys: Digest,
    failure: Mutex<Option<Failure>>,
}

impl StateFile {
    /// A state for this archive and these keys at `path`, which need not be there yet.
    pub(crate) fn new(path: &Path, archive: &str, keys: &KeyRing) -> Result<Self, Failure> {
        let path = std::path::absolute(path)
            .map_err(|error| Failure::caused(format!("--state {} is no path", path.display()), error))?;
        let keys = Digest::of(keys.to_string().as_bytes());
        Ok(Self { path, archive: archive.to_owned(), keys, failure: Mutex::default() })
    }

    /// Has the verification go on where the file says. A file that does not fit is refused.
    pub(crate) fn resume(&self, options: &mut VerifyOptions, has_identity: bool) -> Result<(), Failure> {
        let unfit = |what: &str| {
            Failure::new(format!("the state {} cannot be used: {what}", self.path.display()))
                .hint("remove the file to verify from the beginning, or name another one")
        };
        let text = match std::fs::metadata(&self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Ok(file) if file.len() > STATE_BYTES_MAX => return Err(unfit("it is too large to be one")),
            Err(error) => return Err(unfit(&error.to_string())),
            Ok(_) => std::fs::read_to_string(&self.path).map_err(|error| unfit(&error.to_string()))?,
        };
        let state: State =
            serde_json::from_str(&text).map_err(|error| unfit(&format!("it is damaged: {error}")))?;
        if state.format != FORMAT {
            return Err(unfit(&format!("its format is {:?}, not {FORMAT:?}", state.format)));
        }
        if state.archive != self.archive {
            return Err(unfit(&format!("it is of the archive {}", state.archive)));
        }
        if state.keys != self.keys {
            return Err(unfit("the archive was verified with other keys than these"));
        }
        if state.unread > 0 && has_identity {
            return Err(unfit(
                "entries before its end were encrypted and not read, which an identity changes",
            ));
        }
        let range = read_range(state.size, &state.range).map_err(|what| unfit(&what))?;
        (options.resume_from, options.resumed_unread) = (Some(range), state.unread);
        Ok(())
    }

    /// Keeps how far the archive is proven, durably. That it cannot be kept does not stop the verification.
    pub(crate) fn keep(&self, range: &CompactRange, unread: u64) {
        let state = State {
            format: FORMAT.to_owned(),
            archive: self.archive.clone(),
            keys: self.keys,
            size: range.size(),
            range: range.hashes().iter().map(Hash::to_base64).collect(),
            unread,
        };
        let written = serde_json::to_vec(&state)
            .map_err(|error| Failure::caused("the state cannot be written", error))
            .and_then(|bytes| write_durably(&self.path, &bytes));
        if let Err(failure) = written {
            self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
        }
    }

    /// Why the state could not be kept at some point.
    pub(crate) fn failure(&self) -> Option<Failure> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

fn read_range(size: u64, hashes: &[String]) -> Result<CompactRange, String> {
    let mut bytes = Vec::new();
    for hash in hashes {
        let hash = Hash::from_base64(hash).map_err(|error| format!("a hash in it is damaged: {error}"))?;
        bytes.extend_from_slice(&hash.0);
    }
    CompactRange::from_bytes(size, &bytes).map_err(|error| format!("it is damaged: {error}"))
}
