//! A served ledger and a client for it.

use std::net::{SocketAddr, TcpListener};

use engine::{Actor, Engine, NewToken, Policy, Role};
use serde_json::Value;
use server::{Bounds, Options};
use testkit::{Fixture, Rows};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) const JSON: &str = "application/json";
pub(crate) const LINES: &str = "application/x-ndjson";

/// A ledger served on a port of its own; it stops when dropped.
pub(crate) struct Server {
    pub(crate) runtime: Runtime,
    pub(crate) fixture: Fixture,
    pub(crate) engine: Engine,
    pub(crate) address: SocketAddr,
    pub(crate) stop: Option<oneshot::Sender<()>>,
    pub(crate) running: Option<JoinHandle<Result<(), server::Error>>>,
    agent: ureq::Agent,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: ureq::http::HeaderMap,
    pub(crate) text: String,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Checks the status and the shape of every failure, and gives its `error` object.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), JSON);
        let error = self.json()["error"].clone();
        assert_eq!(error["code"], code, "{self:?}");
        assert_eq!(error["request_id"], self.header("x-request-id"), "{self:?}");
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{self:?}");
        assert!(error["details"].is_array(), "{self:?}");
        error
    }

    #[track_caller]
    pub(crate) fn ok(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), JSON);
        assert_eq!(self.header("x-request-id").len(), 36);
        assert_eq!(self.header("cache-control"), "no-store");
        self.json()
    }
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::start_with(|_| {})
    }

    pub(crate) fn start_with(adjust: impl FnOnce(&mut Policy)) -> Self {
        Self::start_as(Options::default(), adjust)
    }

    pub(crate) fn start_within(bounds: Bounds, adjust: impl FnOnce(&mut Policy)) -> Self {
        Self::start_as(Options { bounds, ..Options::default() }, adjust)
    }

    pub(crate) fn start_as(options: Options, adjust: impl FnOnce(&mut Policy)) -> Self {
        let runtime = Runtime::new().unwrap();
        let mut fixture = Fixture::new(Rows::Sqlite);
        adjust(&mut fixture.policy);
        let engine = runtime.block_on(fixture.create());
        Self::serve(runtime, fixture, engine, options)
    }

    /// Serves an engine that is there already.
    pub(crate) fn serve(runtime: Runtime, fixture: Fixture, engine: Engine, options: Options) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let served = engine.clone();
        let running = runtime.spawn(async move {
            // A test that ends drops the sender, which stops the server too.
            let stopped = async { drop(stopped.await) };
            server::run(served, listener, options, stopped).await
        });
        // A connection for each request: the server may close one after a refusal, just as the client would reuse it.
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_idle_connections(0)
            .max_idle_connections_per_host(0)
            .build()
            .into();
        Self { runtime, fixture, engine, address, stop: Some(stop), running: Some(running), agent }
    }

    pub(crate) fn token(&self, role: Role, tenant: Option<&str>) -> String {
        self.token_and_id(role, tenant).0
    }

    pub(crate) fn token_and_id(&self, role: Role, tenant: Option<&str>) -> (String, String) {
        let tenant = tenant.map(str::to_owned);
        let new = NewToken { name: format!("test {role}"), role, tenant, days: Some(1) };
        let made = self.runtime.block_on(self.engine.create_token(new, &Actor::system())).unwrap();
        (made.token, made.id)
    }

    pub(crate) fn get(&self, token: &str, path: &str) -> Response {
        self.fetch(token, path, &[])
    }

    pub(crate) fn fetch(&self, token: &str, path: &str, headers: &[(&str, &str)]) -> Response {
        let mut request = self.agent.get(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = if token.is_empty() {
            request
        } else {
            request.header("authorization", format!("Bearer {token}"))
        };
        read(request.call().unwrap())
    }

    pub(crate) fn post(&self, token: &str, path: &str, content_type: &str, body: &[u8]) -> Response {
        self.post_encoded(token, path, content_type, "", body)
    }

    /// An empty name of a type or an encoding sends no such header.
    pub(crate) fn post_encoded(
        &self,
        token: &str,
        path: &str,
        content_type: &str,
        content_encoding: &str,
        body: &[u8],
    ) -> Response {
        let request = self.agent.post(format!("http://{}{path}", self.address));
        let request =
            if content_type.is_empty() { request } else { request.header("content-type", content_type) };
        let request = if content_encoding.is_empty() {
            request
        } else {
            request.header("content-encoding", content_encoding)
        };
        let request = if token.is_empty() {
            request
        } else {
            request.header("authorization", format!("Bearer {token}"))
        };
        read(request.send(body).unwrap())
    }

    /// Appends with further headers.
    pub(crate) fn post_with(
        &self,
        token: &str,
        content_type: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Response {
        let mut request = self
            .agent
            .post(format!("http://{}/v1/events", self.address))
            .header("content-type", content_type)
            .header("authorization", format!("Bearer {token}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        read(request.send(body.as_bytes()).unwrap())
    }

    /// Sends one request of any method without a body.
    pub(crate) fn call(&self, method: &str, token: &str, path: &str) -> Response {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address))
            .header("authorization", format!("Bearer {token}"))
            .body(())
            .unwrap();
        read(self.agent.run(request).unwrap())
    }

    pub(crate) fn append(&self, token: &str, content_type: &str, body: &str) -> Response {
        self.post(token, "/v1/events", content_type, body.as_bytes())
    }
}

fn read(mut response: ureq::http::Response<ureq::Body>) -> Response {
    let text = response.body_mut().with_config().limit(64 << 20).read_to_string().unwrap();
    Response { status: response.status().as_u16(), headers: response.headers().clone(), text }
}

/// A small audit event of the tenant `7` by `alice`.
pub(crate) fn event(event_id: &str) -> String {
    testkit::event_json(event_id, "7", "alice", "session.create")
}

/// The `event_id`s of a page's entries.
#[track_caller]
pub(crate) fn ids(page: &Value) -> Vec<&str> {
    let entries = page["entries"].as_array().unwrap();
    entries.iter().map(|entry| entry["event_id"].as_str().unwrap()).collect()
}

/// Position, member and rule of each detail of a failure.
#[track_caller]
pub(crate) fn details(error: &Value) -> Vec<(Option<u64>, &str, &str)> {
    let details = error["details"].as_array().unwrap();
    details
        .iter()
        .map(|detail| {
            let member = detail["member"].as_str().unwrap();
            (detail["position"].as_u64(), member, detail["rule"].as_str().unwrap())
        })
        .collect()
}
