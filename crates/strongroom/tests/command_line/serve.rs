use std::io::{Read, Write};
use std::net::TcpStream;

use crate::running::Running;
use crate::workplace::{Workplace, event, events};

/// One request on a connection of its own; answers the whole response.
fn request(address: &str, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(stream, "{head}\r\nHost: test\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
        .unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

fn address(line: &str) -> String {
    line.rsplit_once("http://").unwrap().1.to_owned()
}

#[test]
fn a_server_makes_its_ledger_takes_events_and_ends_when_told() {
    let place = Workplace::empty();
    let mut running = Running::start(place.command(&["serve", "--listen", "127.0.0.1:0"]));
    let token = running.line_with("token").split_whitespace().last().unwrap().to_owned();
    let address = address(&running.line_with("Listening on"));
    assert!(request(&address, "GET /healthz HTTP/1.1", "").starts_with("HTTP/1.1 200"));
    let post = format!(
        "POST /v1/events HTTP/1.1\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json"
    );
    let answer = request(&address, &post, &event(1));
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");

    running.signal("TERM");
    assert_eq!(running.end(), Some(0));
    let found = place.run(&["search", "--event-id", "event-1", "--json"]).succeeds().json();
    assert_eq!(found["entries"].as_array().unwrap().len(), 1);
    let report = place.run(&["verify", "--json"]).succeeds().json();
    assert_eq!(report["signed_size"], report["tree_size"], "what was taken is signed at the end");
}

#[test]
fn a_server_reads_beside_commands_that_read() {
    let place = Workplace::with_ledger();
    place.append(&events(0..3)).succeeds();
    let mut running = Running::start(place.command(&["serve", "--listen", "127.0.0.1:0", "--json"]));
    let line = running.line_with("listening");
    assert!(line.starts_with(r#"{"listening":"http://127.0.0.1:"#), "{line}");
    let found = place.run(&["search", "--tenant", "7", "--json"]).succeeds().json();
    assert_eq!(found["entries"].as_array().unwrap().len(), 3);
    running.signal("INT");
    assert_eq!(running.end(), Some(0));
}

#[test]
fn an_address_that_is_taken_is_told_before_anything_is_made() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let place = Workplace::empty();
    place.run(&["serve", "--listen", &address]).exits(2).says(&address).says("--listen");
    assert!(!place.data().exists());
}
