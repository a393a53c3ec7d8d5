//! Senders that take their time, and one that does not stop.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use engine::Role;
use server::Bounds;

use super::wire::{PATIENCE, answers, read_all};
use crate::harness::{JSON, Server, event};

/// How long the server waits here: the timers are those that always run, only shorter.
const ARRIVAL: Duration = Duration::from_secs(1);

fn start() -> Server {
    let bounds = Bounds { head_arrival: ARRIVAL, body_arrival: ARRIVAL, ..Bounds::default() };
    Server::start_within(bounds, |_| {})
}

fn open(server: &Server, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(bytes).unwrap();
    stream
}

fn head(writer: &str, more: &str) -> String {
    format!(
        "POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {writer}\r\ncontent-type: {JSON}\r\n{more}\r\n"
    )
}

#[test]
fn a_head_that_does_not_arrive_costs_its_connection_and_nobody_elses() {
    let server = start();
    let writer = server.token(Role::Writer, None);
    let begun = Instant::now();
    let whole = head(&writer, "content-length: 2\r\n");
    let mut slow: Vec<TcpStream> =
        (1..20).map(|part| open(&server, &whole.as_bytes()[..whole.len() * part / 20])).collect();
    server.append(&writer, JSON, &event("a")).ok(201);
    for stream in &mut slow {
        let received = read_all(stream);
        assert_eq!(answers(&received).len(), 0, "{:?}", String::from_utf8_lossy(&received));
    }
    assert!(begun.elapsed() >= ARRIVAL, "not before their time");
    server.append(&writer, JSON, &event("b")).ok(201);
}

#[test]
fn a_body_that_does_not_arrive_is_told_so_and_holds_nobody_up() {
    let server = start();
    let writer = server.token(Role::Writer, None);
    let before = server.engine.ledger().tree_size();
    let body = event("slow");
    let by_length = head(&writer, &format!("content-length: {}\r\n", body.len()));
    let in_chunks = head(&writer, "transfer-encoding: chunked\r\n");
    let begun = Instant::now();
    let mut slow: Vec<TcpStream> = (0..10)
        .flat_map(|part| {
            let sent = &body[..body.len() * part / 10];
            // Chunks without the one that ends them.
            let chunk =
                if sent.is_empty() { String::new() } else { format!("{:x}\r\n{sent}\r\n", sent.len()) };
            [format!("{by_length}{sent}"), format!("{in_chunks}{chunk}")]
        })
        .map(|bytes| open(&server, bytes.as_bytes()))
        .collect();
    assert_eq!(server.engine.ledger().tree_size(), before);
    server.append(&writer, JSON, &event("a")).ok(201);
    for stream in &mut slow {
        let received = answers(&read_all(stream));
        let error = received.first().map(|answer| (answer.status, answer.error()["code"].clone()));
        assert_eq!(error, Some((408, "request_timeout".into())), "{received:?}");
    }
    assert!(begun.elapsed() >= ARRIVAL, "not before their time");
    assert_eq!(server.engine.ledger().tree_size(), before + 1);
    server.runtime.block_on(testkit::check(&server.engine));
}

#[test]
fn a_body_that_says_it_is_too_large_is_refused_before_it_is_asked_for() {
    let server = start();
    let writer = server.token(Role::Writer, None);
    let expecting =
        head(&writer, "content-length: 1099511627776\r\nexpect: 100-continue\r\nconnection: close\r\n");
    let received = read_all(&mut open(&server, expecting.as_bytes()));
    let received = answers(&received);
    assert_eq!(received.iter().map(|answer| answer.status).collect::<Vec<_>>(), [413], "{received:?}");
}

#[test]
fn a_body_without_end_is_read_no_further_than_it_takes_to_answer() {
    let server = Server::start();
    let writer = server.token(Role::Writer, None);
    let mut stream = open(&server, head(&writer, "transfer-encoding: chunked\r\n").as_bytes());
    let mut sending = stream.try_clone().unwrap();
    let sent = AtomicUsize::new(0);
    let received = std::thread::scope(|scope| {
        scope.spawn(|| {
            let chunk = [b"10000\r\n", &vec![b' '; 1 << 16][..], b"\r\n"].concat();
            while sending.write_all(&chunk).is_ok() {
                sent.fetch_add(1 << 16, Ordering::Relaxed);
            }
        });
        read_all(&mut stream)
    });
    // 64 MiB are thrown away after the bound of 16 MiB; the rest is what sockets hold.
    let sent = sent.load(Ordering::Relaxed);
    assert!(sent < 128 << 20, "{sent} bytes were taken");
    let received = answers(&received);
    assert_eq!(received.first().map(|answer| answer.status), Some(413), "{received:?}");
    server.append(&writer, JSON, &event("a")).ok(201);
}
