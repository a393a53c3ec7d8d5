//! One connection to the server, with one request under way.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderValue};
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::target::Target;

const PATH: &str = "/v1/events";
/// A server that takes longer than this has lost the request, as far as anybody can tell.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// What every request of a run has.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    target: Target,
    uri: Uri,
    headers: HeaderMap,
}

impl Head {
    /// `None` where the token or the URL holds what no header can.
    pub(crate) fn new(target: &Target, token: &str, content_type: &'static str) -> Option<Self> {
        let mut authorization = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
        authorization.set_sensitive(true);
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::try_from(target.authority()).ok()?);
        headers.insert(AUTHORIZATION, authorization);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Some(Self { target: target.clone(), uri: target.path(PATH).parse().ok()?, headers })
    }

    fn request(&self, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lost {
    /// The request was never sent: there is no connection to the server.
    Unconnected,
    /// It was sent, and the connection ended before the answer did.
    Disconnected,
    /// It was sent, and no answer came.
    TimedOut,
}

impl Lost {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Unconnected => "no connection",
            Self::Disconnected => "connection lost",
            Self::TimedOut => "no answer in time",
        }
    }
}

/// A connection that is made again when it was lost.
#[derive(Debug)]
pub(crate) struct Connection {
    head: Head,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Connection {
    pub(crate) async fn open(head: Head) -> io::Result<Self> {
        let sender = connect(&head.target).await?;
        Ok(Self { head, sender: Some(sender) })
    }

    /// Sends a body and reads the answer to its end: the status and the body.
    pub(crate) async fn exchange(&mut self, body: Bytes) -> Result<(u16, Bytes), Lost> {
        let answered = tokio::time::timeout(ANSWER_TIMEOUT, self.send(body)).await;
        let answered = answered.unwrap_or(Err(Lost::TimedOut));
        if answered.is_err() {
            self.sender = None;
        }
        answered
    }

    async fn send(&mut self, body: Bytes) -> Result<(u16, Bytes), Lost> {
        let mut request = self.head.request(body);
        // A server may close an idle connection just as it is used. A request that hyper gives back unsent is sent on
        // a new connection, once; one that may have arrived never is.
        for _ in 0..2 {
            let sender = match self.sender.take() {
                Some(sender) if !sender.is_closed() => sender,
                _ => connect(&self.head.target).await.map_err(|_| Lost::Unconnected)?,
            };
            let sender = self.sender.insert(sender);
            if sender.ready().await.is_err() {
                self.sender = None;
                continue;
            }
            match sender.try_send_request(request).await {
                Ok(response) => {
                    let status = response.status().as_u16();
                    let body = response.into_body().collect().await.map_err(|_| Lost::Disconnected)?;
                    return Ok((status, body.to_bytes()));
                }
                Err(mut failed) => {
                    self.sender = None;
                    request = failed.take_message().ok_or(Lost::Disconnected)?;
                }
            }
        }
        Err(Lost::Unconnected)
    }
}

async fn connect(target: &Target) -> io::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect((target.host(), target.port())).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    // How it ends is told to whoever waits for an answer.
    tokio::spawn(connection);
    Ok(sender)
}
