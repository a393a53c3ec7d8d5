//! `POST /v1/operations` and `POST /v1/operations/{id}/complete`.

use engine::Role;
use serde_json::Value;

use crate::harness::{JSON, LINES, Response, Server, details, event};

/// The event without its outcome.
fn begun(event_id: &str) -> String {
    event(event_id).replace("\"outcome\":\"success\",", "")
}

fn begin(server: &Server, token: &str, body: &str) -> Response {
    server.post(token, "/v1/operations", JSON, body.as_bytes())
}

fn complete(server: &Server, token: &str, id: &str, body: &str) -> Response {
    server.post(token, &format!("/v1/operations/{id}/complete"), JSON, body.as_bytes())
}

/// Begins an operation and gives its id.
fn begin_one(server: &Server, token: &str, event_id: &str) -> String {
    begin(server, token, &begun(event_id)).ok(201)["operation_id"].as_str().unwrap().to_owned()
}

fn entry(server: &Server, reader: &str, seq: &Value) -> Value {
    server.get(reader, &format!("/v1/audit/entries/{seq}")).ok(200)
}

#[test]
fn a5_an_operation_is_begun_completed_and_then_an_entry() {
    let server = Server::start();
    let reader = server.token(Role::SuperAdmin, None);
    let writer = server.token(Role::Writer, None);
    let before = server.engine.ledger().tree_size();

    let answer = begin(&server, &writer, &begun("op-1"));
    let id = answer.ok(201)["operation_id"].as_str().unwrap().to_owned();
    assert_eq!(answer.text, format!("{{\"operation_id\":\"{id}\",\"duplicate\":false}}"));
    assert!(id.len() == 35 && id.starts_with("op_"), "{id}");
    let again = begin(&server, &writer, &begun("op-1"));
    assert_eq!(again.ok(201)["duplicate"], true);
    assert_eq!(again.json()["operation_id"], id);
    assert_eq!(server.engine.ledger().tree_size(), before, "a pending operation is not in the ledger");

    let completion = r#"{"outcome":"failure","error":{"code":"x"},"metadata":{"tries":2}}"#;
    let receipt = complete(&server, &writer, &id, completion);
    let first = receipt.ok(200);
    assert!(receipt.text.starts_with("{\"event_id\":\"op-1\",\"seq\":"), "{}", receipt.text);
    assert_eq!((&first["seq"], &first["duplicate"]), (&before.into(), &false.into()));
    let line = entry(&server, &reader, &first["seq"]);
    assert_eq!(line["started_at"], "2026-02-01T00:00:00.000000Z");
    assert_eq!(line["occurred_at"], "2026-03-01T00:00:00.000000Z");
    assert_eq!((&line["outcome"], &line["metadata"]["tries"]), (&"failure".into(), &2.into()));

    let repeated = complete(&server, &writer, &id, completion).ok(200);
    assert_eq!((&repeated["seq"], &repeated["leaf_hash"]), (&first["seq"], &first["leaf_hash"]));
    assert_eq!(repeated["duplicate"], true);
    complete(&server, &writer, &id, r#"{"outcome":"success"}"#).refused(409, "conflict");
    assert_eq!(server.engine.ledger().tree_size(), before + 1);
}

#[test]
fn a5_a_completion_after_the_timeout_changes_nothing_and_says_so() {
    let server = Server::start();
    let reader = server.token(Role::SuperAdmin, None);
    let writer = server.token(Role::Writer, None);
    let id = begin_one(&server, &writer, "op-1");
    server.fixture.clock.advance_micros(14_400 * 1_000_000 + 1);
    let report = server.runtime.block_on(server.engine.time_out_operations()).unwrap();
    assert_eq!(report.timed_out, 1);
    let size = server.engine.ledger().tree_size();
    let answer = complete(&server, &writer, &id, r#"{"outcome":"success"}"#);
    let seq = answer.ok(200)["seq"].clone();
    assert_eq!(answer.text, format!("{{\"timed_out\":true,\"seq\":{seq}}}"));
    assert_eq!(entry(&server, &reader, &seq)["outcome"], "unknown");
    assert_eq!(server.engine.ledger().tree_size(), size);
}

#[test]
fn an_event_id_that_is_taken_begins_nothing() {
    let server = Server::start();
    let writer = server.token(Role::Writer, None);
    server.append(&writer, JSON, &event("e-1")).ok(201);
    begin_one(&server, &writer, "op-1");
    let error = begin(&server, &writer, &begun("e-1")).refused(409, "conflict");
    assert_eq!(details(&error), [(None, "event_id", "conflict")]);
    let other = begun("op-1").replace("alice", "bob");
    let error = begin(&server, &writer, &other).refused(409, "conflict");
    assert_eq!(details(&error), [(None, "event_id", "conflict")]);
}

#[test]
fn each_step_names_what_does_not_belong_to_it() {
    let server = Server::start();
    let writer = server.token(Role::Writer, None);
    let error = begin(&server, &writer, &event("op-1")).refused(422, "event_invalid");
    assert_eq!(details(&error), [(None, "outcome", "step")]);
    let id = begin_one(&server, &writer, "op-1");
    let error = complete(&server, &writer, &id, r#"{"outcome":"success","tenant":"7","actor":{}}"#);
    let error = error.refused(422, "event_invalid");
    assert_eq!(details(&error), [(None, "tenant", "step"), (None, "actor", "step")]);
    let error = complete(&server, &writer, &id, r#"{"outcome":"success","colour":"red"}"#);
    let error = error.refused(422, "event_invalid");
    assert_eq!(details(&error), [(None, "colour", "unknown_member")]);
    let error = complete(&server, &writer, &id, "{}").refused(422, "event_invalid");
    assert_eq!(details(&error), [(None, "outcome", "required")]);
    complete(&server, &writer, &id, r#"{"outcome":"success"}"#).ok(200);
}

#[test]
fn a_step_is_one_json_object_of_the_size_of_an_event() {
    let server = Server::start_with(|policy| policy.limits.event_bytes_max = 2_000);
    let writer = server.token(Role::Writer, None);
    let id = begin_one(&server, &writer, "op-1");
    for path in ["/v1/operations".to_owned(), format!("/v1/operations/{id}/complete")] {
        let post =
            |content_type: &str, body: &str| server.post(&writer, &path, content_type, body.as_bytes());
        for body in ["{", "", "{} {}", "nonsense"] {
            post(JSON, body).refused(400, "malformed");
        }
        for body in ["[]", "[{}]", "1", "null"] {
            post(JSON, body).refused(422, "event_invalid");
        }
        post(JSON, &" ".repeat(2_001)).refused(413, "too_large");
        for content_type in [LINES, "", "text/plain"] {
            post(content_type, "{}").refused(415, "content_type_unsupported");
        }
        let encoded = server.post_encoded(&writer, &path, JSON, "gzip", b"{}");
        encoded.refused(415, "content_encoding_unsupported");
        let error = server.post(&writer, &format!("{path}?now=1"), JSON, b"{}").refused(400, "query_invalid");
        assert_eq!(details(&error), [(None, "now", "unknown_member")]);
    }
    // Small by itself, too large together with the beginning.
    let large = format!(r#"{{"outcome":"success","evidence":"{}"}}"#, "x".repeat(1_900));
    complete(&server, &writer, &id, &large).refused(413, "too_large");
    complete(&server, &writer, &id, r#"{"outcome":"success"}"#).ok(200);
}

#[test]
fn an_unknown_operation_is_not_found() {
    let server = Server::start();
    let writer = server.token(Role::Writer, None);
    let absent = format!("op_{}", "0".repeat(32));
    for id in [absent.as_str(), "op_", "x", "op_FF", "%C3%A9"] {
        complete(&server, &writer, id, r#"{"outcome":"success"}"#).refused(404, "not_found");
    }
    complete(&server, &writer, "%FF", r#"{"outcome":"success"}"#).refused(400, "malformed");
}

#[test]
fn c5_a_bound_writer_begins_and_completes_in_its_own_tenant_only() {
    let server = Server::start();
    let [seven, eight] = ["7", "8"].map(|tenant| server.token(Role::Writer, Some(tenant)));
    begin(&server, &eight, &begun("op-1")).refused(403, "tenant_forbidden");
    let id = begin_one(&server, &seven, "op-1");
    let success = r#"{"outcome":"success"}"#;
    complete(&server, &eight, &id, success).refused(404, "not_found");
    complete(&server, &seven, &id, success).ok(200);
    // Nor is it told that it has ended, and how.
    complete(&server, &eight, &id, success).refused(404, "not_found");
    complete(&server, &eight, &id, r#"{"outcome":"denied"}"#).refused(404, "not_found");

    let unbound = server.token(Role::Writer, None);
    let id = begin_one(&server, &unbound, "op-2");
    complete(&server, &unbound, &id, success).ok(200);
    let reserved = begun("op-3").replace("\"tenant\":\"7\"", "\"tenant\":\"_strongroom\"");
    let error = begin(&server, &unbound, &reserved).refused(403, "forbidden");
    assert_eq!(details(&error), [(None, "tenant", "reserved")]);
}
