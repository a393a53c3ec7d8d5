//! What every [`Storage`] must do, checked against a real one. For whoever brings one along.
//!
//! ```no_run
//! # async fn example(storage: std::sync::Arc<dyn archive::Storage>) {
//! archive::conformance::assert_conforms(&storage, "conformance/2026-11-22/", &[]).await;
//! # }
//! ```
//!
//! Every check works below a directory of its own under the given prefix, which must not have been used before: what
//! is written stays there, because nothing here needs to delete, except for [`Check::Removal`].
//!
//! A place that is known not to keep a part of the contract is still checked: the caller names the gap, and it is
//! asserted to be one, so that the list can only become shorter. What is missing matters: without
//! [`Check::ConcurrentCreates`] two writers may each believe that the object is theirs, and only reading back, which
//! every archive run does, tells that one is wrong.

mod creating;
mod reading;

use std::sync::Arc;

use bytes::Bytes;

use crate::destination::{Created, Storage};

/// Why a check failed.
type Failed = String;

/// The parts of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// A second create of a key is told so and changes nothing, with the same bytes and with others.
    CreateTwice,
    /// Of 16 creators of one key at the same time exactly one creates, and its bytes stay.
    ConcurrentCreates,
    /// A create that is given up in the middle leaves nothing, or the whole object.
    InterruptedCreate,
    /// An object of no bytes, and one of 8 MiB and one byte, come back as they were.
    Sizes,
    /// `%2F`, `%2E%2E`, `~`, `=` and the like in a key are bytes like any other.
    OddKeys,
    /// Whole objects, ranges, ranges beyond the end, and what is not there.
    Reading,
    /// Size and times without reading, and what is not there.
    Heads,
    /// What is above a key is no object, although a file system has something there.
    DirectoryNames,
    /// A listing has exactly the keys below its prefix, at once.
    Listing,
    /// A listing goes on after its first thousand keys.
    LongListing,
    /// [`Destination`](crate::Destination) writes, resumes and refuses with nothing but `create` and `read`.
    CreateAndReadAlone,
    /// What is removed is gone, and may be removed again.
    Removal,
}

impl Check {
    /// All of them. [`Check::Removal`] needs credentials that may delete, as only those for expiry may.
    pub const ALL: [Self; 12] = [
        Self::CreateTwice,
        Self::ConcurrentCreates,
        Self::InterruptedCreate,
        Self::Sizes,
        Self::OddKeys,
        Self::Reading,
        Self::Heads,
        Self::DirectoryNames,
        Self::Listing,
        Self::LongListing,
        Self::CreateAndReadAlone,
        Self::Removal,
    ];

    /// Runs this check below `under`, which is empty or ends in `/`. The error says what was seen.
    pub async fn run(self, storage: &Arc<dyn Storage>, under: &str) -> Result<(), Failed> {
        let place = Place { storage: Arc::clone(storage), under: format!("{under}{self:?}/") };
        match self {
            Self::CreateTwice => creating::twice(&place).await,
            Self::ConcurrentCreates => creating::at_the_same_time(&place).await,
            Self::InterruptedCreate => creating::interrupted(&place).await,
            Self::Sizes => creating::sizes(&place).await,
            Self::OddKeys => reading::odd_keys(&place).await,
            Self::Reading => reading::ranges(&place).await,
            Self::Heads => reading::heads(&place).await,
            Self::DirectoryNames => reading::directory_names(&place).await,
            Self::Listing => reading::listing(&place).await,
            Self::LongListing => reading::long_listing(&place).await,
            Self::CreateAndReadAlone => creating::with_create_and_read_alone(&place).await,
            Self::Removal => reading::removal(&place).await,
        }
    }
}

/// Runs every check and panics unless exactly those of `gaps` fail.
pub async fn assert_conforms(storage: &Arc<dyn Storage>, under: &str, gaps: &[Check]) {
    let mut wrong = Vec::new();
    for check in Check::ALL {
        match (check.run(storage, under).await, gaps.contains(&check)) {
            (Ok(()), false) | (Err(_), true) => {}
            (Ok(()), true) => wrong.push(format!("{check:?} is named a gap, and is none")),
            (Err(seen), false) => wrong.push(format!("{check:?}: {seen}")),
        }
    }
    assert!(wrong.is_empty(), "this storage does not keep the contract:\n  {}", wrong.join("\n  "));
}

/// Writes and reads back the largest object there is: 128 MiB in one piece. Apart from the others, because it takes
/// its time and its memory.
pub async fn check_largest(storage: &Arc<dyn Storage>, under: &str) -> Result<(), Failed> {
    let place = Place { storage: Arc::clone(storage), under: format!("{under}Largest/") };
    creating::round_trip(&place, "object", 128 << 20).await
}

/// Where one check works.
struct Place {
    storage: Arc<dyn Storage>,
    under: String,
}

impl Place {
    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.under)
    }

    async fn create(&self, name: &str, bytes: impl Into<Bytes>) -> Result<Created, Failed> {
        let created = self.storage.create(&self.key(name), bytes.into()).await;
        created.map_err(|error| format!("create {name}: {}", chain(&error)))
    }

    async fn create_new(&self, name: &str, bytes: impl Into<Bytes>) -> Result<(), Failed> {
        expect(&format!("create {name}"), &self.create(name, bytes).await?, &Created::New)
    }

    /// All bytes of an object or a range, held against the size that was stated for the whole.
    async fn read(&self, name: &str, range: Option<std::ops::Range<u64>>) -> Result<Option<Bytes>, Failed> {
        let failed = |error: crate::StorageError| format!("read {name}: {}", chain(&error));
        let is_whole = range.is_none();
        let Some(stored) = self.storage.read(&self.key(name), range).await.map_err(failed)? else {
            return Ok(None);
        };
        let stated = stored.state.bytes;
        let bytes = crate::destination::collect(stored.body).await.map_err(failed)?;
        if is_whole && bytes.len() as u64 != stated {
            return Err(format!("read {name}: {stated} bytes are stated, and {} came", bytes.len()));
        }
        Ok(Some(bytes))
    }
}

fn expect<T: std::fmt::Debug + PartialEq>(what: &str, seen: &T, expected: &T) -> Result<(), Failed> {
    if seen == expected {
        return Ok(());
    }
    let mut text = format!("{what}: {seen:?} instead of {expected:?}");
    if text.len() > 500 {
        let end = (0..=500).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
    }
    Err(text)
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
