//! Requests that are wrong before their body is looked into: heads, framing, encodings, queries, tokens.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::dice::Dice;
use super::event_kinds::good;
use super::wire::{chunked, request};
use super::{BATCH_BYTES_MAX, BATCH_EVENTS_MAX, Case, Place, Tokens};
use crate::harness::{JSON, LINES};

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

fn post(tokens: &Tokens, content_type: &str, more: &[&str], body: &[u8]) -> Vec<u8> {
    let mut headers = vec![format!("authorization: Bearer {}", tokens.writer)];
    if !content_type.is_empty() {
        headers.push(format!("content-type: {content_type}"));
    }
    headers.extend(more.iter().map(|header| (*header).to_owned()));
    request("POST", "/v1/events", &headers, body)
}

fn get(token: &str, path: &str) -> Vec<u8> {
    request("GET", path, &[format!("authorization: Bearer {token}")], b"")
}

fn encoded(tokens: &Tokens, coding: &str, body: &[u8]) -> Vec<u8> {
    post(tokens, JSON, &[&format!("content-encoding: {coding}")], body)
}

fn says(request: Vec<u8>, status: u16, code: &'static str, text: impl Into<String>) -> Case {
    Case { request, status, code, place: Place::Message(text.into()), keeps: true }
}

/// What never becomes a request: the connection ends with a bare answer.
fn bare(request: impl Into<Vec<u8>>, status: u16) -> Case {
    Case { request: request.into(), status, code: "", place: Place::Nowhere, keeps: false }
}

fn broken_off(request: Vec<u8>) -> Case {
    Case { keeps: false, ..says(request, 400, "malformed", "the body broke off") }
}

pub(super) type RequestKind = (&'static str, fn(&mut Dice, &Tokens) -> Case);

pub(super) const REQUEST_KINDS: &[RequestKind] = &[
    ("empty body", |dice, tokens| {
        let blank = dice.pick(&[" ", "\n", "\r\n\r\n", "\t", "  \n"]);
        if dice.number(0, 2) == 0 {
            return says(post(tokens, JSON, &[], blank.as_bytes()), 400, "malformed", "is empty");
        }
        says(post(tokens, LINES, &[], blank.as_bytes()), 422, "event_invalid", "there is no event")
    }),
    ("empty array", |dice, tokens| {
        let body = dice.pick(&["[]", "[ ]", " [\n]\n", "\t[]"]);
        says(post(tokens, JSON, &[], body.as_bytes()), 422, "event_invalid", "there is no event")
    }),
    ("broken array", |dice, tokens| {
        let event = good(dice).text();
        let body = match dice.number(0, 6) {
            0 => format!("[{event}"),
            1 => format!("[{event},]"),
            2 => format!("[,{event}]"),
            3 => format!("[{event}]]"),
            4 => format!("[{event}}}"),
            _ => format!("[{event}][{event}]"),
        };
        says(post(tokens, JSON, &[], body.as_bytes()), 400, "malformed", "column ")
    }),
    ("array of brackets", |dice, tokens| {
        let body = dice.pick(&["[", "[{\"a\":", "[["]).repeat(dice.number(1_000, 150_000));
        says(post(tokens, JSON, &[], body.as_bytes()), 422, "event_invalid", "nested too deep")
    }),
    ("object of brackets", |dice, tokens| {
        let body = dice.pick(&["{\"a\":", "{\"a\":["]).repeat(dice.number(1_000, 20_000));
        says(post(tokens, JSON, &[], body.as_bytes()), 422, "event_invalid", "nested deeper than")
    }),
    ("too many events", |dice, tokens| {
        let events: Vec<String> = (0..dice.number(BATCH_EVENTS_MAX + 1, BATCH_EVENTS_MAX + 20))
            .map(|_| good(dice).text())
            .collect();
        let request = if dice.number(0, 2) == 0 {
            post(tokens, LINES, &[], events.join("\n").as_bytes())
        } else {
            post(tokens, JSON, &[], format!("[{}]", events.join(",")).as_bytes())
        };
        says(request, 413, "too_large", format!("at most {BATCH_EVENTS_MAX} events"))
    }),
    ("body larger than the bound, by its length", |dice, tokens| {
        let body = " ".repeat(BATCH_BYTES_MAX + dice.number(1, 100_000));
        says(
            post(tokens, JSON, &[], body.as_bytes()),
            413,
            "too_large",
            format!("at most {BATCH_BYTES_MAX} bytes"),
        )
    }),
    ("body larger than the bound, in chunks", |dice, tokens| {
        let body = " ".repeat(BATCH_BYTES_MAX + dice.number(1, 100_000));
        let headers = [format!("authorization: Bearer {}", tokens.writer), format!("content-type: {LINES}")];
        let request = chunked(dice, "/v1/events", &headers, body.as_bytes());
        says(request, 413, "too_large", format!("at most {BATCH_BYTES_MAX} bytes"))
    }),
    ("gzip bomb", |dice, tokens| {
        let body = gzip(&vec![b' '; dice.number(4 << 20, 8 << 20)]);
        says(
            encoded(tokens, "gzip", &body),
            413,
            "too_large",
            format!("at most {BATCH_BYTES_MAX} bytes when"),
        )
    }),
    ("zstd bomb", |dice, tokens| {
        let body = zstd(&vec![b' '; dice.number(4 << 20, 8 << 20)]);
        says(
            encoded(tokens, "zstd", &body),
            413,
            "too_large",
            format!("at most {BATCH_BYTES_MAX} bytes when"),
        )
    }),
    ("compressed and cut off", |dice, tokens| {
        let text = good(dice).text();
        let (coding, body) = if dice.number(0, 2) == 0 {
            ("gzip", gzip(text.as_bytes()))
        } else {
            ("zstd", zstd(text.as_bytes()))
        };
        let end = dice.number(1, body.len());
        says(encoded(tokens, coding, &body[..end]), 400, "malformed", "it is cut off")
    }),
    ("compressed and followed by something else", |dice, tokens| {
        let text = good(dice).text();
        let (coding, body) = if dice.number(0, 2) == 0 {
            ("gzip", gzip(text.as_bytes()))
        } else {
            ("zstd", zstd(text.as_bytes()))
        };
        let rest: &[u8] =
            dice.pick(&[b"\0\0\0\0\0\0\0\0\0\0\0\0", b"trailing garbage", b"{\"stream\":\"audit\"}"]);
        let good = format!("after {} bytes", text.len());
        says(encoded(tokens, coding, &[&body, rest].concat()), 400, "malformed", good)
    }),
    ("damaged gzip", |dice, tokens| {
        let mut body = gzip(good(dice).text().as_bytes());
        let at = body.len() - dice.number(1, 9);
        body[at] ^= 1 << dice.number(0, 8);
        says(encoded(tokens, "gzip", &body), 400, "malformed", "the gzip body cannot be decompressed")
    }),
    ("wrong magic", |dice, tokens| {
        let text = good(dice).text();
        let (coding, body) = match dice.number(0, 4) {
            0 => ("gzip", text.into_bytes()),
            1 => ("zstd", text.into_bytes()),
            2 => ("gzip", zstd(text.as_bytes())),
            _ => ("zstd", gzip(text.as_bytes())),
        };
        let place = format!("the {coding} body cannot be decompressed after 0 bytes");
        says(encoded(tokens, coding, &body), 400, "malformed", place)
    }),
    ("zstd window beyond 8 MiB", |dice, tokens| {
        let mut encoder = ::zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(dice.number(24, 28) as u32).unwrap();
        encoder.write_all(good(dice).text().as_bytes()).unwrap();
        encoder.flush().unwrap();
        let body = encoder.finish().unwrap();
        says(encoded(tokens, "zstd", &body), 400, "malformed", "window is larger than 8388608 bytes")
    }),
    ("compressed and said to be plain", |dice, tokens| {
        let body = gzip(good(dice).text().as_bytes());
        says(post(tokens, JSON, &[], &body), 400, "malformed", "not UTF-8 after byte 1;")
    }),
    ("unknown coding", |dice, tokens| {
        let coding =
            dice.pick(&["br", "deflate", "compress", "gzip, gzip", "zstd, gzip", "x", "*", "gzip;q=1"]);
        let body = good(dice).text();
        says(encoded(tokens, coding, body.as_bytes()), 415, "content_encoding_unsupported", "gzip or zstd")
    }),
    ("wrong content type", |dice, tokens| {
        let content_type = dice.pick(&[
            "",
            "text/plain",
            "application/jsonl",
            "application/json-seq",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "json",
            "application/ json",
        ]);
        let body = good(dice).text();
        let request = post(tokens, content_type, &[], body.as_bytes());
        says(request, 415, "content_type_unsupported", "application/json")
    }),
    ("parameter where none is taken", |dice, tokens| {
        let (name, value) = (dice.word(), dice.number(0, 1_000));
        let headers = [format!("authorization: Bearer {}", tokens.writer), format!("content-type: {JSON}")];
        let body = good(dice).text();
        let request = request("POST", &format!("/v1/events?{name}={value}"), &headers, body.as_bytes());
        let place = Place::Detail { position: None, member: name, rule: "unknown_member" };
        Case { request, status: 400, code: "query_invalid", place, keeps: true }
    }),
    ("bad query", |dice, tokens| {
        let (query, member, rule) = dice.pick(&[
            ("colour=red", "colour", "unknown_member"),
            ("actor=", "actor", "empty"),
            ("actor=a&actor=b", "actor", "duplicate_member"),
            ("outcome=maybe", "outcome", "choice"),
            ("from=yesterday", "from", "format"),
            ("to=2026-02-30T00:00:00Z", "to", "format"),
            ("from=2026-02-02T00:00:00Z&to=2026-02-01T00:00:00Z", "to", "range"),
            ("action=a*b*", "action", "format"),
            ("event_id=%00", "event_id", "control_character"),
            ("limit=0", "limit", "range"),
            ("limit=1e3", "limit", "format"),
            ("cursor=!", "cursor", "format"),
            ("order=up", "order", "choice"),
            ("stream=tool", "stream", "choice"),
        ]);
        let request = get(&tokens.auditor, &format!("/v1/audit/events?{query}"));
        // Which of its rules a parameter breaks first is its own business; that it is named is not.
        let rule = if matches!(member, "limit" | "cursor" | "order") { "" } else { rule };
        let place = Place::Detail { position: None, member: member.to_owned(), rule };
        Case { request, status: 400, code: "query_invalid", place, keeps: true }
    }),
    ("query that does not decode", |dice, tokens| {
        let query = dice.pick(&["actor=%ff", "actor=%", "%zz=1", "text=%c0%af", "actor=%ed%a0%80"]);
        let request = get(&tokens.auditor, &format!("/v1/audit/events?{query}"));
        says(request, 400, "malformed", "percent-encoded UTF-8")
    }),
    ("bad seq", |dice, tokens| {
        let seq = dice.pick(&["x", "-1", "01", "1.0", "0x1", "18446744073709551616", "%ff", "1e3", "+1"]);
        let request = get(&tokens.auditor, &format!("/v1/audit/entries/{seq}"));
        says(request, 400, "malformed", if seq == "%ff" { "percent-encoded" } else { "digits only" })
    }),
    ("unknown path", |dice, tokens| {
        let path = format!("/v1/{}", dice.word());
        says(get(&tokens.writer, &path), 404, "not_found", path)
    }),
    ("wrong method", |dice, tokens| {
        let method = dice.pick(&["GET", "PUT", "PATCH", "DELETE", "PROPFIND", "TRACE"]);
        let headers = [format!("authorization: Bearer {}", tokens.writer)];
        let request = request(method, "/v1/events", &headers, b"");
        says(request, 405, "method_not_allowed", format!("does not take {method}"))
    }),
    ("role that is missing", |dice, tokens| {
        let path = dice.pick(&["/v1/audit/events", "/v1/audit/verify", "/v1/tokens", "/v1/audit/entries/0"]);
        says(get(&tokens.writer, path), 403, "role_missing", "the token has the role writer")
    }),
    ("tenant of somebody else", |dice, tokens| {
        let mut event = good(dice);
        event.set("tenant", format!("\"{}\"", dice.word()));
        let headers = [format!("authorization: Bearer {}", tokens.bound), format!("content-type: {JSON}")];
        let request = request("POST", "/v1/events", &headers, event.text().as_bytes());
        let place =
            Place::Detail { position: Some(0), member: "tenant".to_owned(), rule: "tenant_forbidden" };
        Case { request, status: 403, code: "tenant_forbidden", place, keeps: true }
    }),
    ("no token or no bearer", |dice, tokens| {
        let secret = &tokens.writer;
        let headers: Vec<String> = match dice.number(0, 8) {
            0 => vec![],
            1 => vec![format!("authorization: {secret}")],
            2 => vec![format!("authorization: Basic {secret}")],
            3 => vec![format!("authorization: Bearer")],
            4 => vec![format!("authorization: Bearer {secret}"), format!("authorization: Bearer {secret}")],
            5 => vec![format!("authorization: Token {secret}")],
            6 => vec![format!("authorization: Bearer\t{secret}")],
            _ => vec![format!("x-api-key: {secret}"), format!("cookie: token={secret}")],
        };
        says(request("POST", "/v1/events", &headers, b""), 401, "unauthenticated", "Authorization: Bearer")
    }),
    ("wrong token", |dice, tokens| {
        let mut secret = tokens.writer.clone();
        match dice.number(0, 4) {
            0 => secret.push('A'),
            1 => drop(secret.pop()),
            2 => secret = dice.word(),
            _ => secret = secret.to_uppercase(),
        }
        let headers = [format!("authorization: Bearer {secret}")];
        says(request("POST", "/v1/events", &headers, b""), 401, "unauthenticated", "is not known here")
    }),
    ("bad chunk", |dice, tokens| {
        let headers = [
            format!("authorization: Bearer {}", tokens.writer),
            format!("content-type: {JSON}"),
            "transfer-encoding: chunked".to_owned(),
        ];
        let chunk =
            dice.pick(&["g\r\n", "-1\r\n", "10000000000000000\r\n", "2\r\n{}xx", "2 3\r\n{}\r\n", "\r\n"]);
        broken_off([request("POST", "/v1/events", &headers, b""), chunk.into()].concat())
    }),
    ("body shorter than its length", |dice, tokens| {
        let event = good(dice).text();
        let length = event.len() + dice.number(1, 1_000);
        let head = format!(
            "POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: {JSON}\r\n\
             content-length: {length}\r\n\r\n",
            tokens.writer
        );
        broken_off(format!("{head}{event}").into_bytes())
    }),
    ("body longer than its length", |dice, tokens| {
        let event = good(dice).text();
        let length = dice.number(1, event.len() - 1);
        let head = format!(
            "POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: {JSON}\r\n\
             content-length: {length}\r\n\r\n",
            tokens.writer
        );
        // What is beyond is no request of its own: the connection ends with it.
        let case = says(format!("{head}{event}").into_bytes(), 400, "malformed", "1 of 1 events");
        Case { keeps: false, ..case }
    }),
    ("bad length", |dice, tokens| {
        let lengths = dice.pick(&[
            "content-length: -1",
            "content-length: 1x",
            "content-length: 99999999999999999999999",
            "content-length: 2\r\ncontent-length: 3",
            "content-length: +2",
        ]);
        let head =
            format!("POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n", tokens.writer);
        bare(format!("{head}{lengths}\r\n\r\n{{}}"), 400)
    }),
    ("header that is too large", |dice, _| {
        let value = "v".repeat(dice.number(70_000, 200_000));
        bare(request("GET", "/healthz", &[format!("x-large: {value}")], b""), 431)
    }),
    ("too many headers", |dice, _| {
        let headers: Vec<String> = (0..dice.number(101, 1_000)).map(|at| format!("x-{at}: 1")).collect();
        bare(request("GET", "/healthz", &headers, b""), 431)
    }),
    ("path that is too long", |dice, _| {
        let path = format!("/{}", "p".repeat(dice.number(66_000, 100_000)));
        let mut case = bare(request("GET", &path, &[], b""), 431);
        case.request.truncate(66_000);
        case
    }),
    ("no HTTP", |dice, _| {
        let bytes: &[u8] = dice.pick(&[
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
            b"hello\r\n\r\n",
            b"GET /healthz\r\n\r\n",
            b"GET /healthz HTTP/9.9\r\n\r\n",
            b"G\0T /healthz HTTP/1.1\r\n\r\n",
            b"GET /healthz HTTP/1.1\r\nbad header\r\n\r\n",
            b"GET /healthz HTTP/1.1\r\nhost : x\r\n\r\n",
            b"GET /healthz HTTP/1.1\r\nx: a\0b\r\n\r\n",
            b"GET /heal thz HTTP/1.1\r\nhost: x\r\n\r\n",
            b"{\"stream\":\"audit\"}\r\n\r\n",
        ]);
        bare(bytes, 400)
    }),
];
