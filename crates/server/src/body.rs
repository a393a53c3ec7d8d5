//! Request bodies, read within bounds: of one body, of all of them together, and of time.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::failure::Failure;

/// How long a body may take to arrive. A batch of 16 MiB does so at 2.2 Mbit/s.
const ARRIVAL: Duration = Duration::from_secs(60);

/// Bytes of a body that is too large which are read and thrown away, so that its sender gets to read the answer
/// instead of finding the connection reset.
const DRAINED_BYTES_MAX: usize = 64 << 20;

/// A body in memory, with its share of the room that all bodies have. Dropping it gives the room back.
#[derive(Debug)]
pub(crate) struct Bounded {
    pub(crate) bytes: Bytes,
    pub(crate) room: Option<OwnedSemaphorePermit>,
}

/// Refuses a body that its headers call anything but plain. Taking it as plain would store what its sender did not mean
/// wherever the header is wrong, and find no JSON wherever it is right.
pub(crate) fn refuse_encoded(headers: &HeaderMap) -> Result<(), Failure> {
    let is_plain = |value: &HeaderValue| {
        value.to_str().is_ok_and(|codings| {
            codings
                .split(',')
                .map(str::trim)
                .all(|coding| coding.is_empty() || coding.eq_ignore_ascii_case("identity"))
        })
    };
    if headers.get_all(CONTENT_ENCODING).iter().all(is_plain) { Ok(()) } else { Err(Failure::encoded()) }
}

/// Reads a body of at most `bytes_max`.
pub(crate) async fn read(
    headers: &HeaderMap,
    body: Body,
    bytes_max: usize,
    room: &Arc<Semaphore>,
) -> Result<Bounded, Failure> {
    let arriving = tokio::time::timeout(ARRIVAL, arrive(headers, body.into_data_stream(), bytes_max, room));
    arriving.await.unwrap_or_else(|_| {
        let seconds = ARRIVAL.as_secs();
        let message = format!("the body did not arrive within {seconds} seconds; nothing was stored");
        Err(Failure::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", message))
    })
}

async fn arrive(
    headers: &HeaderMap,
    mut chunks: BodyDataStream,
    bytes_max: usize,
    room: &Arc<Semaphore>,
) -> Result<Bounded, Failure> {
    let announced: Option<usize> =
        headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|bytes| bytes > bytes_max) {
        return Err(refuse(chunks, bytes_max).await);
    }
    let mut bytes = BytesMut::with_capacity(announced.unwrap_or_default().min(bytes_max));
    let mut held: Option<OwnedSemaphorePermit> = None;
    while let Some(chunk) = next(&mut chunks).await? {
        if bytes.len() + chunk.len() > bytes_max {
            drop((bytes, held));
            return Err(refuse(chunks, bytes_max).await);
        }
        let wanted = u32::try_from(chunk.len()).unwrap_or(u32::MAX);
        let Ok(permit) = room.clone().try_acquire_many_owned(wanted) else {
            return Err(Failure::overloaded("too many requests at once; nothing was stored, come back soon"));
        };
        match &mut held {
            Some(held) => held.merge(permit),
            None => held = Some(permit),
        }
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

    #[test]
    fn only_a_plain_body_is_taken() {
        let refused = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_ENCODING, HeaderValue::from_str(value).unwrap());
            }
            refuse_encoded(&headers).is_err()
        };
        for plain in [&[][..], &["identity"], &["Identity"], &[""], &["identity, identity"]] {
            assert!(!refused(plain), "{plain:?}");
        }
        for encoded in [&["gzip"][..], &["zstd"], &["identity, gzip"], &["identity", "br"], &["é"], &["*"]] {
            assert!(refused(encoded), "{encoded:?}");
        }
    }

    type Chunk = Result<Bytes, std::io::Error>;

    async fn status(body: Body, bytes_max: usize, room: usize) -> StatusCode {
        let room = Arc::new(Semaphore::new(room));
        let failure = read(&HeaderMap::new(), body, bytes_max, &room).await.unwrap_err();
        failure.into_response().status()
    }

    #[tokio::test]
    async fn a_body_holds_its_share_of_the_room_until_it_is_dropped() {
        let room = Arc::new(Semaphore::new(10));
        let chunks = [Chunk::Ok(Bytes::from("abc")), Ok(Bytes::from("de"))];
        let read = read(&HeaderMap::new(), Body::from_stream(stream::iter(chunks)), 5, &room).await.unwrap();
        assert_eq!((&read.bytes[..], room.available_permits()), (&b"abcde"[..], 5));
        drop(read);
        assert_eq!(room.available_permits(), 10);
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
