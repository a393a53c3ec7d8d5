//! What a destination needs of the place that keeps its objects.

use std::fmt;
use std::fs::File;
use std::io::{Seek as _, SeekFrom};
use std::ops::Range;
use std::path::Path;

use async_trait::async_trait;
use bytes::Bytes;
use event::Timestamp;
use futures::stream::BoxStream;

use super::storage_error::StorageError;

/// What a call on a [`Storage`] gives.
pub type StorageResult<T> = Result<T, StorageError>;

/// Objects under names, in one place: what to implement to bring one's own.
///
/// The contract, which `archive::conformance` checks:
///
/// - **Durable.** What [`Self::create`] acknowledged is there after a power cut.
/// - **Whole.** An object is seen with all its bytes or not at all; an interrupted write leaves nothing that is read
///   or listed.
/// - **Create-only.** Of any number of creators of one key, also at the same time, exactly one gets
///   [`Created::New`], and its bytes stay. Nothing overwrites.
/// - **Seen at once.** What was created is found by every later call, `list` among them.
/// - **Honest about doubt.** A call whose effect is not known fails with an error for which
///   [`StorageError::outcome_is_unknown`] holds; the caller then reads back.
///
/// Keys are segments separated by `/`, none of them empty, `.` or `..`, of printable ASCII without `\`; `%2F`, `~` and
/// `=` occur, and are bytes like any other. They are at most 1,024 bytes. Every call may be made at any time, from any
/// task, and repeated; retries that take longer than seconds are the caller's business.
///
/// Writing and proving an archive takes `create` and `read` alone; credentials may forbid the rest.
#[async_trait]
pub trait Storage: fmt::Debug + Send + Sync + 'static {
    /// Writes an object that is not there yet, durably, in one piece of at most 128 MiB.
    async fn create(&self, key: &str, bytes: Bytes) -> StorageResult<Created>;

    /// Reads an object, or the bytes of it in `range`, which is not empty, begins before the object's end and may go
    /// beyond it. `None` where there is no object.
    async fn read(&self, key: &str, range: Option<Range<u64>>) -> StorageResult<Option<Stored>>;

    /// What is known of an object without reading it. `None` where there is none.
    async fn head(&self, key: &str) -> StorageResult<Option<ObjectState>>;

    /// Every object whose key begins with `prefix`, in any order. `prefix` is empty or ends in `/`.
    fn list(&self, prefix: &str) -> BoxStream<'static, StorageResult<(String, ObjectState)>>;

    /// Removes an object; one that is not there counts as removed. Only expiry asks for this.
    async fn remove(&self, key: &str) -> StorageResult<()>;

    /// Makes an object durable that was found, and that somebody else may not have finished making so.
    async fn settle(&self, _key: &str) -> StorageResult<()> {
        Ok(())
    }

    /// What kind of place this is.
    fn kind(&self) -> Kind {
        Kind::Other
    }

    /// The directory it keeps its objects in, if it does.
    fn local_root(&self) -> Option<&Path> {
        None
    }
}

/// Kinds of places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory: `file://`.
    File,
    /// Amazon S3 or what speaks its protocol: `s3://`.
    S3,
    /// Google Cloud Storage: `gs://`.
    Gcs,
    /// Azure Blob Storage: `az://`.
    Azure,
    /// Nowhere: `null:`.
    Null,
    /// One that was brought along.
    Other,
}

impl Kind {
    /// The scheme of its URLs, without the colon; `other` for what has none.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::S3 => "s3",
            Self::Gcs => "gs",
            Self::Azure => "az",
            Self::Null => "null",
            Self::Other => "other",
        }
    }
}

/// What a create-only write found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// Nothing was there; now this object is.
    New,
    /// The place says that something is there, or that another writer is at it. That proves nothing about whose it is.
    Exists,
}

/// What is known of an object without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectState {
    /// Stored bytes.
    pub bytes: u64,
    /// An opaque tag of this version of it (an `ETag`), where the place has such.
    pub tag: Option<String>,
    /// When it came to be, by the clock of the place, where it says so.
    pub last_modified: Option<Timestamp>,
}

/// An object that is being read.
#[derive(Debug)]
pub struct Stored {
    /// The state of the whole object, also where only a part of it is read.
    pub state: ObjectState,
    /// Its bytes, or those of the range.
    pub body: Body,
}

/// The bytes of an object, or of a range of it, as they come.
pub enum Body {
    /// The next bytes of a file, at most so many.
    File(File, u64),
    /// Pieces, in order. An error ends them.
    Stream(BoxStream<'static, StorageResult<Bytes>>),
}

impl Body {
    /// The bytes of `range` of an open file.
    pub fn of_file(mut file: File, range: Range<u64>) -> std::io::Result<Self> {
        file.seek(SeekFrom::Start(range.start))?;
        Ok(Self::File(file, range.end.saturating_sub(range.start)))
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(_, bytes) => write!(formatter, "File({bytes} bytes)"),
            Self::Stream(_) => formatter.write_str("Stream"),
        }
    }
}
