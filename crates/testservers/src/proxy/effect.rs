//! What actions do, before the server is asked and after it has answered.

use bytes::Bytes;
use futures::stream;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName};
use hyper::http::{request, response};
use hyper::{Response, StatusCode};

use super::{Action, Answered, Failure};

/// An answer for the client, and how long its body is.
pub(super) struct Answer {
    pub(super) response: Answered,
    pub(super) body_bytes: u64,
}

/// The answer, where the server is not to be asked.
pub(super) async fn before(action: &Action, request: &mut request::Parts) -> Option<Answer> {
    match action {
        Action::Answer(status) => Some(error(*status)),
        Action::NeverAnswer => std::future::pending().await,
        Action::Delay(duration) => {
            tokio::time::sleep(*duration).await;
            None
        }
        Action::StripRequestHeader(name) => {
            request.headers.remove(*name);
            None
        }
        _ => None,
    }
}

/// What the client gets of the server's answer. An error closes its connection.
pub(super) fn after(action: &Action, mut parts: response::Parts, body: Bytes) -> Result<Answer, Failure> {
    match action {
        Action::DropReply => Err("the reply was dropped on purpose".into()),
        Action::Truncate(bytes) => {
            let body = body.slice(..body.len().min(*bytes));
            parts.headers.insert(CONTENT_LENGTH, body.len().into());
            Ok(whole(parts, body))
        }
        Action::Tear(bytes) if *bytes < body.len() => Ok(torn(parts, &body.slice(..*bytes))),
        Action::FlipBit(index) => {
            let mut changed = body.to_vec();
            let last = changed.len().saturating_sub(1);
            if let Some(byte) = changed.get_mut((*index).min(last)) {
                *byte ^= 1;
            }
            Ok(whole(parts, changed.into()))
        }
        Action::StripResponseHeader(name) => {
            parts.headers.remove(*name);
            Ok(whole(parts, body))
        }
        Action::SetResponseHeader(name, value) => {
            parts.headers.insert(HeaderName::from_static(name), value.parse()?);
            Ok(whole(parts, body))
        }
        _ => Ok(whole(parts, body)),
    }
}

fn whole(parts: response::Parts, body: Bytes) -> Answer {
    let body_bytes = body.len() as u64;
    let body = Full::new(body).map_err(|never| match never {}).boxed();
    Answer { response: Response::from_parts(parts, body), body_bytes }
}

fn torn(parts: response::Parts, sent: &Bytes) -> Answer {
    let frames: [Result<Frame<Bytes>, Failure>; 2] =
        [Ok(Frame::data(sent.clone())), Err("the body was torn on purpose".into())];
    let body = BodyExt::boxed(StreamBody::new(stream::iter(frames)));
    Answer { response: Response::from_parts(parts, body), body_bytes: sent.len() as u64 }
}

/// An error document as S3 has it, which the other services' clients read no further than the status.
fn error(status: u16) -> Answer {
    let status = StatusCode::from_u16(status).expect("a rule answers with a status of HTTP");
    let code = match status.as_u16() {
        403 => "AccessDenied",
        404 => "NoSuchKey",
        500 => "InternalError",
        503 => "SlowDown",
        507 => "InsufficientStorage",
        _ => "Refused",
    };
    let document = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>by a rule of the proxy</Message></Error>"
    );
    let response = Response::builder()
        .status(status)
        .header(CONTENT_TYPE, "application/xml")
        .header(CONTENT_LENGTH, document.len())
        .body(());
    let (parts, ()) = response.expect("an answer with three headers is well formed").into_parts();
    whole(parts, document.into())
}
