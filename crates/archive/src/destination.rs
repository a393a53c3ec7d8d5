//! A place where archives are kept: create-only writes, bounded reads, listings.

mod local;
mod reader;

use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt as _;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    GetOptions, GetResult, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload,
};

use crate::encryption::{Identity, Recipients};
use crate::error::{Error, Result};
use local::LocalRoot;
pub use reader::ObjectReader;

/// A create-only write is tried this often when the destination says "exists" and then "not found",
/// as S3 does after a conflicting request that stored nothing.
const PUT_ATTEMPTS_MAX: u32 = 4;

/// What a create-only write found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// The object was not there and now is.
    Created,
    /// The object was there with exactly these bytes: an earlier attempt of ours, taken as done.
    AlreadyOurs,
}

/// A named place in object storage that holds one archive. Cheap to clone.
///
/// Nothing here overwrites or deletes. A write that returned is durable: for a local root the file, its
/// directory and every directory above it up to the root have been synced.
#[derive(Clone, Debug)]
pub struct Destination {
    name: Arc<str>,
    store: Arc<dyn ObjectStore>,
    prefix: Arc<str>,
    local: Option<Arc<LocalRoot>>,
    recipients: Option<Recipients>,
    identity: Option<Identity>,
}

impl Destination {
    /// Opens an archive that exists. `url` is `file:///absolute/path` (percent-encoding is decoded) or an
    /// absolute path. A root that is not there is [`Error::NoDirectory`], so that a mistyped path never
    /// verifies as an empty archive.
    pub fn open(name: &str, url: &str) -> Result<Self> {
        let root = local_path(url)?;
        if !root.is_dir() {
            return Err(Error::NoDirectory { path: root });
        }
        Self::over_directory(name, &root)
    }

    /// Opens an archive and makes its root directory, durably, where there is none.
    pub fn open_or_create(name: &str, url: &str) -> Result<Self> {
        let root = local_path(url)?;
        local::create_directories(&root).map_err(|source| Error::Unavailable {
            destination: name.to_owned(),
            action: "create",
            key: root.display().to_string(),
            source: source.into(),
        })?;
        Self::over_directory(name, &root)
    }

    /// Over any object store, under `prefix` (empty, or ending in `/`). Durability of a write is then
    /// what the store promises when it acknowledges one.
    pub fn over_store(name: &str, store: Arc<dyn ObjectStore>, prefix: &str) -> Result<Self> {
        if !prefix.is_empty() && (!prefix.ends_with('/') || prefix.starts_with('/')) {
            return Err(Error::Invalid(format!(
                "the prefix `{prefix}` of archive destination {name} must end in `/` and not begin with it"
            )));
        }
        Ok(Self { name: name.into(), store, prefix: prefix.into(), local: None, recipients: None, identity: None })
    }

    fn over_directory(name: &str, root: &FilePath) -> Result<Self> {
        let refuse = |source: Box<dyn std::error::Error + Send + Sync>| Error::Unavailable {
            destination: name.to_owned(),
            action: "open",
            key: root.display().to_string(),
            source,
        };
        let canonical = root.canonicalize().map_err(|source| refuse(source.into()))?;
        let store = LocalFileSystem::new_with_prefix(&canonical).map_err(|source| refuse(source.into()))?;
        Ok(Self {
            name: name.into(),
            store: Arc::new(store.with_fsync(true)),
            prefix: "".into(),
            local: Some(Arc::new(LocalRoot::new(canonical))),
            recipients: None,
            identity: None,
        })
    }

    /// The same with recipients: batches that are written from now on are encrypted to them. All destinations of a
    /// ledger have the same, because one manifest names the objects of all.
    #[must_use]
    pub fn with_recipients(mut self, recipients: Recipients) -> Self {
        self.recipients = Some(recipients);
        self
    }

    /// The same with an identity, which opens the encrypted objects that are read from it.
    #[must_use]
    pub fn with_identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// To whom objects are encrypted; `None`: they are not.
    pub fn recipients(&self) -> Option<&Recipients> {
        self.recipients.as_ref()
    }

    /// What opens encrypted objects, if it is known.
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// The name it was opened under.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The root directory of a local destination.
    pub fn local_root(&self) -> Option<&FilePath> {
        self.local.as_deref().map(LocalRoot::path)
    }

    /// Writes an object that must not be there yet, durably.
    ///
    /// "Already exists" proves nothing by itself: a write that was acknowledged with an error may have
    /// been stored. So what is there is read back and compared: equal bytes are [`Put::AlreadyOurs`],
    /// other bytes are [`Error::Conflict`] and stay as they are.
    pub async fn put_new(&self, key: &str, bytes: Bytes) -> Result<Put> {
        let path = self.path(key)?;
        for _ in 0..PUT_ATTEMPTS_MAX {
            let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
            let put = self.store.put_opts(&path, PutPayload::from_bytes(bytes.clone()), options).await;
            match put {
                Ok(_) => {
                    self.sync(key, false).await?;
                    return Ok(Put::Created);
                }
                Err(object_store::Error::AlreadyExists { .. }) => match self.holds(key, &bytes).await? {
                    Some(true) => {
                        // Whoever made it may not have reached its syncs yet, or ever.
                        self.sync(key, true).await?;
                        return Ok(Put::AlreadyOurs);
                    }
                    Some(false) => {
                        return Err(Error::Conflict {
                            destination: self.name.to_string(),
                            key: key.to_owned(),
                        });
                    }
                    None => {}
                },
                Err(source) => return Err(self.unavailable("write", key, source)),
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
        let found = self.fetch(key, None).await?;
        if found.meta.size > bytes_max {
            return Err(Error::TooLarge {
                destination: self.name.to_string(),
                key: key.to_owned(),
                bytes_max,
            });
        }
        found.bytes().await.map_err(|source| self.unavailable("read", key, source))
    }

    /// A reader over the object, or over `range` of it, with bounded memory. For a destination that is not
    /// a local root the reader blocks on the network, so read it inside `spawn_blocking`.
    pub async fn open_reader(&self, key: &str, range: Option<Range<u64>>) -> Result<ObjectReader> {
        let found = self.fetch(key, range).await?;
        ObjectReader::new(found).map_err(|source| self.unavailable("read", key, source))
    }

    /// The size of an object in bytes; `None` where there is none.
    pub async fn size(&self, key: &str) -> Result<Option<u64>> {
        match self.store.head(&self.path(key)?).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(self.unavailable("read", key, source)),
        }
    }

    /// Whether there is an object at `key`.
    pub async fn exists(&self, key: &str) -> Result<bool> {
        Ok(self.size(key).await?.is_some())
    }

    /// Every key under a directory (`""` for all, else ending in `/`) with its size in bytes, sorted.
    pub async fn list(&self, directory: &str) -> Result<Vec<(String, u64)>> {
        let under = format!("{}{directory}", self.prefix);
        let under = under.trim_end_matches('/');
        let path = if under.is_empty() {
            None
        } else {
            Some(Path::parse(under).map_err(|source| self.unavailable("list", directory, source))?)
        };
        let mut found: Vec<(String, u64)> = self
            .store
            .list(path.as_ref())
            .map_ok(|meta| (meta.location.to_string(), meta.size))
            .try_collect()
            .await
            .map_err(|source| self.unavailable("list", directory, source))?;
        for (key, _) in &mut found {
            key.drain(..self.prefix.len());
        }
        found.sort_unstable();
        Ok(found)
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

    async fn fetch(&self, key: &str, range: Option<Range<u64>>) -> Result<GetResult> {
        let options = GetOptions { range: range.map(Into::into), ..GetOptions::default() };
        self.store.get_opts(&self.path(key)?, options).await.map_err(|source| match source {
            object_store::Error::NotFound { .. } => {
                Error::NotFound { destination: self.name.to_string(), key: key.to_owned() }
            }
            other => self.unavailable("read", key, other),
        })
    }

    /// Whether the object's bytes are `expected`; `None` where there is no object.
    async fn holds(&self, key: &str, expected: &[u8]) -> Result<Option<bool>> {
        let found = match self.fetch(key, None).await {
            Ok(found) => found,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        if found.meta.size != expected.len() as u64 {
            return Ok(Some(false));
        }
        let mut left = expected;
        let mut chunks = found.into_stream();
        while let Some(chunk) =
            chunks.try_next().await.map_err(|source| self.unavailable("read", key, source))?
        {
            match left.strip_prefix(chunk.as_ref()) {
                Some(rest) => left = rest,
                None => return Ok(Some(false)),
            }
        }
        Ok(Some(left.is_empty()))
    }

    async fn sync(&self, key: &str, file_too: bool) -> Result<()> {
        let Some(local) = self.local.clone() else { return Ok(()) };
        let relative = key.to_owned();
        let synced = tokio::task::spawn_blocking(move || local.sync(&relative, file_too)).await?;
        synced.map_err(|source| self.unavailable("sync", key, source))
    }

    fn path(&self, key: &str) -> Result<Path> {
        let unusable = key.is_empty() || key.split('/').any(|part| matches!(part, "" | "." | ".."));
        if unusable {
            return Err(Error::Invalid(format!("`{key}` is not a key of an archive")));
        }
        Path::parse(format!("{}{key}", self.prefix))
            .map_err(|error| Error::Invalid(format!("`{key}` is not a key of an archive: {error}")))
    }
}

fn local_path(url: &str) -> Result<PathBuf> {
    let path = match url.strip_prefix("file://") {
        Some(rest) => percent_decoded(rest),
        None if url.contains("://") => None,
        None => Some(url.to_owned()),
    };
    match path.map(PathBuf::from) {
        Some(path) if path.is_absolute() => Ok(path),
        _ => Err(Error::Invalid(format!(
            "`{url}` is no archive this release reads or writes; it takes directories only, as \
             file:///absolute/path or /absolute/path"
        ))),
    }
}

/// Decodes `%41`; a `%` that is not followed by two hexadecimal digits stands for itself, because people
/// type paths. `None` when the result is not UTF-8.
fn percent_decoded(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let pair = bytes.get(at + 1..at + 3).filter(|pair| pair.iter().all(u8::is_ascii_hexdigit));
        let value = pair.and_then(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        match value {
            Some(value) if bytes[at] == b'%' => {
                decoded.push(value);
                at += 3;
            }
            _ => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_url_is_decoded_and_a_bare_percent_stays() {
        assert_eq!(local_path("file:///a%20b/100%/c").unwrap(), PathBuf::from("/a b/100%/c"));
        assert_eq!(local_path("/a%20b").unwrap(), PathBuf::from("/a%20b"));
    }

    #[test]
    fn other_schemes_and_relative_paths_are_refused_with_what_is_supported() {
        for url in ["s3://bucket/x", "gs://b", "az://c", "file://host/x", "file://x", "archive", ""] {
            let message = local_path(url).unwrap_err().to_string();
            let forms = "directories only, as file:///absolute/path or /absolute/path";
            assert!(message.contains(forms) && message.contains(url), "{message}");
        }
    }
}
