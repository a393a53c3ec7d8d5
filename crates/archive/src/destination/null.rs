//! Nowhere: the destination of a ledger that discards what has aged.

use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};

use super::storage::{Created, Kind, ObjectState, Storage, StorageResult, Stored};
use super::storage_error::{StorageError, StorageErrorKind};

/// Keeps nothing, and says so: a write to it is an error, never a success without a copy.
#[derive(Debug)]
pub(super) struct NullStorage;

#[async_trait]
impl Storage for NullStorage {
    async fn create(&self, _key: &str, _bytes: Bytes) -> StorageResult<Created> {
        Err(StorageError::new(StorageErrorKind::Failed, "null: keeps nothing: nothing can be written to it"))
    }

    async fn read(&self, _key: &str, _range: Option<Range<u64>>) -> StorageResult<Option<Stored>> {
        Ok(None)
    }

    async fn head(&self, _key: &str) -> StorageResult<Option<ObjectState>> {
        Ok(None)
    }

    fn list(&self, _prefix: &str) -> BoxStream<'static, StorageResult<(String, ObjectState)>> {
        stream::empty().boxed()
    }

    async fn remove(&self, _key: &str) -> StorageResult<()> {
        Ok(())
    }

    fn kind(&self) -> Kind {
        Kind::Null
    }
}
