//! The generator against the real server, and against one that does not answer.

use std::io::Read as _;
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Output};
use std::sync::Arc;

use engine::{Actor, Engine, NewToken, Parts, Role, SystemClock};
use load::{End, Load, Outcome, Pace};
use serde_json::Value;
use testkit::{Fixture, Rows};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

/// A served ledger on a port of its own.
struct Served {
    runtime: Runtime,
    /// Holds the files.
    _fixture: Fixture,
    engine: Engine,
    address: SocketAddr,
    token: String,
    stop: oneshot::Sender<()>,
}

impl Served {
    fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let fixture = Fixture::new(Rows::Sqlite);
        // Generated events occur now, and a ledger whose clock stands in the past would take them for mistakes.
        let parts = Parts { clock: Arc::new(SystemClock), ..fixture.parts(fixture.store()) };
        let engine = runtime.block_on(Engine::create(parts, &Actor::system())).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        runtime.spawn(server::run(engine.clone(), listener, server::Options::default(), async {
            // A test that ends drops the sender, which stops the server too.
            let _ = stopped.await;
        }));
        let new = NewToken { name: "load".to_owned(), role: Role::Writer, tenant: None, days: Some(1) };
        let token = runtime.block_on(engine.create_token(new, &Actor::system())).unwrap().token;
        Self { runtime, _fixture: fixture, engine, address, token, stop }
    }

    fn take(&self, batch: u64, pace: Pace, end: End) -> Outcome {
        let target = format!("http://{}", self.address).parse().unwrap();
        let load = Load { target, token: self.token.clone(), connections: 3, batch, pace, end, seed: batch };
        load.run().unwrap()
    }

    fn size(&self) -> u64 {
        self.engine.ledger().tree_size()
    }

    fn check(self) {
        self.runtime.block_on(testkit::check(&self.engine));
        drop(self.stop);
    }
}

/// Runs the program.
fn program(address: SocketAddr, token: &str, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_load"))
        .args(["--url", &format!("http://{address}"), "--token", token, "--connections", "1", "--json"])
        .args(more)
        .output()
        .unwrap()
}

#[track_caller]
fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn every_acknowledged_event_is_in_the_ledger_and_no_other() {
    let served = Served::start();
    let before = served.size();
    let singles = served.take(1, Pace::Closed, End::Events(50));
    let batches = served.take(100, Pace::Closed, End::Events(250));
    for (outcome, events) in [(singles, 50), (batches, 250)] {
        assert_eq!((outcome.sent, outcome.acknowledged), (events, events));
        assert_eq!((outcome.refused, outcome.unknown, outcome.duplicates), (0, 0, 0));
        assert_eq!(outcome.by_status.into_iter().collect::<Vec<_>>(), [("201".to_owned(), events)]);
        assert!(outcome.latency.max_ms > 0.0 && outcome.acknowledged_per_second > 0.0);
    }
    assert_eq!(served.size() - before, 300);
    served.check();
}

#[test]
fn an_open_loop_takes_as_long_as_its_rate_says() {
    let served = Served::start();
    let pace = Pace::Open { events_per_second: 200.0 };
    let outcome = served.take(10, pace, End::Events(100));
    assert_eq!(outcome.acknowledged, 100);
    // The last of ten requests is due 450 ms after the first, and no sooner.
    assert!(outcome.seconds >= 0.45, "{outcome}");
    assert_eq!(outcome.target_per_second, Some(200.0));
    served.check();
}

#[test]
fn what_is_refused_is_counted_by_status_and_is_no_failure() {
    let served = Served::start();
    let output = program(served.address, "not-a-token", &["--events", "3"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let found = json(&output);
    assert_eq!((&found["refused"], &found["acknowledged"]), (&3.into(), &0.into()));
    assert_eq!(found["by_status"], serde_json::json!({ "401 unauthenticated": 3 }));
    served.check();
}

#[test]
fn events_without_an_answer_make_the_run_fail() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // Reads some of each request and hangs up.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.unwrap().read(&mut [0; 16]).unwrap();
        }
    });
    let output = program(address, "t", &["--events", "20", "--batch", "10"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let found = json(&output);
    assert_eq!(
        (&found["unknown"], &found["acknowledged"], &found["refused"]),
        (&20.into(), &0.into(), &0.into())
    );
    assert_eq!(found["by_status"], serde_json::json!({ "connection lost": 20 }));
}

#[test]
fn a_server_that_is_not_there_is_said_at_once() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = program(address, "t", &["--events", "1"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("error: cannot connect to the server: "), "{said}");
}
