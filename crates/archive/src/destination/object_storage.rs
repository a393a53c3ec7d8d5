//! A [`Storage`] over any object store of the crate `object_store`.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use event::Timestamp;
use futures::stream::{self, BoxStream};
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{
    GetOptions, GetResultPayload, ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions,
    PutPayload,
};
use tokio::sync::Semaphore;

use super::redaction::Redaction;
use super::storage::{Body, Created, Kind, ObjectState, Storage, StorageResult, Stored};
use super::storage_error::{StorageError, StorageErrorKind};

/// Requests to one place that may be waiting for their answer at once.
const REQUESTS_MAX: usize = 32;

/// Which store takes a write. Most times it is the one that is read; what asks for headers on writes alone has another.
pub(super) trait Writer: std::fmt::Debug + Send + Sync {
    /// The store to write to now.
    fn store(&self) -> StorageResult<Arc<dyn ObjectStore>>;
}

/// Objects in an object store.
#[derive(Debug)]
pub(super) struct ObjectStorage {
    store: Arc<dyn ObjectStore>,
    writer: Option<Arc<dyn Writer>>,
    kind: Kind,
    redaction: Arc<Redaction>,
    requests: Semaphore,
}

impl ObjectStorage {
    pub(super) fn new(store: Arc<dyn ObjectStore>, kind: Kind) -> Self {
        Self { store, writer: None, kind, redaction: Arc::default(), requests: Semaphore::new(REQUESTS_MAX) }
    }

    /// With a store of its own for writes.
    pub(super) fn with_writer(mut self, writer: Arc<dyn Writer>) -> Self {
        self.writer = Some(writer);
        self
    }

    /// With secrets that no error may name.
    pub(super) fn with_redaction(mut self, redaction: Arc<Redaction>) -> Self {
        self.redaction = redaction;
        self
    }

    fn failed(&self, error: &object_store::Error) -> StorageError {
        failure(error, &self.redaction)
    }

    /// Waits for its turn; the permit is held until the answer's head is there.
    async fn turn(&self) -> StorageResult<tokio::sync::SemaphorePermit<'_>> {
        let closed = |_| StorageError::new(StorageErrorKind::Failed, "the destination was closed");
        self.requests.acquire().await.map_err(closed)
    }
}

#[async_trait]
impl Storage for ObjectStorage {
    async fn create(&self, key: &str, bytes: Bytes) -> StorageResult<Created> {
        let path = path(key)?;
        let store = match &self.writer {
            Some(writer) => writer.store()?,
            None => Arc::clone(&self.store),
        };
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let _turn = self.turn().await?;
        match store.put_opts(&path, PutPayload::from_bytes(bytes), options).await {
            Ok(_) => Ok(Created::New),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(Created::Exists),
            Err(error) => Err(self.failed(&error)),
        }
    }

    async fn read(&self, key: &str, range: Option<Range<u64>>) -> StorageResult<Option<Stored>> {
        let path = path(key)?;
        let options = GetOptions { range: range.map(Into::into), ..GetOptions::default() };
        let turn = self.turn().await?;
        let found = match self.store.get_opts(&path, options).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(self.failed(&error)),
        };
        drop(turn);
        let state = state(&found.meta);
        let body = match found.payload {
            GetResultPayload::File(file, _) => Body::of_file(file, found.range)?,
            GetResultPayload::Stream(chunks) => {
                let redaction = Arc::clone(&self.redaction);
                Body::Stream(chunks.map_err(move |error| failure(&error, &redaction)).boxed())
            }
        };
        Ok(Some(Stored { state, body }))
    }

    async fn head(&self, key: &str) -> StorageResult<Option<ObjectState>> {
        let path = path(key)?;
        let _turn = self.turn().await?;
        match self.store.head(&path).await {
            Ok(meta) => Ok(Some(state(&meta))),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn list(&self, prefix: &str) -> BoxStream<'static, StorageResult<(String, ObjectState)>> {
        let under = match prefix.trim_end_matches('/') {
            "" => None,
            directory => match path(directory) {
                Ok(path) => Some(path),
                Err(error) => return stream::once(async { Err(error) }).boxed(),
            },
        };
        let redaction = Arc::clone(&self.redaction);
        self.store
            .list(under.as_ref())
            .map(move |found| match found {
                Ok(meta) => Ok((meta.location.to_string(), state(&meta))),
                Err(error) => Err(failure(&error, &redaction)),
            })
            .boxed()
    }

    async fn remove(&self, key: &str) -> StorageResult<()> {
        let path = path(key)?;
        let _turn = self.turn().await?;
        match self.store.delete(&path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn kind(&self) -> Kind {
        self.kind
    }
}

fn path(key: &str) -> StorageResult<Path> {
    Path::parse(key).map_err(|error| {
        StorageError::new(StorageErrorKind::Failed, format!("`{key}` is no name for an object: {error}"))
    })
}

fn state(meta: &ObjectMeta) -> ObjectState {
    ObjectState {
        bytes: meta.size,
        tag: meta.e_tag.clone(),
        last_modified: Timestamp::from_micros(meta.last_modified.timestamp_micros()),
    }
}

/// What happened, in words that are fit for a report.
pub(super) fn failure(error: &object_store::Error, redaction: &Redaction) -> StorageError {
    use object_store::Error;
    if let Some(kind) = io_error_kind(error) {
        // Of a local file: the system's own words.
        return std::io::Error::new(kind, redaction.text(error)).into();
    }
    let kind = match error {
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => StorageErrorKind::Denied,
        Error::Generic { store: "LocalFileSystem", .. }
        | Error::NotImplemented { .. }
        | Error::NotSupported { .. }
        | Error::InvalidPath { .. }
        | Error::UnknownConfigurationKey { .. } => StorageErrorKind::Failed,
        // 507 is WebDAV's word for it (RFC 4918), and what gateways to disks answer.
        other if redaction.text(other).contains("507 Insufficient Storage") => StorageErrorKind::Full,
        _ => StorageErrorKind::Unavailable,
    };
    StorageError::new(kind, redaction.text(error))
}

/// The kind of the system's error that this one is about, for a local file.
fn io_error_kind(error: &object_store::Error) -> Option<std::io::ErrorKind> {
    let object_store::Error::Generic { store: "LocalFileSystem", source } = error else { return None };
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(source.as_ref());
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return Some(error.kind());
        }
        cause = error.source();
    }
    None
}
