//! `POST /v1/events` with a `Content-Encoding`.

use std::io::Write;

use engine::Role;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::harness::{JSON, LINES, Response, Server, details, event};

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &str) -> Vec<u8> {
    zstd::encode_all(text.as_bytes(), 3).unwrap()
}

fn post(server: &Server, writer: &str, content_type: &str, encoding: &str, body: &[u8]) -> Response {
    server.post_encoded(writer, "/v1/events", content_type, encoding, body)
}

#[test]
fn a_compressed_batch_is_the_batch_that_was_compressed() {
    let server = Server::start();
    let writer = server.token(Role::Writer, None);
    for (encoding, compress) in [("gzip", gzip as fn(&str) -> Vec<u8>), ("zstd", zstd), ("x-gzip", gzip)] {
        let one = post(&server, &writer, JSON, encoding, &compress(&event(encoding))).ok(201);
        assert_eq!(one["receipts"][0]["duplicate"], false, "{encoding}");
        let again = server.append(&writer, JSON, &event(encoding)).ok(201);
        assert_eq!(again["receipts"][0]["duplicate"], true, "{encoding}");

        let name = |number: usize| format!("{encoding}-{number}");
        let lines: Vec<String> = (0..1_000).map(|number| event(&name(number))).collect();
        let (first, second) = lines.split_at(500);
        let parts = [compress(&(first.join("\n") + "\n")), compress(&second.join("\n"))].concat();
        let answer = post(&server, &writer, LINES, encoding, &parts).ok(201);
        let receipts = answer["receipts"].as_array().unwrap();
        assert_eq!(receipts.len(), 1_000);
        assert!(receipts.iter().zip(0..).all(|(receipt, number)| receipt["event_id"] == name(number)));
    }
    post(&server, &writer, JSON, "identity", event("plain").as_bytes()).ok(201);
    server.runtime.block_on(testkit::check(&server.engine));
}

#[test]
fn what_is_wrong_inside_is_named_as_if_it_had_been_sent_as_it_is() {
    let server = Server::start();
    let writer = server.token(Role::Writer, None);
    let before = server.engine.ledger().tree_size();
    let lines = format!("{}\n{}\n", event("a"), event("b").replace("success", "maybe"));
    for body in [("gzip", gzip(&lines)), ("zstd", zstd(&lines))] {
        let error = post(&server, &writer, LINES, body.0, &body.1).refused(422, "event_invalid");
        assert_eq!(details(&error), [(Some(1), "outcome", "choice")]);
    }
    assert_eq!(server.engine.ledger().tree_size(), before);
}

#[test]
fn other_codings_and_several_of_them_are_refused_with_those_that_are_taken() {
    let server = Server::start();
    let writer = server.token(Role::Writer, None);
    let before = server.engine.ledger().tree_size();
    for encoding in ["br", "deflate", "compress", "gzip, gzip", "gzip, zstd", "aws-chunked", "*"] {
        let response = post(&server, &writer, JSON, encoding, event("a").as_bytes());
        response.refused(415, "content_encoding_unsupported");
        assert_eq!(response.header("accept-encoding"), "gzip, zstd", "{encoding}");
    }
    assert_eq!(server.engine.ledger().tree_size(), before);
}

#[test]
fn the_bound_of_a_batch_holds_for_what_comes_out() {
    let server = Server::start_with(|policy| policy.limits.batch_bytes_max = 20_000);
    let writer = server.token(Role::Writer, None);
    let padded = |bytes: usize| event("a") + &" ".repeat(bytes - event("a").len());
    for (encoding, compress) in [("gzip", gzip as fn(&str) -> Vec<u8>), ("zstd", zstd)] {
        let error =
            post(&server, &writer, JSON, encoding, &compress(&padded(20_001))).refused(413, "too_large");
        assert!(
            error["message"].as_str().unwrap().contains("20000 bytes when it is decompressed"),
            "{error}"
        );
        post(&server, &writer, JSON, encoding, &compress(&padded(20_000))).ok(201);
    }
}
