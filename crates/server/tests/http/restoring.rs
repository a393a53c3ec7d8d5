//! Making a batch hot again.

use engine::{Actor, ArchiveRun, NoProgress, Role, Window};

use crate::harness::{JSON, Server, event};

#[test]
fn d11_an_admin_restores_a_batch_for_some_days() {
    let server = Server::start();
    let writer = server.token(Role::Writer, None);
    server.append(&writer, JSON, &event("a")).ok(201);
    server.fixture.clock.advance_days(1);
    let window = Window::Before(engine::Clock::now(&*server.fixture.clock));
    let run = ArchiveRun { window, limit: None, dry_run: false, forced: true };
    let report = server.runtime.block_on(server.engine.archive_run(&run, &Actor::system(), &NoProgress));
    let path = format!("/v1/audit/archives/{}/restore", report.unwrap().batch.unwrap());

    let auditor = server.token(Role::Auditor, Some("7"));
    server.post(&auditor, &path, JSON, b"").refused(403, "role_missing");
    let admin = server.token(Role::Admin, Some("7"));
    for (body, status, code) in [
        (r#"{"days":0}"#, 422, "restore_invalid"),
        (r#"{"days":"7"}"#, 422, "restore_invalid"),
        (r#"{"hours":7}"#, 422, "restore_invalid"),
        ("{", 400, "malformed"),
    ] {
        server.post(&admin, &path, JSON, body.as_bytes()).refused(status, code);
    }
    server.post(&admin, "/v1/audit/archives/none/restore", JSON, b"").refused(404, "not_found");
    let restored = server.post(&admin, &path, JSON, br#"{"days":3}"#).ok(200);
    assert_eq!(restored["restored"], restored["matched"]);
    assert!(restored["restored"].as_u64() > Some(1), "{restored}");
    let again = server.post(&admin, &path, JSON, b"").ok(200);
    assert_eq!((&again["restored"], &again["extended"]), (&0.into(), &restored["restored"]));
}
