//! A destination whose calls fail when told to, over one that does not.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use archive::{
    Body, Created, Destination, ObjectState, Put, Storage, StorageError, StorageErrorKind, StorageResult,
    Stored,
};
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};

/// How the call fails that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failing {
    /// Nothing happens.
    Refused,
    /// It happens, and the answer is lost.
    Applied,
}

/// What fails, and when.
#[derive(Debug)]
pub(crate) struct Schedule {
    calls: AtomicUsize,
    due: AtomicUsize,
    denies_removal: AtomicBool,
    failing: Failing,
}

impl Schedule {
    pub(crate) fn new(failing: Failing) -> Arc<Self> {
        Arc::new(Self { calls: 0.into(), due: usize::MAX.into(), denies_removal: false.into(), failing })
    }

    /// The changing call after so many more fails, once.
    pub(crate) fn fail_after(&self, calls: usize) {
        self.due.store(self.calls() + calls, Ordering::SeqCst);
    }

    /// Removals are denied, as by an object lock, or no longer.
    pub(crate) fn deny_removal(&self, denies: bool) {
        self.denies_removal.store(denies, Ordering::SeqCst);
    }

    /// Calls so far that change something.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    fn strikes(&self) -> bool {
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        number == self.due.load(Ordering::SeqCst)
    }
}

/// The storage; `inner` is a whole destination without a prefix.
#[derive(Debug)]
pub(crate) struct Stubborn {
    pub(crate) inner: Destination,
    pub(crate) schedule: Arc<Schedule>,
}

fn failed(message: &str) -> StorageError {
    StorageError::new(StorageErrorKind::Failed, message)
}

impl Stubborn {
    async fn change<T>(&self, work: impl Future<Output = StorageResult<T>>) -> StorageResult<T> {
        if !self.schedule.strikes() {
            return work.await;
        }
        if self.schedule.failing == Failing::Applied {
            work.await?;
        }
        Err(StorageError::new(StorageErrorKind::Unavailable, "an injected fault"))
    }
}

#[async_trait::async_trait]
impl Storage for Stubborn {
    async fn create(&self, key: &str, bytes: Bytes) -> StorageResult<Created> {
        self.change(async {
            match self.inner.put_new(key, bytes).await {
                Ok(Put::Created) => Ok(Created::New),
                Ok(Put::AlreadyOurs) | Err(archive::Error::Conflict { .. }) => Ok(Created::Exists),
                Err(error) => Err(failed(&error.to_string())),
            }
        })
        .await
    }

    async fn read(&self, key: &str, range: Option<Range<u64>>) -> StorageResult<Option<Stored>> {
        let Some(state) = self.head(key).await? else { return Ok(None) };
        let bytes = self.inner.get(key).await.map_err(|error| failed(&error.to_string()))?;
        let range = range.unwrap_or(0..state.bytes);
        let bytes = bytes.slice(range.start as usize..range.end.min(state.bytes) as usize);
        Ok(Some(Stored { state, body: Body::Stream(stream::iter([Ok(bytes)]).boxed()) }))
    }

    async fn head(&self, key: &str) -> StorageResult<Option<ObjectState>> {
        self.inner.state(key).await.map_err(|error| failed(&error.to_string()))
    }

    fn list(&self, prefix: &str) -> BoxStream<'static, StorageResult<(String, ObjectState)>> {
        let (inner, prefix) = (self.inner.clone(), prefix.to_owned());
        let listed = async move {
            let found = inner.list_states(&prefix).await.map_err(|error| failed(&error.to_string()));
            match found {
                Ok(found) => found.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error)],
            }
        };
        stream::once(listed).flat_map(stream::iter).boxed()
    }

    async fn remove(&self, key: &str) -> StorageResult<()> {
        if self.schedule.denies_removal.load(Ordering::SeqCst) {
            return Err(StorageError::new(StorageErrorKind::Denied, "AccessDenied: the object is locked"));
        }
        self.change(async {
            let inner = self.inner.clone().for_expiry();
            inner.remove(key).await.map_err(|error| failed(&error.to_string()))
        })
        .await
    }
}
