//! Request bodies, read within bounds: of one body, of all of them together, and of time.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::header::{CONTENT_LENGTH, EXPECT};
use axum::http::{HeaderMap, StatusCode};
use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::failure::Failure;

/// Bytes of a body that is too large which are read and thrown away, so that its sender gets to read the answer
/// instead of finding the connection reset.
const DRAINED_BYTES_MAX: usize = 64 << 20;

/// The room that all bodies share, and how they are taken into it. Cheap to clone; clones share one room.
#[derive(Clone, Debug)]
pub(crate) struct BodyRoom {
    bytes: Arc<Semaphore>,
    /// Bodies being decompressed or parsed. More than there are cores would only hold more memory.
    turns: Arc<Semaphore>,
    arrival: Duration,
}

impl BodyRoom {
    /// Room for `bytes_max` bytes of bodies, each of which may take `arrival` to arrive.
    pub(crate) fn new(bytes_max: usize, arrival: Duration) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            bytes: Arc::new(Semaphore::new(bytes_max.min(Semaphore::MAX_PERMITS))),
            turns: Arc::new(Semaphore::new(cores)),
            arrival,
        }
    }

    /// Waits for a turn to decompress and parse; the turn ends when the permit is dropped.
    pub(crate) async fn turn(&self) -> Result<OwnedSemaphorePermit, Failure> {
        self.turns.clone().acquire_owned().await.map_err(|_| no_room())
    }

    /// Takes room for so many more bytes beside what `held` has, or refuses at once: waiting would hold what there is.
    pub(crate) fn take(&self, bytes: usize, held: &mut Option<OwnedSemaphorePermit>) -> Result<(), Failure> {
        let wanted = u32::try_from(bytes).unwrap_or(u32::MAX);
        let permit = self.bytes.clone().try_acquire_many_owned(wanted).map_err(|_| no_room())?;
        match held {
            Some(held) => held.merge(permit),
            None => *held = Some(permit),
        }
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn left(&self) -> usize {
        self.bytes.available_permits()
    }
}

fn no_room() -> Failure {
    Failure::overloaded("too many requests at once; nothing was stored, come back soon")
}

/// Bytes of memory that an announcement alone can take.
const RESERVED_BYTES_MAX: usize = 64 << 10;

/// A body in memory, with its share of the room that all bodies have. Dropping it gives the room back.
#[derive(Debug)]
pub(crate) struct Bounded {
    pub(crate) bytes: Bytes,
    pub(crate) room: Option<OwnedSemaphorePermit>,
}

/// Reads a body of at most `bytes_max`, as it was sent: still in its coding.
pub(crate) async fn read(
    headers: &HeaderMap,
    body: Body,
    bytes_max: usize,
    room: &BodyRoom,
) -> Result<Bounded, Failure> {
    let arriving =
        tokio::time::timeout(room.arrival, arrive(headers, body.into_data_stream(), bytes_max, room));
    arriving.await.unwrap_or_else(|_| {
        let seconds = room.arrival.as_secs_f64();
        let message = format!("the body did not arrive within {seconds} seconds; nothing was stored");
        Err(Failure::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", message))
    })
}

async fn arrive(
    headers: &HeaderMap,
    mut chunks: BodyDataStream,
    bytes_max: usize,
    room: &BodyRoom,
) -> Result<Bounded, Failure> {
    let announced: Option<usize> =
        headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|bytes| bytes > bytes_max) {
        // Whoever waits to be asked for the body reads the answer anyway; reading on would ask for it.
        let is_waiting = headers.contains_key(EXPECT);
        return Err(if is_waiting { too_large(bytes_max) } else { refuse(chunks, bytes_max).await });
    }
    // What is announced is not there yet, and has no room yet.
    let mut bytes = BytesMut::with_capacity(announced.unwrap_or_default().min(RESERVED_BYTES_MAX));
    let mut held: Option<OwnedSemaphorePermit> = None;
    while let Some(chunk) = next(&mut chunks).await? {
        if bytes.len() + chunk.len() > bytes_max {
            drop((bytes, held));
            return Err(refuse(chunks, bytes_max).await);
        }
        room.take(chunk.len(), &mut held)?;
        bytes.extend_from_slice(&chunk);
    }
    Ok(Bounded { bytes: bytes.freeze(), room: held })
}

async fn refuse(mut chunks: BodyDataStream, bytes_max: usize) -> Failure {
    let mut drained = 0;
    while let Ok(Some(chunk)) = next(&mut chunks).await {
        drained += chunk.len();
        if drained > DRAINED_BYTES_MAX {
            break;
        }
    }
    too_large(bytes_max)
}

fn too_large(bytes_max: usize) -> Failure {
    Failure::too_large(format!("a body has at most {bytes_max} bytes here; nothing was stored"))
}

async fn next(chunks: &mut BodyDataStream) -> Result<Option<Bytes>, Failure> {
    chunks.try_next().await.map_err(|error| {
        tracing::debug!(error = &error as &dyn std::error::Error, "a request's body broke off");
        Failure::malformed("the body broke off; nothing was stored")
    })
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;
    use futures::stream;

    use super::*;

    type Chunk = Result<Bytes, std::io::Error>;

    async fn status(body: Body, bytes_max: usize, room: usize) -> StatusCode {
        let room = BodyRoom::new(room, Duration::from_secs(60));
        let failure = read(&HeaderMap::new(), body, bytes_max, &room).await.unwrap_err();
        failure.into_response().status()
    }

    #[tokio::test]
    async fn a_body_holds_its_share_of_the_room_until_it_is_dropped() {
        let room = BodyRoom::new(10, Duration::from_secs(60));
        let chunks = [Chunk::Ok(Bytes::from("abc")), Ok(Bytes::from("de"))];
        let read = read(&HeaderMap::new(), Body::from_stream(stream::iter(chunks)), 5, &room).await.unwrap();
        assert_eq!((&read.bytes[..], room.left()), (&b"abcde"[..], 5));
        drop(read);
        assert_eq!(room.left(), 10);
    }

    #[tokio::test]
    async fn a8_a_body_that_finds_no_room_is_told_to_come_back() {
        assert_eq!(status(Body::from("abc"), 5, 2).await, StatusCode::SERVICE_UNAVAILABLE);
    }

    #[tokio::test]
    async fn a_body_that_grows_beyond_the_limit_is_refused_whatever_it_announced() {
        assert_eq!(status(Body::from("abcdef"), 5, 100).await, StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_malformed() {
        let chunks = [Ok(Bytes::from("abc")), Err(std::io::Error::other("gone"))];
        let body = Body::from_stream(stream::iter(chunks));
        assert_eq!(status(body, 5, 100).await, StatusCode::BAD_REQUEST);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_arrives_times_out() {
        let body = Body::from_stream(stream::pending::<Chunk>());
        assert_eq!(status(body, 5, 100).await, StatusCode::REQUEST_TIMEOUT);
    }
}
