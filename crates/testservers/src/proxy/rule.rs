//! Which requests a rule is about, and what happens to them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper::header::HeaderMap;
use hyper::http::request::Parts;

use super::percent;

/// What happens to a request that a rule matches.
#[derive(Clone, Debug)]
pub enum Action {
    /// It passes; the rule only counts.
    Pass,
    /// The proxy answers with this status and an error document, and the server never sees the request: 403, 404, 500,
    /// 503, 507…
    Answer(u16),
    /// The server does it, and the client's connection is closed instead of answered.
    DropReply,
    /// The server never sees it, and the client gets no answer and no end of the connection.
    NeverAnswer,
    /// It passes after this long.
    Delay(Duration),
    /// The answer's body is cut to this many bytes, and the answer says that this is all.
    Truncate(usize),
    /// The answer promises the whole body, and the connection ends after this many bytes.
    Tear(usize),
    /// One bit of the answer's body is flipped, in the byte at this index, or in the last one if there are fewer.
    FlipBit(usize),
    /// The request passes without this header: a server that does not know it.
    StripRequestHeader(&'static str),
    /// The answer passes without this header.
    StripResponseHeader(&'static str),
    /// The answer has this header with this value.
    SetResponseHeader(&'static str, String),
}

/// What a rule can see of a request.
#[derive(Debug)]
pub struct RequestHead {
    /// `GET`, `PUT`…
    pub method: String,
    /// The path, percent-decoded, beginning with the bucket or account.
    pub path: String,
    /// The query, as it was sent; empty if there is none.
    pub query: String,
    /// All headers.
    pub headers: HeaderMap,
}

impl RequestHead {
    pub(super) fn of(parts: &Parts) -> Self {
        Self {
            method: parts.method.to_string(),
            path: percent::decode(parts.uri.path()),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts.headers.clone(),
        }
    }

    /// Deleting one object, or several at once as S3 and Azure have it.
    pub fn is_delete(&self) -> bool {
        let has = |name: &str| self.query.split('&').any(|pair| pair == name || pair == format!("{name}="));
        self.method == "DELETE" || (self.method == "POST" && (has("delete") || has("comp=batch")))
    }

    /// Writing an object without the condition that none may be there.
    pub fn is_overwrite(&self) -> bool {
        let says = |name: &str, value: &str| self.headers.get(name).is_some_and(|found| found == value);
        self.method == "PUT" && !says("if-none-match", "*") && !says("x-goog-if-generation-match", "0")
    }
}

type Condition = Arc<dyn Fn(&RequestHead) -> bool + Send + Sync>;

/// An action and the requests that it is for: all of them, until it is narrowed.
#[derive(Clone)]
pub struct Rule {
    action: Action,
    conditions: Vec<Condition>,
    after: u64,
    times: u64,
}

impl Rule {
    /// A rule for every request.
    pub fn new(action: Action) -> Self {
        Self { action, conditions: Vec::new(), after: 0, times: u64::MAX }
    }

    /// 403 for every deletion: credentials that may not delete.
    pub fn refuse_delete() -> Self {
        Self::new(Action::Answer(403)).when(RequestHead::is_delete)
    }

    /// 403 for every put that does not say create-only: credentials that may not overwrite.
    pub fn refuse_overwrite() -> Self {
        Self::new(Action::Answer(403)).when(RequestHead::is_overwrite)
    }

    /// Only requests of this method.
    #[must_use]
    pub fn method(self, method: &'static str) -> Self {
        self.when(move |request| request.method == method)
    }

    /// Only requests whose decoded path contains this.
    #[must_use]
    pub fn path(self, part: &str) -> Self {
        let part = part.to_owned();
        self.when(move |request| request.path.contains(&part))
    }

    /// Only requests for which this holds.
    #[must_use]
    pub fn when(mut self, condition: impl Fn(&RequestHead) -> bool + Send + Sync + 'static) -> Self {
        self.conditions.push(Arc::new(condition));
        self
    }

    /// Leaves the first `count` requests that match alone.
    #[must_use]
    pub fn after(mut self, count: u64) -> Self {
        self.after = count;
        self
    }

    /// Acts on `count` requests and then no more.
    #[must_use]
    pub fn times(mut self, count: u64) -> Self {
        self.times = count;
        self
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Rule")
            .field("action", &self.action)
            .field("after", &self.after)
            .field("times", &self.times)
            .finish_non_exhaustive()
    }
}

/// A rule in a proxy, with what it has seen.
#[derive(Debug)]
pub(super) struct Counted {
    rule: Rule,
    seen: AtomicU64,
}

impl Counted {
    pub(super) fn new(rule: Rule) -> Self {
        Self { rule, seen: AtomicU64::new(0) }
    }

    /// The action, if the rule is for this request. Counts it.
    pub(super) fn action_for(&self, request: &RequestHead) -> Option<Action> {
        if !self.rule.conditions.iter().all(|condition| condition(request)) {
            return None;
        }
        let before = self.seen.fetch_add(1, Ordering::Relaxed);
        let is_its_turn = before >= self.rule.after && before - self.rule.after < self.rule.times;
        is_its_turn.then(|| self.rule.action.clone())
    }
}

/// A handle to a rule in a proxy.
#[derive(Clone, Debug)]
pub struct InstalledRule(Arc<Counted>);

impl InstalledRule {
    pub(super) fn new(counted: Arc<Counted>) -> Self {
        Self(counted)
    }

    pub(super) fn is(&self, other: &Arc<Counted>) -> bool {
        Arc::ptr_eq(&self.0, other)
    }

    /// How many requests matched so far, whether or not it was their turn.
    pub fn seen(&self) -> u64 {
        self.0.seen.load(Ordering::Relaxed)
    }
}
