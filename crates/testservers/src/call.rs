//! One HTTP request, for setting servers up and for looking into them.

use std::thread;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{HOST, HeaderMap};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// What a server answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: StatusCode,
    /// All headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header as text, or nothing.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// This answer, if its status says success. Panics with the body otherwise.
    #[track_caller]
    #[allow(clippy::return_self_not_must_use, reason = "most callers want to know only that it worked")]
    pub fn expect_success(self) -> Self {
        assert!(self.status.is_success(), "{}: {}", self.status, self.text());
        self
    }
}

/// Sends one request to `url`, which is `http://host:port/path?query`, and waits for the answer.
///
/// For tests, also such that run on a runtime: the request has a thread of its own. Panics if there is no answer.
#[track_caller]
pub fn call(method: &str, url: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(body.into())).expect("a request in a test is well formed");
    send_blocking(request)
}

/// As [`call`], for a request that is made already.
#[track_caller]
pub(crate) fn send_blocking(request: Request<Full<Bytes>>) -> Answer {
    let line = format!("{} {}", request.method(), request.uri());
    let authority = request.uri().authority().expect("a URL in a test names a server").to_string();
    let answer = thread::scope(|scope| {
        let request = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let answer = send(&authority, request).await?;
                let (parts, body) = answer.into_parts();
                let body = body.collect().await?.to_bytes();
                Ok::<_, Box<dyn std::error::Error + Send + Sync>>(Answer {
                    status: parts.status,
                    headers: parts.headers,
                    body,
                })
            })
        });
        request.join().expect("the thread of a request does not panic")
    });
    answer.unwrap_or_else(|error| panic!("{line}: {error}"))
}

/// Sends a request over a connection of its own, so that no connection is found closed by the server.
pub(crate) async fn send(
    authority: &str,
    mut request: Request<Full<Bytes>>,
) -> Result<Response<hyper::body::Incoming>, Box<dyn std::error::Error + Send + Sync>> {
    let stream = TcpStream::connect(authority).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move { drop(connection.await) });
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str()).parse()?;
    *request.uri_mut() = target;
    if !request.headers().contains_key(HOST) {
        request.headers_mut().insert(HOST, authority.parse()?);
    }
    Ok(sender.send_request(request).await?)
}
