use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use archive::{
    Body, Created, Kind, ObjectState, Storage, StorageError, StorageErrorKind, StorageResult, Stored,
};
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};

/// A call of a storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StorageCall {
    /// [`Storage::create`]
    Create,
    /// [`Storage::read`]
    Read,
}

/// What is wrong with a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageFault {
    /// The call fails with this kind and has no effect.
    Fails(StorageErrorKind),
    /// The call has its effect and its answer is lost.
    AppliedUnknown,
    /// The call has its effect and never ends: its caller is killed, as whoever waits on [`FaultyStorage::hung`] does.
    Hangs,
    /// The call never ends and has no effect.
    HangsBefore,
    /// A read gives as many bytes, one of them another.
    OtherBytes,
    /// A read ends in the middle.
    Truncated,
    /// A read gives the first object that was ever written through here.
    FirstObject,
    /// What was written is not there afterwards, although the write was confirmed.
    Forgotten,
}

/// Which calls meet a fault: of a kind, on keys with a text in them, after so many others, once or always.
#[derive(Debug, Clone)]
pub struct StorageRule {
    /// Of which kind.
    pub call: StorageCall,
    /// What the key has in it; empty is every key.
    pub key: String,
    /// So many such calls are left alone first.
    pub after: usize,
    /// Whether the calls after the first that meets it meet it too.
    pub always: bool,
    /// The fault.
    pub fault: StorageFault,
}

impl StorageRule {
    /// The first such call, once.
    pub fn once(call: StorageCall, key: &str, fault: StorageFault) -> Self {
        Self { call, key: key.to_owned(), after: 0, always: false, fault }
    }

    /// Every such call.
    pub fn always(call: StorageCall, key: &str, fault: StorageFault) -> Self {
        Self { always: true, ..Self::once(call, key, fault) }
    }
}

/// A storage whose calls fail by rules.
pub struct FaultyStorage {
    inner: Arc<dyn Storage>,
    state: Mutex<State>,
    hung: tokio::sync::Notify,
}

#[derive(Default)]
struct State {
    rules: Vec<StorageRule>,
    seen: Vec<usize>,
    struck: usize,
    first: Option<Bytes>,
}

impl fmt::Debug for FaultyStorage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "FaultyStorage over {:?}", self.inner)
    }
}

impl FaultyStorage {
    /// Over `inner`; nothing fails yet.
    pub fn new(inner: Arc<dyn Storage>) -> Self {
        Self { inner, state: Mutex::default(), hung: tokio::sync::Notify::new() }
    }

    /// Adds a rule. Of several that match, the first counts.
    pub fn rule(&self, rule: StorageRule) {
        let mut state = self.state();
        state.rules.push(rule);
        state.seen.push(0);
    }

    /// Nothing fails any more.
    pub fn clear(&self) {
        let mut state = self.state();
        (state.rules, state.seen) = (Vec::new(), Vec::new());
    }

    /// How many calls met a fault.
    pub fn struck(&self) -> usize {
        self.state().struck
    }

    /// Returns when a call hangs.
    pub async fn hung(&self) {
        self.hung.notified().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fault(&self, call: StorageCall, key: &str) -> Option<StorageFault> {
        let mut state = self.state();
        let State { rules, seen, struck, .. } = &mut *state;
        let matches = |rule: &StorageRule| rule.call == call && key.contains(&rule.key);
        for (rule, seen) in rules.iter().zip(seen).filter(|(rule, _)| matches(rule)) {
            *seen += 1;
            if *seen == rule.after + 1 || (rule.always && *seen > rule.after) {
                *struck += 1;
                return Some(rule.fault);
            }
        }
        None
    }

    async fn hang<T>(&self) -> T {
        self.hung.notify_one();
        std::future::pending().await
    }
}

fn injected(kind: StorageErrorKind) -> StorageError {
    StorageError::new(kind, format!("an injected fault: {kind:?}"))
}

#[async_trait]
impl Storage for FaultyStorage {
    async fn create(&self, key: &str, bytes: Bytes) -> StorageResult<Created> {
        self.state().first.get_or_insert_with(|| bytes.clone());
        match self.fault(StorageCall::Create, key) {
            None => self.inner.create(key, bytes).await,
            Some(StorageFault::Fails(kind)) => Err(injected(kind)),
            Some(StorageFault::AppliedUnknown) => {
                self.inner.create(key, bytes).await?;
                Err(injected(StorageErrorKind::Unavailable))
            }
            Some(StorageFault::Hangs) => {
                self.inner.create(key, bytes).await?;
                self.hang().await
            }
            Some(StorageFault::HangsBefore) => self.hang().await,
            Some(StorageFault::Forgotten) => Ok(Created::New),
            Some(StorageFault::OtherBytes | StorageFault::FirstObject) => {
                self.inner.create(key, altered(&bytes)).await
            }
            Some(StorageFault::Truncated) => self.inner.create(key, bytes.slice(..bytes.len() / 2)).await,
        }
    }

    async fn read(&self, key: &str, range: Option<Range<u64>>) -> StorageResult<Option<Stored>> {
        let fault = self.fault(StorageCall::Read, key);
        match fault {
            Some(StorageFault::Fails(kind)) => return Err(injected(kind)),
            Some(StorageFault::AppliedUnknown) => return Err(injected(StorageErrorKind::Unavailable)),
            Some(StorageFault::Hangs | StorageFault::HangsBefore) => return self.hang().await,
            Some(StorageFault::Forgotten) => return Ok(None),
            Some(StorageFault::OtherBytes | StorageFault::Truncated | StorageFault::FirstObject) | None => {}
        }
        let Some(mut stored) = self.inner.read(key, range).await? else { return Ok(None) };
        if fault.is_some() {
            let bytes = all_of(stored.body).await?;
            let given = match fault {
                Some(StorageFault::Truncated) => bytes.slice(..bytes.len() / 2),
                Some(StorageFault::FirstObject) => self.state().first.clone().unwrap_or_default(),
                _ => altered(&bytes),
            };
            stored.body = Body::Stream(stream::iter([Ok(given)]).boxed());
        }
        Ok(Some(stored))
    }

    async fn head(&self, key: &str) -> StorageResult<Option<ObjectState>> {
        self.inner.head(key).await
    }

    fn list(&self, prefix: &str) -> BoxStream<'static, StorageResult<(String, ObjectState)>> {
        self.inner.list(prefix)
    }

    async fn remove(&self, key: &str) -> StorageResult<()> {
        self.inner.remove(key).await
    }

    async fn settle(&self, key: &str) -> StorageResult<()> {
        self.inner.settle(key).await
    }

    fn kind(&self) -> Kind {
        self.inner.kind()
    }

    fn local_root(&self) -> Option<&Path> {
        self.inner.local_root()
    }
}

async fn all_of(body: Body) -> StorageResult<Bytes> {
    match body {
        Body::File(mut file, bytes) => {
            use std::io::Read as _;
            let mut read = Vec::new();
            file.by_ref().take(bytes).read_to_end(&mut read)?;
            Ok(read.into())
        }
        Body::Stream(pieces) => {
            let pieces: Vec<Bytes> = pieces.try_collect().await?;
            Ok(pieces.concat().into())
        }
    }
}

/// The same with the bits of its middle byte turned around.
fn altered(bytes: &Bytes) -> Bytes {
    let mut bytes = bytes.to_vec();
    let middle = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(middle) {
        *byte = !*byte;
    }
    bytes.into()
}
