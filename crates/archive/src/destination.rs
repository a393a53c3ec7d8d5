//! A place where archives are kept: create-only writes, bounded reads, listings.

mod credentials;
mod local;
mod null;
mod object_storage;
mod options;
mod place;
mod profile;
mod reader;
mod redaction;
mod remote;
mod start_error;
mod storage;
mod storage_error;

use std::ops::Range;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::ObjectStore;

use crate::error::{Error, Result};
pub use credentials::Credentials;
use local::LocalStorage;
use null::NullStorage;
use object_storage::ObjectStorage;
pub use options::{CredentialSource, DestinationOptions, Encryption, LockMode, ObjectLock, Timeouts};
use place::Place;
pub use reader::ObjectReader;
pub use start_error::StartError;
pub use storage::{Body, Created, Kind, ObjectState, Storage, StorageResult, Stored};
pub use storage_error::{StorageError, StorageErrorKind};

/// A create-only write is tried this often when the destination says "exists" and then "not found",
/// as S3 does after a conflicting request that stored nothing.
const PUT_ATTEMPTS_MAX: u32 = 4;

/// How long such a write waits for the other one, the first time; then twice as long, and so on.
const PUT_PAUSE: Duration = Duration::from_millis(50);

/// What a create-only write found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// The object was not there and now is.
    Created,
    /// The object was there with exactly these bytes: an earlier attempt of ours, taken as done.
    AlreadyOurs,
}

/// A named place that holds one archive: a [`Storage`], and a prefix in it. Cheap to clone.
///
/// Nothing here overwrites, and nothing deletes unless the destination was opened for expiry. A write that returned
/// is durable.
#[derive(Clone, Debug)]
pub struct Destination {
    name: Arc<str>,
    storage: Arc<dyn Storage>,
    prefix: Arc<str>,
    may_remove: bool,
}

impl Destination {
    /// Opens an archive that exists, with credentials from the environment. A directory that is not there is
    /// [`Error::NoDirectory`], so that a mistyped path never verifies as an empty archive.
    pub fn open(name: &str, url: &str) -> Result<Self> {
        Self::open_with(name, &DestinationOptions::new(url))
    }

    /// Opens an archive and makes its directory, durably, where there is none. A bucket has to be there.
    pub fn open_or_create(name: &str, url: &str) -> Result<Self> {
        Self::open_or_create_with(name, &DestinationOptions::new(url))
    }

    /// As [`Self::open`], described in full.
    pub fn open_with(name: &str, options: &DestinationOptions) -> Result<Self> {
        match Place::parse(&options.url)? {
            Place::Directory(root) if !root.is_dir() => Err(Error::NoDirectory { path: root }),
            place => Self::over_place(name, &place, options),
        }
    }

    /// As [`Self::open_or_create`], described in full.
    pub fn open_or_create_with(name: &str, options: &DestinationOptions) -> Result<Self> {
        let place = Place::parse(&options.url)?;
        if let Place::Directory(root) = &place {
            local::create_directories(root).map_err(|source| Error::Unavailable {
                destination: name.to_owned(),
                action: "create",
                key: root.display().to_string(),
                source: source.into(),
            })?;
        }
        Self::over_place(name, &place, options)
    }

    /// Over any storage, under `prefix` (empty, or ending in `/`).
    pub fn over(name: &str, storage: Arc<dyn Storage>, prefix: &str) -> Result<Self> {
        if !prefix.is_empty() && (!prefix.ends_with('/') || prefix.starts_with('/')) {
            return Err(Error::Invalid(format!(
                "the prefix `{prefix}` of archive destination {name} must end in `/` and not begin with it"
            )));
        }
        Ok(Self { name: name.into(), storage, prefix: prefix.into(), may_remove: false })
    }

    /// Over any object store, under `prefix` (empty, or ending in `/`). Durability of a write is then
    /// what the store promises when it acknowledges one.
    pub fn over_store(name: &str, store: Arc<dyn ObjectStore>, prefix: &str) -> Result<Self> {
        Self::over(name, Arc::new(ObjectStorage::new(store, Kind::Other)), prefix)
    }

    fn over_place(name: &str, place: &Place, options: &DestinationOptions) -> Result<Self> {
        match place {
            Place::Nowhere => Self::over(name, Arc::new(NullStorage), ""),
            Place::Bucket { kind, bucket, prefix } => {
                Self::over(name, remote::open(*kind, bucket, options)?, prefix)
            }
            Place::Directory(root) => {
                let storage = LocalStorage::over(root).map_err(|source| Error::Unavailable {
                    destination: name.to_owned(),
                    action: "open",
                    key: root.display().to_string(),
                    source: source.into(),
                })?;
                Self::over(name, Arc::new(storage), "")
            }
        }
    }

    /// The same destination, from which objects may be removed. Only what expires archives asks for this, and it
    /// opens the destination with credentials of its own.
    #[must_use]
    pub fn for_expiry(self) -> Self {
        Self { may_remove: true, ..self }
    }

    /// The name it was opened under.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What kind of place it is.
    pub fn kind(&self) -> Kind {
        self.storage.kind()
    }

    /// Whether it keeps nothing.
    pub fn is_null(&self) -> bool {
        self.kind() == Kind::Null
    }

    /// The root directory of a local destination.
    pub fn local_root(&self) -> Option<&FilePath> {
        self.storage.local_root()
    }

    /// Writes an object that must not be there yet, durably.
    ///
    /// "Already exists" proves nothing by itself: a write that was acknowledged with an error may have
    /// been stored. So what is there is read back and compared: equal bytes are [`Put::AlreadyOurs`],
    /// other bytes are [`Error::Conflict`] and stay as they are. A write whose outcome is not known is told
    /// by reading back, too.
    pub async fn put_new(&self, key: &str, bytes: Bytes) -> Result<Put> {
        let full = self.key(key)?;
        for attempt in 0..PUT_ATTEMPTS_MAX {
            let found = match self.storage.create(&full, bytes.clone()).await {
                Ok(Created::New) => return Ok(Put::Created),
                Ok(Created::Exists) => self.holds(key, &full, &bytes).await?,
                Err(error) if error.outcome_is_unknown() => {
                    // The write's own error says more than that of a reading that failed for the same reason.
                    match self.holds(key, &full, &bytes).await {
                        Ok(Some(found)) => Some(found),
                        Ok(None) | Err(_) => return Err(self.unavailable("write", key, error)),
                    }
                }
                Err(error) => return Err(self.unavailable("write", key, error)),
            };
            match found {
                Some(true) => {
                    // Whoever made it may not have reached its syncs yet, or ever.
                    let settled = self.storage.settle(&full).await;
                    settled.map_err(|source| self.unavailable("sync", key, source))?;
                    return Ok(Put::AlreadyOurs);
                }
                Some(false) => {
                    return Err(Error::Conflict { destination: self.name.to_string(), key: key.to_owned() });
                }
                None => tokio::time::sleep(PUT_PAUSE * 2_u32.pow(attempt)).await,
            }
        }
        Err(self.unavailable("write", key, "it exists when written and is not found when read"))
    }

    /// The whole object. For objects this process wrote or whose size is known to be small; what comes
    /// from elsewhere is read with [`Self::read_at_most`] or [`Self::open_reader`].
    pub async fn get(&self, key: &str) -> Result<Bytes> {
        self.read_at_most(key, u64::MAX).await
    }

    /// The whole object, if it is no larger than `bytes_max`; else [`Error::TooLarge`].
    pub async fn read_at_most(&self, key: &str, bytes_max: u64) -> Result<Bytes> {
        let too_large =
            || Error::TooLarge { destination: self.name.to_string(), key: key.to_owned(), bytes_max };
        let found = self.fetch(key, None).await?;
        let stated = found.state.bytes;
        if stated > bytes_max {
            return Err(too_large());
        }
        let mut chunks = match found.body {
            Body::File(file, bytes) => {
                let read = tokio::task::spawn_blocking(move || read_file(file, bytes)).await?;
                return read.map_err(|source| self.unavailable("read", key, source));
            }
            Body::Stream(chunks) => chunks,
        };
        let mut whole = BytesMut::new();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|source| self.unavailable("read", key, source))?;
            // A server may send more than it stated.
            if whole.len() as u64 + chunk.len() as u64 > bytes_max {
                return Err(too_large());
            }
            whole.extend_from_slice(&chunk);
        }
        if whole.len() as u64 != stated {
            let message = format!("{} of {stated} bytes came", whole.len());
            return Err(self.unavailable("read", key, message));
        }
        Ok(whole.freeze())
    }

    /// A reader over the object, or over `range` of it, with bounded memory. For a destination that is not
    /// a local root the reader blocks on the network, so read it inside `spawn_blocking`.
    pub async fn open_reader(&self, key: &str, range: Option<Range<u64>>) -> Result<ObjectReader> {
        Ok(ObjectReader::new(self.fetch(key, range).await?))
    }

    /// The size of an object in bytes; `None` where there is none.
    pub async fn size(&self, key: &str) -> Result<Option<u64>> {
        Ok(self.state(key).await?.map(|state| state.bytes))
    }

    /// What is known of an object without reading it; `None` where there is none.
    pub async fn state(&self, key: &str) -> Result<Option<ObjectState>> {
        let head = self.storage.head(&self.key(key)?).await;
        head.map_err(|source| self.unavailable("read", key, source))
    }

    /// Whether there is an object at `key`.
    pub async fn exists(&self, key: &str) -> Result<bool> {
        Ok(self.state(key).await?.is_some())
    }

    /// Every key under a directory (`""` for all, else ending in `/`) with its size in bytes, sorted.
    pub async fn list(&self, directory: &str) -> Result<Vec<(String, u64)>> {
        let states = self.list_states(directory).await?;
        Ok(states.into_iter().map(|(key, state)| (key, state.bytes)).collect())
    }

    /// Every key under a directory (`""` for all, else ending in `/`) with what is known of it, sorted.
    pub async fn list_states(&self, directory: &str) -> Result<Vec<(String, ObjectState)>> {
        let under = format!("{}{directory}", self.prefix);
        let listed: Vec<(String, ObjectState)> = self
            .storage
            .list(&under)
            .try_collect()
            .await
            .map_err(|source| self.unavailable("list", directory, source))?;
        let within = |(key, state): (String, ObjectState)| {
            Some((key.strip_prefix(self.prefix.as_ref())?.to_owned(), state))
        };
        let mut found: Vec<_> = listed.into_iter().filter_map(within).collect();
        found.sort_unstable_by(|left, right| left.0.cmp(&right.0));
        Ok(found)
    }

    /// Removes an object for good; one that is not there counts as removed. [`Error::Invalid`] unless the destination
    /// was opened with [`Self::for_expiry`].
    pub async fn remove(&self, key: &str) -> Result<()> {
        if !self.may_remove {
            return Err(Error::Invalid(format!(
                "nothing is removed from archive destination {}: it was not opened for expiry",
                self.name
            )));
        }
        let removed = self.storage.remove(&self.key(key)?).await;
        removed.map_err(|source| self.unavailable("remove", key, source))
    }

    pub(crate) fn unavailable(
        &self,
        action: &'static str,
        key: &str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Error {
        Error::Unavailable {
            destination: self.name.to_string(),
            action,
            key: key.to_owned(),
            source: source.into(),
        }
    }

    async fn fetch(&self, key: &str, range: Option<Range<u64>>) -> Result<Stored> {
        let read = self.storage.read(&self.key(key)?, range).await;
        read.map_err(|source| self.unavailable("read", key, source))?
            .ok_or_else(|| Error::NotFound { destination: self.name.to_string(), key: key.to_owned() })
    }

    /// Whether the object's bytes are `expected`; `None` where there is no object.
    async fn holds(&self, key: &str, full: &str, expected: &Bytes) -> Result<Option<bool>> {
        let unreadable = |source: StorageError| self.unavailable("read", key, source);
        let Some(found) = self.storage.read(full, None).await.map_err(unreadable)? else { return Ok(None) };
        if found.state.bytes != expected.len() as u64 {
            return Ok(Some(false));
        }
        let mut chunks = match found.body {
            Body::File(file, bytes) => {
                let read = tokio::task::spawn_blocking(move || read_file(file, bytes)).await?;
                let read = read.map_err(|source| self.unavailable("read", key, source))?;
                return Ok(Some(read == *expected));
            }
            Body::Stream(chunks) => chunks,
        };
        let mut left = expected.as_ref();
        while let Some(chunk) = chunks.try_next().await.map_err(unreadable)? {
            match left.strip_prefix(chunk.as_ref()) {
                Some(rest) => left = rest,
                None => return Ok(Some(false)),
            }
        }
        Ok(Some(left.is_empty()))
    }

    fn key(&self, key: &str) -> Result<String> {
        let is_usable = |segment: &str| {
            !matches!(segment, "" | "." | "..")
                && segment.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
        };
        if !key.split('/').all(is_usable) {
            return Err(Error::Invalid(format!("`{}` is not a key of an archive", key.escape_debug())));
        }
        Ok(format!("{}{key}", self.prefix))
    }
}

/// The next bytes of a file, at most so many.
fn read_file(file: std::fs::File, bytes: u64) -> std::io::Result<Bytes> {
    use std::io::Read as _;
    let mut whole = Vec::with_capacity(usize::try_from(bytes.min(1 << 20)).unwrap_or_default());
    file.take(bytes).read_to_end(&mut whole)?;
    Ok(whole.into())
}
