//! Requests as bytes on a socket, and what comes back.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use super::dice::Dice;

/// Longer than any answer takes; only a hang comes to it.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// One answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn error(&self) -> Value {
        serde_json::from_str::<Value>(&self.body).map_or(Value::Null, |body| body["error"].clone())
    }
}

/// A request with a body and its length. `headers` are lines without their ends.
pub(super) fn request(method: &str, path: &str, headers: &[String], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: x\r\n");
    for header in headers {
        let _ = write!(head, "{header}\r\n");
    }
    if !body.is_empty() {
        let _ = write!(head, "content-length: {}\r\n", body.len());
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

/// The same body in chunks of random sizes.
pub(super) fn chunked(dice: &mut Dice, path: &str, headers: &[String], mut body: &[u8]) -> Vec<u8> {
    let headers = [headers, &["transfer-encoding: chunked".to_owned()]].concat();
    let mut bytes = request("POST", path, &headers, b"");
    while !body.is_empty() {
        let (chunk, rest) = body.split_at(dice.number(1, 20_000).min(body.len()));
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
        body = rest;
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

/// Sends bytes, says that nothing comes after them where that is so, and reads until the server closes the connection.
pub(super) fn exchange(address: SocketAddr, bytes: &[u8], is_end: bool) -> Vec<Answer> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut sending = stream.try_clone().unwrap();
    let received = std::thread::scope(|scope| {
        scope.spawn(move || {
            // A server that has said no need not read on.
            if sending.write_all(bytes).is_ok() && is_end {
                let _ = sending.shutdown(Shutdown::Write);
            }
        });
        read_all(&mut stream)
    });
    answers(&received)
}

/// What arrives until the connection is closed or reset; a server that does neither fails the test.
pub(super) fn read_all(stream: &mut TcpStream) -> Vec<u8> {
    let mut received = Vec::new();
    let mut chunk = [0; 16_384];
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => return received,
            Ok(read) => received.extend_from_slice(&chunk[..read]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return received,
            Err(error) => {
                panic!("no end of the answer: {error} after {:?}", String::from_utf8_lossy(&received))
            }
        }
    }
}

/// The answers in what was received, each with its length.
pub(super) fn answers(mut received: &[u8]) -> Vec<Answer> {
    let mut answers = Vec::new();
    while let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") {
        let head = String::from_utf8_lossy(&received[..end]).to_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok())
            .unwrap_or_default();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
        let (body, rest) = received[end + 4..].split_at(length.min(received.len() - end - 4));
        answers.push(Answer { status, body: String::from_utf8_lossy(body).into_owned() });
        received = rest;
    }
    answers
}
