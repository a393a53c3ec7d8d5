//! A directory as a [`Storage`], and the durability of names in it.
//!
//! `LocalFileSystem::with_fsync` syncs a new file, the directory it is linked into, and the directories it
//! made itself. It does not sync a directory that was already there when it looked, and that one may have
//! been made a moment ago by another writer, or by a process that was killed before its own sync. Here
//! every directory between the root and the file is therefore synced once before a write counts.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;

use super::object_storage::ObjectStorage;
use super::storage::{Created, Kind, ObjectState, Storage, StorageResult, Stored};
use super::storage_error::{StorageError, StorageErrorKind};

/// Objects as files under a directory.
#[derive(Debug)]
pub(super) struct LocalStorage {
    objects: ObjectStorage,
    root: Arc<LocalRoot>,
}

impl LocalStorage {
    /// Over a directory that is there.
    pub(super) fn over(root: &Path) -> io::Result<Self> {
        let canonical = root.canonicalize()?;
        let store = LocalFileSystem::new_with_prefix(&canonical).map_err(io::Error::other)?;
        Ok(Self {
            objects: ObjectStorage::new(Arc::new(store.with_fsync(true)), Kind::File),
            root: Arc::new(LocalRoot::new(canonical)),
        })
    }

    async fn sync(&self, key: &str, file_too: bool) -> StorageResult<()> {
        let (root, relative) = (Arc::clone(&self.root), key.to_owned());
        let synced = tokio::task::spawn_blocking(move || root.sync(&relative, file_too)).await;
        // A sync that failed is told once; reading back afterwards proves nothing.
        let ended = |error: tokio::task::JoinError| {
            StorageError::new(StorageErrorKind::Failed, "a sync was interrupted").with_source(error)
        };
        Ok(synced.map_err(ended)??)
    }
}

#[async_trait]
impl Storage for LocalStorage {
    async fn create(&self, key: &str, bytes: Bytes) -> StorageResult<Created> {
        let created = self.objects.create(key, bytes).await?;
        if created == Created::New {
            self.sync(key, false).await?;
        }
        Ok(created)
    }

    async fn read(&self, key: &str, range: Option<Range<u64>>) -> StorageResult<Option<Stored>> {
        self.objects.read(key, range).await
    }

    async fn head(&self, key: &str) -> StorageResult<Option<ObjectState>> {
        self.objects.head(key).await
    }

    fn list(&self, prefix: &str) -> BoxStream<'static, StorageResult<(String, ObjectState)>> {
        self.objects.list(prefix)
    }

    /// The name's absence is durable when this returns: an expiry that is told done must not come undone.
    async fn remove(&self, key: &str) -> StorageResult<()> {
        self.objects.remove(key).await?;
        let (root, relative) = (Arc::clone(&self.root), key.to_owned());
        let synced = tokio::task::spawn_blocking(move || root.sync_absence(&relative)).await;
        let ended = |error: tokio::task::JoinError| {
            StorageError::new(StorageErrorKind::Failed, "a sync was interrupted").with_source(error)
        };
        Ok(synced.map_err(ended)??)
    }

    async fn settle(&self, key: &str) -> StorageResult<()> {
        self.sync(key, true).await
    }

    fn kind(&self) -> Kind {
        Kind::File
    }

    fn local_root(&self) -> Option<&Path> {
        Some(&self.root.path)
    }
}

/// The root of a local destination.
#[derive(Debug)]
struct LocalRoot {
    path: PathBuf,
    /// Directories whose own name is known to be durable in their parent.
    durable: Mutex<HashSet<PathBuf>>,
}

impl LocalRoot {
    fn new(path: PathBuf) -> Self {
        Self { path, durable: Mutex::default() }
    }

    /// Makes the names on the way to `key` durable; with `file_too` also the file and its own name, which
    /// are already synced when this process has just written it.
    fn sync(&self, key: &str, file_too: bool) -> io::Result<()> {
        let file = self.path.join(key);
        if file_too {
            File::open(&file)?.sync_all()?;
            sync_directory(file.parent().unwrap_or(&self.path))?;
        }
        let directories = file.ancestors().skip(1).take_while(|directory| *directory != self.path);
        for directory in directories {
            if self.is_durable(directory) {
                continue;
            }
            if let Some(parent) = directory.parent() {
                sync_directory(parent)?;
            }
            self.durable.lock().unwrap_or_else(PoisonError::into_inner).insert(directory.to_owned());
        }
        Ok(())
    }

    /// Makes durable that there is no such file.
    fn sync_absence(&self, key: &str) -> io::Result<()> {
        let file = self.path.join(key);
        match sync_directory(file.parent().unwrap_or(&self.path)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            synced => synced,
        }
    }

    fn is_durable(&self, directory: &Path) -> bool {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner).contains(directory)
    }
}

/// Makes a directory and those above it, and syncs each name that was made.
pub(super) fn create_directories(path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = path
        .ancestors()
        .take_while(|ancestor| !ancestor.as_os_str().is_empty() && !ancestor.exists())
        .collect();
    std::fs::create_dir_all(path)?;
    for directory in &missing {
        if let Some(parent) = directory.parent() {
            sync_directory(parent)?;
        }
    }
    if missing.is_empty() {
        // A process that was killed may have made the root and not come to its sync. Where the parent is
        // not ours to open, the root was made by somebody else.
        match path.parent().map_or(Ok(()), sync_directory) {
            Err(error) if error.kind() != io::ErrorKind::PermissionDenied => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Directories cannot be opened and synced portably elsewhere.
#[cfg(not(unix))]
fn sync_directory(_path: &Path) -> io::Result<()> {
    Ok(())
}
