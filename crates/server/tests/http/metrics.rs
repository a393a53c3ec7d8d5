//! `GET /metrics`.

use std::collections::BTreeMap;

use engine::Role;
use server::{MetricsAccess, Options};

use crate::harness::{JSON, LINES, Server, event};

/// Every sample by its name and labels; the text has the form of the specification.
#[track_caller]
fn samples(text: &str) -> BTreeMap<String, f64> {
    let (body, end) = text.split_at(text.len() - "# EOF\n".len());
    assert_eq!(end, "# EOF\n");
    let mut samples = BTreeMap::new();
    for line in body.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let kind = comment.split(' ').next().unwrap();
            assert!(["HELP", "TYPE", "UNIT"].contains(&kind), "{line}");
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
        let earlier = samples.insert(series.to_owned(), value.parse().unwrap());
        assert_eq!(earlier, None, "{series} stands twice");
    }
    samples
}

#[test]
fn k2_the_numbers_follow_what_happens() {
    let options = Options { metrics: MetricsAccess::Open, ..Options::default() };
    let server = Server::start_as(options, |_| {});
    let writer = server.token(Role::Writer, Some("7"));
    server.append(&writer, LINES, &[event("a"), event("b")].join("\n")).ok(201);
    server.append(&writer, JSON, &event("a")).ok(201);
    server.append(&writer, JSON, "{").refused(400, "malformed");
    server.append(&writer, JSON, &event("a").replace("alice", "bob")).refused(409, "conflict");
    server.get(&writer, "/v1/audit/events?actor=alice").refused(403, "role_missing");
    server.get("", "/nowhere/alice").refused(404, "not_found");
    let size = server.engine.ledger().tree_size();
    server.runtime.block_on(server.engine.checkpoint()).unwrap();

    let response = server.get("", "/metrics");
    assert_eq!(response.status, 200);
    assert!(response.header("content-type").starts_with("application/openmetrics-text"), "{response:?}");
    let found = samples(&response.text);
    let sample = |name: &str| *found.get(name).unwrap_or_else(|| panic!("no {name} in {}", response.text));
    for (name, value) in [
        ("strongroom_ingest_batches_total", 2.0),
        ("strongroom_ingest_events_total", 2.0),
        ("strongroom_ingest_duplicates_total", 1.0),
        ("strongroom_ingest_refused_total{code=\"malformed\"}", 1.0),
        ("strongroom_ingest_refused_total{code=\"conflict\"}", 1.0),
        ("strongroom_queue_events", 0.0),
        ("strongroom_queue_bytes", 0.0),
        ("strongroom_tree_size", size as f64),
        ("strongroom_checkpoint_size", size as f64),
        ("strongroom_unsigned_entries", 0.0),
        ("strongroom_checkpoint_age_seconds", 0.0),
        ("strongroom_signing_stopped", 0.0),
        ("strongroom_entries_lost_total", 0.0),
        ("strongroom_archive_lag_entries", 0.0),
        ("strongroom_segments{state=\"sealed\"}", 0.0),
        ("strongroom_connections_open", 1.0),
        ("strongroom_http_requests_total{method=\"POST\",route=\"/v1/events\",status=\"2xx\"}", 2.0),
        ("strongroom_http_requests_total{method=\"POST\",route=\"/v1/events\",status=\"4xx\"}", 2.0),
        ("strongroom_http_requests_total{method=\"GET\",route=\"/v1/audit/events\",status=\"4xx\"}", 1.0),
        ("strongroom_http_requests_total{method=\"other\",route=\"other\",status=\"4xx\"}", 1.0),
        ("strongroom_http_request_seconds_count{method=\"POST\",route=\"/v1/events\"}", 4.0),
        (&format!("strongroom_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION")), 1.0),
    ] {
        assert!((sample(name) - value).abs() < f64::EPSILON, "{name}: {} and not {value}", sample(name));
    }
    assert!(sample("strongroom_line_bytes_total") > 500.0);
    assert!(sample("strongroom_commit_seconds_count") >= 2.0);
    assert!(sample("strongroom_commit_seconds_sum") > 0.0);
    let (every, all) = ("strongroom_commit_entries_bucket{le=\"+Inf\"}", "strongroom_commit_entries_count");
    assert!((sample(every) - sample(all)).abs() < f64::EPSILON);
    // Whoever reads this learns nothing about whose entries they are.
    for secret in ["alice", "bob", "nowhere", &writer, "tenant", "session.create"] {
        assert!(!response.text.contains(secret), "{secret}");
    }
}

#[test]
fn an_archive_that_is_behind_shows_until_it_has_run() {
    let server = Server::start_as(Options { metrics: MetricsAccess::Open, ..Options::default() }, |_| {});
    let writer = server.token(Role::Writer, None);
    server.append(&writer, LINES, &[event("a"), event("b")].join("\n")).ok(201);
    let entries = server.engine.ledger().tree_size();
    server.runtime.block_on(server.engine.checkpoint()).unwrap();
    server.fixture.clock.advance_days(91);
    let found = samples(&server.get("", "/metrics").text);
    assert!((found["strongroom_archive_lag_entries"] - entries as f64).abs() < f64::EPSILON);
    assert!((found["strongroom_archive_lag_seconds"] - 86_400.0).abs() < 1.0);
    assert!((found["strongroom_clock_in_doubt"] - 1.0).abs() < f64::EPSILON);
    let run =
        engine::ArchiveRun { window: engine::Window::Policy, limit: None, dry_run: false, forced: true };
    let actor = engine::Actor::system();
    server.runtime.block_on(server.engine.archive_run(&run, &actor, &engine::NoProgress)).unwrap();
    let upkeep = server.runtime.block_on(server.engine.upkeep()).unwrap();
    assert_eq!((upkeep.archive_lag_entries, upkeep.archive_lag_seconds), (Some(0), Some(0)));
    let found = samples(&server.get("", "/metrics").text);
    assert!((found["strongroom_archived_entries_total"] - entries as f64).abs() < f64::EPSILON);
    assert!((found["strongroom_archive_runs_total{result=\"completed\"}"] - 1.0).abs() < f64::EPSILON);
}

#[test]
fn metrics_are_for_auditors_of_any_tenant_and_not_for_writers() {
    let server = Server::start();
    server.get("", "/metrics").refused(401, "unauthenticated");
    server.get("sr_wrong", "/metrics").refused(401, "unauthenticated");
    for tenant in [None, Some("7")] {
        server.get(&server.token(Role::Writer, tenant), "/metrics").refused(403, "role_missing");
        assert_eq!(server.get(&server.token(Role::SuperAdmin, tenant), "/metrics").status, 200, "{tenant:?}");
    }
    for role in [Role::Auditor, Role::Admin] {
        assert_eq!(server.get(&server.token(role, Some("7")), "/metrics").status, 200, "{role}");
    }
}

#[test]
fn metrics_that_are_off_are_not_there() {
    let server = Server::start_as(Options { metrics: MetricsAccess::Off, ..Options::default() }, |_| {});
    server.get(&server.token(Role::SuperAdmin, None), "/metrics").refused(404, "not_found");
}

#[test]
fn a_disk_that_is_watched_is_shown() {
    let directory = tempfile::tempdir().unwrap();
    let data_directory = Some(directory.path().to_owned());
    let options = Options { metrics: MetricsAccess::Open, data_directory, ..Options::default() };
    let server = Server::start_as(options, |_| {});
    let text = server.get("", "/metrics").text;
    let found = samples(&text);
    assert!(found["strongroom_disk_available_bytes"] > 0.0);
    assert!(found["strongroom_disk_size_bytes"] >= found["strongroom_disk_available_bytes"]);
    assert!(!text.contains(directory.path().to_str().unwrap()), "{text}");
}
