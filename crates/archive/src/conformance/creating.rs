//! Creating: once, at the same time, given up, small and large, and with nothing else allowed.

use std::ops::Range;
use std::sync::Arc;
use std::task::Poll;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};

use super::{Failed, Place, chain, expect};
use crate::destination::{
    Created, Destination, ObjectState, Put, Storage, StorageError, StorageErrorKind, StorageResult, Stored,
};
use crate::error::Error;

const CREATORS: u8 = 16;
const MEBIBYTE: usize = 1 << 20;

pub(super) async fn twice(place: &Place) -> Result<(), Failed> {
    place.create_new("key", "first").await?;
    for other in ["first", "other", ""] {
        expect("a second create", &place.create("key", other).await?, &Created::Exists)?;
        expect("what is there", &place.read("key", None).await?, &Some(Bytes::from_static(b"first")))?;
    }
    Ok(())
}

pub(super) async fn at_the_same_time(place: &Place) -> Result<(), Failed> {
    for round in 0..8 {
        let name = format!("round-{round}");
        let key = place.key(&name);
        let creators = (0..CREATORS).map(|number| {
            let (storage, key) = (Arc::clone(&place.storage), key.clone());
            let body = Bytes::from(vec![number; 4_096]);
            tokio::spawn(async move { (number, storage.create(&key, body).await) })
        });
        let mut winners = Vec::new();
        for creator in creators.collect::<Vec<_>>() {
            let (number, created) = creator.await.map_err(|error| error.to_string())?;
            match created {
                Ok(Created::New) => winners.push(number),
                Ok(Created::Exists) => {}
                Err(error) => return Err(format!("one of {CREATORS} creators: {}", chain(&error))),
            }
        }
        let [winner] = winners[..] else {
            return Err(format!("{} of {CREATORS} creators were told that they created", winners.len()));
        };
        let stored = place.read(&name, None).await?;
        expect("the winner's bytes", &stored, &Some(Bytes::from(vec![winner; 4_096])))?;
    }
    Ok(())
}

/// Gives up after so many steps of the write, whatever they are.
pub(super) async fn interrupted(place: &Place) -> Result<(), Failed> {
    let body = Bytes::from(pattern(4 * MEBIBYTE));
    for steps in [1, 2, 4, 8, 32] {
        let name = format!("after-{steps}");
        let key = place.key(&name);
        let mut writing = place.storage.create(&key, body.clone());
        let mut left = steps;
        std::future::poll_fn(|context| {
            left -= 1;
            match writing.as_mut().poll(context) {
                Poll::Ready(_) => Poll::Ready(()),
                Poll::Pending if left == 0 => Poll::Ready(()),
                Poll::Pending => Poll::Pending,
            }
        })
        .await;
        drop(writing);
        if let Some(seen) = place.read(&name, None).await?
            && seen != body
        {
            return Err(format!("a write given up after {steps} steps left {} bytes to read", seen.len()));
        }
        // What was under way may still arrive, but whole; and it is not in the way of those who write the same.
        let destination = destination(place)?;
        let put = destination.put_new(&name, body.clone()).await;
        put.map_err(|error| format!("writing again after {steps} steps: {}", chain(&error)))?;
        expect("what was written again", &(place.read(&name, None).await?.as_ref() == Some(&body)), &true)?;
    }
    Ok(())
}

pub(super) async fn sizes(place: &Place) -> Result<(), Failed> {
    round_trip(place, "empty", 0).await?;
    round_trip(place, "one", 1).await?;
    round_trip(place, "large", 8 * MEBIBYTE + 1).await
}

pub(super) async fn round_trip(place: &Place, name: &str, bytes: usize) -> Result<(), Failed> {
    let body = Bytes::from(pattern(bytes));
    place.create_new(name, body.clone()).await?;
    let stored = place.read(name, None).await?.ok_or_else(|| format!("{name} is not there"))?;
    expect(&format!("the size of {name}"), &stored.len(), &bytes)?;
    expect(&format!("the bytes of {name} are the same"), &(stored == body), &true)
}

/// Bytes that no shift or repetition leaves the same.
fn pattern(bytes: usize) -> Vec<u8> {
    (0..bytes as u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

pub(super) async fn with_create_and_read_alone(place: &Place) -> Result<(), Failed> {
    let destination = destination(place)?;
    let put = |bytes: &'static [u8]| destination.put_new("key", Bytes::from_static(bytes));
    let failed = |error: Error| chain(&error);
    expect("a first write", &put(b"ours").await.map_err(failed)?, &Put::Created)?;
    expect("the same again", &put(b"ours").await.map_err(failed)?, &Put::AlreadyOurs)?;
    for other in [&b"others"[..], b"oursX", b"our", b""] {
        match put(other).await {
            Err(Error::Conflict { .. }) => {}
            seen => return Err(format!("other bytes: {seen:?} instead of a conflict")),
        }
    }
    let read = destination.read_at_most("key", 4).await.map_err(failed)?;
    expect("what is there", &read, &Bytes::from_static(b"ours"))
}

fn destination(place: &Place) -> Result<Destination, Failed> {
    let storage = CreateAndRead(Arc::clone(&place.storage));
    Destination::over("conformance", Arc::new(storage), &place.under).map_err(|error| chain(&error))
}

/// A storage whose credentials allow two calls.
#[derive(Debug)]
struct CreateAndRead(Arc<dyn Storage>);

fn denied() -> StorageError {
    StorageError::new(StorageErrorKind::Denied, "only create and read are allowed")
}

#[async_trait]
impl Storage for CreateAndRead {
    async fn create(&self, key: &str, bytes: Bytes) -> StorageResult<Created> {
        self.0.create(key, bytes).await
    }

    async fn read(&self, key: &str, range: Option<Range<u64>>) -> StorageResult<Option<Stored>> {
        self.0.read(key, range).await
    }

    async fn head(&self, _key: &str) -> StorageResult<Option<ObjectState>> {
        Err(denied())
    }

    fn list(&self, _prefix: &str) -> BoxStream<'static, StorageResult<(String, ObjectState)>> {
        stream::once(async { Err(denied()) }).boxed()
    }

    async fn remove(&self, _key: &str) -> StorageResult<()> {
        Err(denied())
    }

    async fn settle(&self, key: &str) -> StorageResult<()> {
        self.0.settle(key).await
    }
}
