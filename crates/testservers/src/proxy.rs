//! An HTTP proxy before a server, which refuses, forgets, delays or falsifies by rules.

mod effect;
pub(crate) mod percent;
mod rule;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use hyper::service::service_fn;
use hyper::{Method, Request, Response};

use crate::call;
use crate::in_process::InProcess;

pub use rule::{Action, InstalledRule, RequestHead, Rule};

/// What goes wrong in here. A connection whose request ends so is closed without an answer.
type Failure = Box<dyn std::error::Error + Send + Sync>;
type Answered = Response<BoxBody<Bytes, Failure>>;

/// A body is held in memory on its way. The archive's largest object is 128 MiB.
const BODY_BYTES_MAX: usize = 256 << 20;

/// A proxy on a port of its own.
///
/// Requests pass unchanged, with the `Host` they came with: signatures stay valid. Every request has a new connection to
/// the server. The first rule that matches a request acts on it; without one the proxy is transparent.
#[derive(Debug)]
pub struct Proxy {
    server: InProcess,
    state: Arc<State>,
    /// The path of the server's endpoint, which belongs to the address that clients use.
    base: String,
}

#[derive(Debug)]
struct State {
    upstream: String,
    rules: Mutex<Vec<Arc<rule::Counted>>>,
    requests: Mutex<Vec<String>>,
    response_body_bytes: AtomicU64,
    request_body_bytes: AtomicU64,
}

impl Proxy {
    /// Starts one before `endpoint`, which is `http://host:port` and possibly a path.
    pub fn before(endpoint: &str) -> Self {
        let address = endpoint.strip_prefix("http://").expect("servers in tests speak plain HTTP");
        let (authority, base) = address.find('/').map_or((address, ""), |slash| address.split_at(slash));
        let state = Arc::new(State {
            upstream: authority.to_owned(),
            rules: Mutex::default(),
            requests: Mutex::default(),
            response_body_bytes: AtomicU64::new(0),
            request_body_bytes: AtomicU64::new(0),
        });
        let shared = Arc::clone(&state);
        let server = InProcess::start(service_fn(move |request| pass(Arc::clone(&shared), request)));
        Self { server, state, base: base.to_owned() }
    }

    /// Where clients reach the server through this proxy.
    pub fn endpoint(&self) -> String {
        self.server.endpoint() + &self.base
    }

    /// Adds a rule behind those that are there. It holds from the next request on.
    pub fn add(&self, rule: Rule) -> InstalledRule {
        let counted = Arc::new(rule::Counted::new(rule));
        self.rules().push(Arc::clone(&counted));
        InstalledRule::new(counted)
    }

    /// Takes a rule away again. Requests that it already acts on stay as they are.
    pub fn remove(&self, rule: &InstalledRule) {
        self.rules().retain(|other| !rule.is(other));
    }

    /// Takes every rule away.
    pub fn clear(&self) {
        self.rules().clear();
    }

    /// Every request so far as `METHOD /path?query`, as it arrived, in order of arrival.
    pub fn requests(&self) -> Vec<String> {
        self.state.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many bytes of answers' bodies went to clients: what reading cost.
    pub fn response_body_bytes(&self) -> u64 {
        self.state.response_body_bytes.load(Ordering::Relaxed)
    }

    /// How many bytes of requests' bodies came from clients: what writing cost.
    pub fn request_body_bytes(&self) -> u64 {
        self.state.request_body_bytes.load(Ordering::Relaxed)
    }

    fn rules(&self) -> std::sync::MutexGuard<'_, Vec<Arc<rule::Counted>>> {
        self.state.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn pass(state: Arc<State>, request: Request<Incoming>) -> Result<Answered, Failure> {
    let (mut parts, body) = request.into_parts();
    let line = format!("{} {}", parts.method, parts.uri);
    state.requests.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    // An upload that its client breaks off ends here, and the server never sees it.
    let body = Limited::new(body, BODY_BYTES_MAX).collect().await?.to_bytes();
    state.request_body_bytes.fetch_add(body.len() as u64, Ordering::Relaxed);

    let rules = state.rules.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let head = RequestHead::of(&parts);
    let action = rules.iter().find_map(|rule| rule.action_for(&head)).unwrap_or(Action::Pass);
    if let Some(answer) = effect::before(&action, &mut parts).await {
        return Ok(counted(&state, answer));
    }
    parts.headers.remove(TRANSFER_ENCODING);
    let is_head = parts.method == Method::HEAD;
    let answer = call::send(&state.upstream, Request::from_parts(parts, Full::new(body))).await?;
    let (mut parts, body) = answer.into_parts();
    let body = body.collect().await?.to_bytes();
    // The whole body is known now; how the server framed it is not passed on.
    parts.headers.remove(TRANSFER_ENCODING);
    if !is_head {
        parts.headers.insert(CONTENT_LENGTH, body.len().into());
    }
    Ok(counted(&state, effect::after(&action, parts, body)?))
}

fn counted(state: &State, answer: effect::Answer) -> Answered {
    state.response_body_bytes.fetch_add(answer.body_bytes, Ordering::Relaxed);
    answer.response
}
