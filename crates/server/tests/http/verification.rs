//! `/v1/audit/verify` and `/v1/audit/archives`.

use engine::{Actor, ArchiveRun, NoProgress, Role, Window};
use serde_json::Value;

use crate::harness::{JSON, Response, Server, details, event};

/// The names of an answer's members, as they stand in its text.
fn names_in_order(response: &Response) -> Vec<String> {
    let json = response.json();
    let mut names: Vec<String> = json.as_object().unwrap().keys().cloned().collect();
    names.sort_by_key(|name| response.text.find(&format!("\"{name}\":")).unwrap());
    names
}

#[test]
fn a_ledger_that_was_never_verified_says_so_until_it_is() {
    let server = Server::start();
    let auditor = server.token(Role::Auditor, Some("7"));
    let answer = server.get(&auditor, "/v1/audit/verify");
    let never = answer.ok(200);
    let order = names_in_order(&answer);
    for unknown in [
        "ok",
        "full",
        "signed_size",
        "oldest_hot_seq",
        "highest_archived_seq",
        "verified_at",
        "last_full_verified_at",
    ] {
        assert_eq!(never[unknown], Value::Null, "{unknown}");
    }
    assert_eq!(never["tree_size"], server.engine.ledger().tree_size());
    assert_eq!(never["problems"], serde_json::json!([]));

    let answer = server.call("POST", &auditor, "/v1/audit/verify");
    let report = answer.ok(200);
    assert_eq!(report["ok"], true, "{report}");
    assert_eq!(report["problems"], serde_json::json!([]));
    assert_eq!(report["tree_size"], server.engine.ledger().tree_size());
    assert_eq!(names_in_order(&answer), order);
    assert_eq!(order[..4], ["ok", "full", "tree_size", "signed_size"]);
    assert_eq!(server.get(&auditor, "/v1/audit/verify").ok(200), report);

    let full = server.call("POST", &auditor, "/v1/audit/verify?full=true").ok(200);
    assert_eq!(full["last_full_verified_at"], "2026-03-01T00:00:00.000000Z");
}

#[test]
fn verify_takes_one_parameter() {
    let server = Server::start();
    let auditor = server.token(Role::Auditor, Some("7"));
    for (query, member) in [("full=yes", "full"), ("full=true&full=false", "full"), ("deep=true", "deep")] {
        let response = server.call("POST", &auditor, &format!("/v1/audit/verify?{query}"));
        let error = response.refused(400, "query_invalid");
        assert_eq!(details(&error)[0].1, member);
    }
    server.get(&auditor, "/v1/audit/verify?full=true").refused(400, "query_invalid");
}

#[test]
fn archived_batches_are_listed_and_their_entries_still_answered() {
    let server = Server::start();
    let writer = server.token(Role::Writer, None);
    let auditor = server.token(Role::Auditor, Some("7"));
    assert_eq!(server.get(&auditor, "/v1/audit/archives").ok(200)["batches"], serde_json::json!([]));

    let seq = server.append(&writer, JSON, &event("a")).ok(201)["receipts"][0]["seq"].as_u64().unwrap();
    let path = format!("/v1/audit/entries/{seq}");
    let hot = server.get(&auditor, &path).text;
    server.fixture.clock.advance_micros(2 * 3_600 * 1_000_000);
    let before = Window::Before(event::Timestamp::parse_rfc3339("2026-03-01T01:00:00Z").unwrap());
    let run = ArchiveRun { window: before, limit: None, dry_run: false, forced: true };
    let report =
        server.runtime.block_on(server.engine.archive_run(&run, &Actor::system(), &NoProgress)).unwrap();
    assert!(report.ok && report.archived > 0, "{report:?}");

    let answer = server.get(&auditor, "/v1/audit/archives");
    assert!(answer.text.starts_with("{\"batches\":[{\"batch\":"), "{}", answer.text);
    let listed = answer.ok(200);
    assert_eq!(listed["batches"].as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(listed["batches"][0]["first_seq"], 0);
    assert_eq!(server.get(&auditor, &path).text, hot, "the same bytes from the archive");
    let report = server.call("POST", &auditor, "/v1/audit/verify?full=true").ok(200);
    assert_eq!(report["ok"], true, "{report}");
}
