//! Freezing, the state of retention, and archive runs over HTTP.

use engine::Role;

use crate::harness::{JSON, Server, details, event};

const RUN: &str = "/v1/audit/archive/run";

#[test]
fn d6_freezing_and_thawing_over_http() {
    let server = Server::start();
    let admin = server.token(Role::Admin, Some("7"));
    let auditor = server.token(Role::Auditor, Some("7"));
    let post = |path: &str, body: &str| server.post(&admin, path, JSON, body.as_bytes());
    post("/v1/audit/retention/thaw", r#"{"reason":"x"}"#).refused(409, "conflict");
    let frozen = post("/v1/audit/retention/freeze", r#"{"reason":"matter 12"}"#).ok(200);
    assert_eq!(frozen["frozen"]["reason"], "matter 12");
    let again = post("/v1/audit/retention/freeze", r#"{"reason":"other"}"#).refused(409, "conflict");
    assert!(again["message"].as_str().unwrap().contains("matter 12"), "{again}");
    assert_eq!(server.get(&auditor, "/v1/audit/retention").ok(200)["frozen"], frozen["frozen"]);
    let refused = post(RUN, "{}").refused(403, "retention_frozen");
    assert!(refused["message"].as_str().unwrap().contains("matter 12"), "{refused}");
    let metrics = server.get(&auditor, "/metrics").text;
    assert!(metrics.contains("strongroom_retention_frozen 1"), "{metrics}");
    assert_eq!(
        post("/v1/audit/retention/thaw", r#"{"reason":"x"}"#).ok(200)["frozen"],
        serde_json::Value::Null
    );
    post(RUN, "{}").ok(200);
    for (body, status, code) in [
        ("{}", 422, "retention_invalid"),
        (r#"{"reason":""}"#, 422, "retention_invalid"),
        (r#"{"reason":"a","reason":"b"}"#, 422, "retention_invalid"),
        (r#"{"reason":"a","other":1}"#, 422, "retention_invalid"),
        (r#"{"reason":7}"#, 422, "retention_invalid"),
        ("{", 400, "malformed"),
    ] {
        post("/v1/audit/retention/freeze", body).refused(status, code);
    }
    server
        .post(&admin, "/v1/audit/retention/freeze", "text/plain", b"x")
        .refused(415, "content_type_unsupported");
}

#[test]
fn d7_a_run_over_http_and_its_batch() {
    let server = Server::start();
    let writer = server.token(Role::Writer, Some("7"));
    server.append(&writer, JSON, &event("a")).ok(201);
    // A dry run signs nothing, and only what is signed may be archived.
    server.runtime.block_on(server.engine.checkpoint()).unwrap();
    server.fixture.clock.advance_days(100);
    let admin = server.token(Role::Admin, Some("7"));
    let post = |body: &str| server.post(&admin, RUN, JSON, body.as_bytes());
    let dry = post(r#"{"dry_run":true}"#).ok(200);
    assert_eq!((&dry["dry_run"], &dry["considered"], &dry["pruned"]), (&true.into(), &3.into(), &0.into()));
    let limited = post(r#"{"hot_days":1,"limit":1}"#).ok(200);
    assert_eq!(
        (&limited["ok"], &limited["archived"], &limited["pruned"]),
        (&true.into(), &1.into(), &1.into())
    );
    let report = post("{}").ok(200);
    assert_eq!(report["pruned"], 2);
    for (body, member) in [
        (r#"{"hot_days":0}"#, "hot_days"),
        (r#"{"hot_days":1,"before":"2026-03-01T00:00:00Z"}"#, "before"),
        (r#"{"before":"soon"}"#, "before"),
        (r#"{"before":"9998-01-01T00:00:00Z"}"#, "before"),
        (r#"{"limit":0}"#, "limit"),
        (r#"{"force":true}"#, ""),
    ] {
        let error = post(body).refused(422, "archive_run_invalid");
        assert_eq!(details(&error)[0].1, member, "{body}");
    }
    let auditor = server.token(Role::Auditor, Some("7"));
    let batch = report["batch"].as_str().unwrap();
    let shown = server.get(&auditor, &format!("/v1/audit/archives/{batch}")).ok(200);
    assert_eq!((&shown["batch"], &shown["manifests"][0]["ok"]), (&batch.into(), &true.into()));
    server.get(&auditor, "/v1/audit/archives/none").refused(404, "not_found");
    let status = server.get(&auditor, "/v1/audit/retention").ok(200);
    assert_eq!(status["last_run"]["result"], "completed");
    assert_eq!(status["backlog"]["entries"], 0);
}
