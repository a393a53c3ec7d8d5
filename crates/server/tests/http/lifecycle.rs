//! Starting, stopping, and requests in flight.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use engine::Role;

use crate::harness::{JSON, LINES, Server, event};

/// Longer than anything here takes; only a hang comes to it.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads one head, up to and with its empty line.
fn read_head(reader: &mut impl BufRead) -> String {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        let read = reader.read_line(&mut head).unwrap();
        assert!(read > 0, "the connection was closed after {head:?}");
    }
    head
}

#[test]
fn k3_a_stop_finishes_requests_in_flight_and_takes_no_more() {
    let mut server = Server::start();
    let writer = server.token(Role::Writer, None);
    let body = event("a");
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {writer}\r\ncontent-type: {JSON}\r\n\
         content-length: {}\r\nexpect: 100-continue\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    // The server asks for the body only when the request has passed everything before it.
    assert!(read_head(&mut reader).starts_with("HTTP/1.1 100"));

    server.stop.take().unwrap().send(()).unwrap();
    let started = Instant::now();
    while TcpStream::connect(server.address).is_ok() {
        assert!(started.elapsed() < PATIENCE, "the server still takes connections");
        std::thread::yield_now();
    }
    stream.write_all(body.as_bytes()).unwrap();
    let answer = read_head(&mut reader);
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    let mut rest = String::new();
    reader.read_to_string(&mut rest).unwrap();
    assert!(rest.starts_with("{\"receipts\":[{\"event_id\":\"a\","), "{rest}");

    let running = server.running.take().unwrap();
    server.runtime.block_on(running).unwrap().unwrap();
    // The engine is still there, and now its owner ends it.
    server.runtime.block_on(server.engine.clone().shutdown()).unwrap();
}

#[test]
fn an_idle_connection_does_not_hold_up_a_stop() {
    let mut server = Server::start();
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut reader = BufReader::new(stream);
    assert!(read_head(&mut reader).starts_with("HTTP/1.1 200"));
    server.stop.take().unwrap().send(()).unwrap();
    let running = server.running.take().unwrap();
    server
        .runtime
        .block_on(async { tokio::time::timeout(PATIENCE, running).await })
        .unwrap()
        .unwrap()
        .unwrap();
}

#[test]
fn what_was_answered_is_there_after_a_restart() {
    let mut server = Server::start();
    let writer = server.token(Role::Writer, None);
    let answer = server.append(&writer, LINES, &[event("a"), event("b")].join("\n")).ok(201);
    let size = answer["tree_size"].as_u64().unwrap();
    drop(server.stop.take());
    let running = server.running.take().unwrap();
    server.runtime.block_on(running).unwrap().unwrap();
    server.runtime.block_on(async {
        server.engine.clone().shutdown().await.unwrap();
    });
    let reopened = server.runtime.block_on(server.fixture.open()).unwrap();
    assert_eq!(reopened.ledger().tree_size(), size);
}

#[test]
fn a_ledger_that_is_shut_down_answers_that_it_is_not_available() {
    let server = Server::start();
    let writer = server.token(Role::Writer, None);
    server.runtime.block_on(server.engine.clone().shutdown()).unwrap();
    let response = server.append(&writer, JSON, &event("a"));
    response.refused(503, "unavailable");
    assert_eq!(response.header("retry-after"), "5");
}

#[test]
fn many_callers_at_once_get_each_their_own_place() {
    let server = Server::start();
    let writer = server.token(Role::Writer, None);
    let mut seqs: Vec<u64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|thread| {
                let (server, writer) = (&server, &writer);
                scope.spawn(move || {
                    (0..20)
                        .map(|number| {
                            let body = event(&format!("{thread}-{number}"));
                            let answer = server.append(writer, JSON, &body).ok(201);
                            answer["receipts"][0]["seq"].as_u64().unwrap()
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    seqs.sort_unstable();
    assert!(seqs.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{seqs:?}");
    assert_eq!(seqs.len(), 160);
}
