//! HTTP/1.1 as little as it takes: one connection, one request after the other.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use engine::{ErrorKind, Receipt};
use serde::Deserialize;
use testkit::Submission;

/// What became of a request.
pub(super) enum Answer {
    Receipts {
        receipts: Vec<Receipt>,
        tree_size: u64,
    },
    Refused(ErrorKind),
    /// The server is gone, or never was there: whether anything was stored is not known.
    None,
    /// An answer that it must not give.
    Unintelligible(String),
}

pub(super) struct Connection<'a> {
    address: &'a str,
    token: &'a str,
    stream: Option<BufReader<TcpStream>>,
}

impl<'a> Connection<'a> {
    pub(super) fn new(address: &'a str, token: &'a str) -> Self {
        Self { address, token, stream: None }
    }

    /// Offers a batch: one event as JSON, several as NDJSON.
    pub(super) fn post(&mut self, batch: &[Submission]) -> Answer {
        let format = if batch.len() == 1 { "application/json" } else { "application/x-ndjson" };
        let body: Vec<String> = batch.iter().map(Submission::json).collect();
        if let Ok((status, body)) = self.exchange(format, &body.join("\n")) {
            return read(status, &body);
        }
        self.stream = None;
        Answer::None
    }

    fn exchange(&mut self, format: &str, body: &str) -> std::io::Result<(u16, String)> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(self.address)?;
            stream.set_nodelay(true)?;
            self.stream = Some(BufReader::new(stream));
        }
        let Some(stream) = &mut self.stream else { return Err(std::io::ErrorKind::NotConnected.into()) };
        let head = format!(
            "POST /v1/events HTTP/1.1\r\nHost: rig\r\nAuthorization: Bearer {}\r\nContent-Type: {format}\r\n\
             Content-Length: {}\r\n\r\n",
            self.token,
            body.len()
        );
        stream.get_mut().write_all(format!("{head}{body}").as_bytes())?;
        let mut line = String::new();
        let mut next_line = |stream: &mut BufReader<TcpStream>| {
            line.clear();
            stream.read_line(&mut line)?;
            if line.ends_with('\n') {
                Ok(line.trim_end().to_owned())
            } else {
                Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof))
            }
        };
        let status = next_line(stream)?.split(' ').nth(1).and_then(|status| status.parse().ok());
        let (mut length, mut closes) = (0, false);
        loop {
            let header = next_line(stream)?.to_ascii_lowercase();
            match header.split_once(':') {
                None => break,
                Some(("content-length", value)) => length = value.trim().parse().unwrap_or(0),
                Some(("connection", value)) => closes = value.trim() == "close",
                Some(_) => {}
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        if closes {
            self.stream = None;
        }
        Ok((status.unwrap_or(0), String::from_utf8_lossy(&body).into_owned()))
    }
}

#[derive(Deserialize)]
struct Accepted {
    receipts: Vec<Told>,
    tree_size: u64,
}

#[derive(Deserialize)]
struct Told {
    event_id: Option<String>,
    seq: u64,
    leaf_hash: String,
    duplicate: bool,
}

fn read(status: u16, body: &str) -> Answer {
    if status == 201 {
        return match serde_json::from_str::<Accepted>(body) {
            Ok(Accepted { receipts, tree_size }) => {
                let receipts = receipts
                    .into_iter()
                    .map(|Told { event_id, seq, leaf_hash, duplicate }| Receipt {
                        event_id,
                        seq,
                        leaf_hash,
                        duplicate,
                    })
                    .collect();
                Answer::Receipts { receipts, tree_size }
            }
            Err(error) => Answer::Unintelligible(format!("{error}: {body}")),
        };
    }
    let code = serde_json::from_str::<serde_json::Value>(body)
        .ok()
        .and_then(|answer| Some(answer["error"]["code"].as_str()?.to_owned()));
    match (status, code.as_deref()) {
        (409, Some("conflict")) => Answer::Refused(ErrorKind::Conflict),
        (503, Some("overloaded")) => Answer::Refused(ErrorKind::Overloaded),
        (503, Some("unavailable")) => Answer::Refused(ErrorKind::Unavailable),
        (503, Some("outcome_unknown")) => Answer::Refused(ErrorKind::OutcomeUnknown),
        (507, Some("disk_full")) => Answer::Refused(ErrorKind::DiskFull),
        _ => Answer::Unintelligible(format!("{status} {body}")),
    }
}
