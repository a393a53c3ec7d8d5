//! `GET /v1/audit/events`, `…/discovery`, `…/tools` and `…/entries/{seq}`.

use engine::Role;
use serde_json::Value;

use crate::harness::{JSON, LINES, Server, details, event, ids};

fn filled(server: &Server, ids: &[&str]) -> String {
    let writer = server.token(Role::Writer, None);
    let lines: Vec<String> = ids.iter().map(|id| event(id)).collect();
    server.append(&writer, LINES, &lines.join("\n")).ok(201);
    writer
}

#[test]
fn the_newest_entries_come_first_and_each_is_its_line() {
    let server = Server::start();
    filled(&server, &["a", "b", "c"]);
    let auditor = server.token(Role::Auditor, Some("7"));
    let response = server.get(&auditor, "/v1/audit/events");
    let page = response.ok(200);
    assert_eq!(ids(&page), ["c", "b", "a"]);
    assert_eq!(page["next_cursor"], Value::Null);
    assert_eq!(page["tree_size"], server.engine.ledger().tree_size());
    assert_eq!(page["tiers"], serde_json::json!(["hot"]));

    let seq = page["entries"][0]["seq"].as_u64().unwrap();
    let line = server.get(&auditor, &format!("/v1/audit/entries/{seq}")).text;
    assert!(response.text.contains(&line), "{line}");
    assert!(line.starts_with(&format!("{{\"seq\":{seq},\"recorded_at\":\"2026-03-01T00:00:00.000000Z\",")));
}

#[test]
fn c2_paging_with_the_cursor_sees_each_entry_once_while_others_write() {
    let server = Server::start();
    let writer = filled(&server, &["a", "b", "c", "d", "e"]);
    let auditor = server.token(Role::Auditor, Some("7"));
    for (order, expected) in [("desc", ["e", "d", "c", "b", "a"]), ("asc", ["a", "b", "c", "d", "e"])] {
        let mut seen: Vec<String> = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/v1/audit/events?actor=alice&limit=2&order={order}{cursor}");
            let page = server.get(&auditor, &path).ok(200);
            seen.extend(ids(&page).into_iter().map(str::to_owned));
            server
                .append(&writer, JSON, &event(&format!("{order}-{}", seen.len())).replace("alice", "bob"))
                .ok(201);
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(seen, expected);
    }
}

#[test]
fn a_cursor_of_another_search_and_one_that_is_none_are_refused() {
    let server = Server::start();
    filled(&server, &["a", "b"]);
    let auditor = server.token(Role::Auditor, Some("7"));
    let page = server.get(&auditor, "/v1/audit/events?limit=1").ok(200);
    let cursor = page["next_cursor"].as_str().unwrap();
    for query in
        [format!("actor=bob&cursor={cursor}"), format!("order=asc&cursor={cursor}"), "cursor=x".to_owned()]
    {
        let error = server.get(&auditor, &format!("/v1/audit/events?{query}")).refused(400, "query_invalid");
        assert_eq!(error["details"][0]["member"], "cursor", "{query}");
    }
    // Nor does it open another tenant's entries, or another stream's.
    let other = server.token(Role::Auditor, Some("8"));
    server.get(&other, &format!("/v1/audit/events?cursor={cursor}")).refused(400, "query_invalid");
    server.get(&auditor, &format!("/v1/audit/tools?cursor={cursor}")).refused(400, "query_invalid");
}

#[test]
fn c1_a_bad_query_is_an_error_that_names_all_that_is_wrong() {
    let server = Server::start();
    filled(&server, &["a"]);
    let auditor = server.token(Role::Auditor, Some("7"));
    let error = server
        .get(
            &auditor,
            "/v1/audit/events?colour=red&actor=&outcome=maybe&from=yesterday&limit=0&source=a&source=b",
        )
        .refused(400, "query_invalid");
    let mut members: Vec<&str> = details(&error).into_iter().map(|(_, member, _)| member).collect();
    members.sort_unstable();
    assert_eq!(members, ["actor", "colour", "from", "limit", "outcome", "source"]);
    server.get(&auditor, "/v1/audit/events?limit=1001").refused(400, "query_invalid");
    server.get(&auditor, "/v1/audit/events?actor=%ff").refused(400, "malformed");
    let error = server.get(&auditor, "/v1/audit/events?stream=tool").refused(400, "query_invalid");
    assert_eq!(details(&error), [(None, "stream", "choice")]);
}

#[test]
fn a_query_says_which_tier_it_asks_and_a_cursor_stays_in_it() {
    let server = Server::start();
    filled(&server, &["a", "b"]);
    let auditor = server.token(Role::Auditor, Some("7"));
    let hot = server.get(&auditor, "/v1/audit/events?tier=hot&limit=1").ok(200);
    assert_eq!((ids(&hot), &hot["tiers"]), (vec!["b"], &serde_json::json!(["hot"])));
    let cold = server.get(&auditor, "/v1/audit/events?tier=cold").ok(200);
    assert_eq!((ids(&cold).len(), &cold["tiers"]), (0, &serde_json::json!(["cold"])));
    let cursor = hot["next_cursor"].as_str().unwrap();
    server.get(&auditor, &format!("/v1/audit/events?cursor={cursor}")).refused(400, "query_invalid");
    let error = server.get(&auditor, "/v1/audit/events?tier=warm").refused(400, "query_invalid");
    assert_eq!(details(&error), [(None, "tier", "choice")]);
}

#[test]
fn filters_are_anded_and_decoded() {
    let server = Server::start();
    let writer = filled(&server, &["a", "b"]);
    let special = testkit::event_json("c", "7", "zoë+1 %", "session.end");
    server.append(&writer, JSON, &special).ok(201);
    let auditor = server.token(Role::Auditor, Some("7"));
    let found = |query: &str| {
        let page = server.get(&auditor, &format!("/v1/audit/events?{query}")).ok(200);
        ids(&page).join(",")
    };
    assert_eq!(found("actor=zo%C3%AB%2B1+%25"), "c");
    assert_eq!(found("action=session.*&actor=alice"), "b,a");
    assert_eq!(found("event_id=a&actor=alice"), "a");
    assert_eq!(found("event_id=a&actor=bob"), "");
    assert_eq!(found("from=2026-02-01T00:00:00Z&to=2026-02-01T00:00:00.000001Z"), "c,b,a");
    assert_eq!(found("to=2026-02-01T02:00:00%2B02:00"), "");
}

#[test]
fn each_stream_has_its_own_path() {
    let server = Server::start();
    let writer = filled(&server, &["a"]);
    let discovery =
        event("d").replace("\"stream\":\"audit\"", "\"stream\":\"discovery\",\"conversation_id\":\"c1\"");
    let tool = event("t").replace("\"stream\":\"audit\"", "\"stream\":\"tool\",\"tool\":\"grep\"");
    server.append(&writer, LINES, &format!("{discovery}\n{tool}")).ok(201);
    let auditor = server.token(Role::Auditor, Some("7"));
    let found = |path: &str| ids(&server.get(&auditor, path).ok(200)).join(",");
    assert_eq!(found("/v1/audit/events"), "a");
    assert_eq!(found("/v1/audit/discovery"), "d");
    assert_eq!(found("/v1/audit/discovery?conversation_id=c1&stream=discovery"), "d");
    assert_eq!(found("/v1/audit/tools"), "t");
}

#[test]
fn c5_a_bound_caller_sees_its_tenant_only() {
    let server = Server::start();
    let writer = filled(&server, &["a"]);
    server.append(&writer, JSON, &testkit::event_json("b", "8", "alice", "x.y")).ok(201);
    let found = |token: &str, path: &str| ids(&server.get(token, path).ok(200)).join(",");

    let seven = server.token(Role::Auditor, Some("7"));
    assert_eq!(found(&seven, "/v1/audit/events"), "a");
    assert_eq!(found(&seven, "/v1/audit/events?tenant=7"), "a");
    server.get(&seven, "/v1/audit/events?tenant=8").refused(404, "not_found");
    server.get(&seven, "/v1/audit/events?tenant=_strongroom").refused(404, "not_found");

    let nine = server.token(Role::Admin, Some("9"));
    assert_eq!(found(&nine, "/v1/audit/events"), "");

    let bound_super = server.token(Role::SuperAdmin, Some("8"));
    assert_eq!(found(&bound_super, "/v1/audit/events"), "b");

    let all = server.token(Role::SuperAdmin, None);
    assert_eq!(found(&all, "/v1/audit/events?actor=alice"), "b,a");
    assert_eq!(found(&all, "/v1/audit/events?tenant=8"), "b");
}

#[test]
fn an_entry_is_named_by_its_seq() {
    let server = Server::start();
    filled(&server, &["a"]);
    let all = server.token(Role::SuperAdmin, None);
    for path in ["x", "-1", "01", "1.0", "18446744073709551616", "%ff"] {
        server.get(&all, &format!("/v1/audit/entries/{path}")).refused(400, "malformed");
    }
    server.get(&all, "/v1/audit/entries/18446744073709551615").refused(404, "not_found");
    server.get(&all, "/v1/audit/entries/0?pretty=1").refused(400, "query_invalid");
}
