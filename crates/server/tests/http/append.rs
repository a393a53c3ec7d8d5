//! `POST /v1/events`.

use engine::Role;
use serde_json::Value;

use crate::harness::{JSON, LINES, Server, details, event};

/// Entries in the ledger beyond those it wrote about itself so far.
fn size(server: &Server) -> u64 {
    server.engine.ledger().tree_size()
}

#[test]
fn one_event_an_array_and_lines_are_taken_and_answered_with_receipts() {
    let server = Server::start();
    let writer = server.token(Role::Writer, None);
    let first = size(&server);

    let one = server.append(&writer, JSON, &event("a")).ok(201);
    assert_eq!(one["receipts"][0]["event_id"], "a");
    assert_eq!(one["receipts"][0]["seq"], first);
    assert_eq!(one["receipts"][0]["duplicate"], false);
    assert_eq!(one["receipts"][0]["leaf_hash"].as_str().unwrap().len(), 64);
    assert_eq!(one["tree_size"], first + 1);

    let array = format!(" [ {} ,\n {} ] ", event("b"), event("c"));
    let array = server.append(&writer, "application/json; charset=utf-8", &array).ok(201);
    let lines = format!("{}\r\n\n{}\n", event("d"), event("e"));
    let lines = server.append(&writer, LINES, &lines).ok(201);
    let order: Vec<(&Value, &Value)> = array["receipts"]
        .as_array()
        .unwrap()
        .iter()
        .chain(lines["receipts"].as_array().unwrap())
        .map(|receipt| (&receipt["event_id"], &receipt["seq"]))
        .collect();
    let expected = ["b", "c", "d", "e"].map(Value::from);
    let seqs = [1, 2, 3, 4].map(|after| Value::from(first + after));
    assert_eq!(order, expected.iter().zip(&seqs).collect::<Vec<_>>());
}

#[test]
fn receipts_have_their_members_in_the_documented_order() {
    let server = Server::start();
    let writer = server.token(Role::Writer, None);
    let response = server.append(&writer, JSON, &event("a"));
    let places: Vec<_> =
        ["{\"receipts\":[{\"event_id\":", "\"seq\":", "\"leaf_hash\":", "\"duplicate\":", "\"tree_size\":"]
            .iter()
            .map(|part| response.text.find(part).unwrap_or_else(|| panic!("{part} in {}", response.text)))
            .collect();
    assert!(places.is_sorted() && places[0] == 0, "{}", response.text);
}

#[test]
fn an_event_without_an_id_gets_one() {
    let server = Server::start();
    let writer = server.token(Role::Writer, None);
    let without = event("x").replace("\"event_id\":\"x\",", "");
    let receipt = server.append(&writer, JSON, &without).ok(201)["receipts"][0].clone();
    assert_eq!(receipt["event_id"].as_str().unwrap().len(), 36, "{receipt}");
}

#[test]
fn a3_a_repeated_event_is_a_duplicate_and_another_with_its_id_a_conflict() {
    let server = Server::start();
    let writer = server.token(Role::Writer, None);
    let first = server.append(&writer, JSON, &event("a")).ok(201);
    let after = size(&server);

    let again = server.append(&writer, JSON, &event("a")).ok(201);
    assert_eq!(again["receipts"][0]["seq"], first["receipts"][0]["seq"]);
    assert_eq!(again["receipts"][0]["leaf_hash"], first["receipts"][0]["leaf_hash"]);
    assert_eq!(again["receipts"][0]["duplicate"], true);

    let other = event("a").replace("success", "failure");
    let error = server.append(&writer, JSON, &format!("[{},{other}]", event("b"))).refused(409, "conflict");
    assert_eq!(details(&error), [(Some(1), "event_id", "conflict")]);
    assert_eq!(size(&server), after, "neither stored anything");
}

#[test]
fn a4_a_batch_is_all_or_nothing_and_every_error_is_named() {
    let server = Server::start();
    let writer = server.token(Role::Writer, None);
    let before = size(&server);
    let nameless = event("c").replace("\"id\":\"alice\"", "\"name\":\"Alice\"");
    let mixed = event("d").replace("\"outcome\":\"success\"", "\"outcome\":\"maybe\",\"colour\":\"red\"");
    let lines = format!("{}\n{nameless}\n{}\n{mixed}\n", event("a"), event("b"));
    let error = server.append(&writer, LINES, &lines).refused(422, "event_invalid");
    let mut found = details(&error);
    found.sort_unstable();
    assert_eq!(
        found,
        [
            (Some(1), "actor.id", "required"),
            (Some(3), "colour", "unknown_member"),
            (Some(3), "outcome", "choice"),
        ]
    );
    assert_eq!(error["message"], "2 of 4 events are refused; nothing was stored");
    assert_eq!(size(&server), before);
}

#[test]
fn what_is_not_json_is_malformed() {
    let server = Server::start();
    let writer = server.token(Role::Writer, None);
    let before = size(&server);
    for body in ["{", "[{}", "[1,]", "nonsense", "{} {}", "\u{feff}{}"] {
        server.append(&writer, JSON, body).refused(400, "malformed");
    }
    let error = server.append(&writer, JSON, "[{}").refused(400, "malformed");
    assert_eq!(error["message"], "the body is not valid JSON: EOF while parsing a list at column 3");
    let error = server.append(&writer, LINES, &format!("{}\n{{\"stream\":\n", event("a")));
    let error = error.refused(400, "malformed");
    assert_eq!(details(&error), [(Some(1), "", "json")]);
    assert_eq!(size(&server), before);
}

#[test]
fn what_is_json_and_no_event_is_invalid() {
    let server = Server::start();
    let writer = server.token(Role::Writer, None);
    for body in ["", "  ", "\n\n"] {
        server.append(&writer, LINES, body).refused(422, "event_invalid");
    }
    for body in ["[]", "[[]]", "1", "null", "\"text\"", "{}"] {
        server.append(&writer, JSON, body).refused(422, "event_invalid");
    }
}

#[test]
fn other_content_types_are_refused_before_the_body_is_read() {
    let server = Server::start();
    let writer = server.token(Role::Writer, None);
    for content_type in ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"] {
        let response = server.post(&writer, "/v1/events", content_type, event("a").as_bytes());
        response.refused(415, "content_type_unsupported");
    }
}

#[test]
fn what_is_nested_too_deep_to_be_read_is_invalid_and_says_so() {
    let server = Server::start();
    let writer = server.token(Role::Writer, None);
    let deep = format!("{{\"metadata\":{}{}}}", "[".repeat(200), "]".repeat(200));
    for body in [deep.clone(), format!("[{deep}]")] {
        let error = server.append(&writer, JSON, &body).refused(422, "event_invalid");
        assert_eq!(details(&error), [(Some(0), "", "depth")]);
    }
}

#[test]
fn a_body_an_event_and_a_batch_beyond_their_limits_are_too_large() {
    let server = Server::start_with(|policy| {
        policy.limits.batch_bytes_max = 20_000;
        policy.limits.event_bytes_max = 2_000;
        policy.limits.batch_events_max = 3;
    });
    let writer = server.token(Role::Writer, None);
    let before = size(&server);
    let spaces = " ".repeat(20_001 - event("a").len());
    server.append(&writer, JSON, &format!("{}{spaces}", event("a"))).refused(413, "too_large");
    // Far beyond what socket buffers hold: the answer arrives all the same.
    server.append(&writer, JSON, &" ".repeat(8 << 20)).refused(413, "too_large");

    let long = event("a")
        .replace("\"source\"", &format!("\"metadata\":{{\"a\":\"{}\"}},\"source\"", "x".repeat(2_000)));
    server.append(&writer, JSON, &long).refused(413, "too_large");

    let four = [event("a"), event("b"), event("c"), event("d")].join("\n");
    server.append(&writer, LINES, &four).refused(413, "too_large");
    assert_eq!(size(&server), before);
    server.append(&writer, LINES, &[event("a"), event("b"), event("c")].join("\n")).ok(201);
}

#[test]
fn a_batch_of_the_largest_size_is_taken_whole() {
    let server = Server::start();
    let writer = server.token(Role::Writer, None);
    let lines: Vec<String> = (0..10_000).map(|number| event(&format!("e{number}"))).collect();
    let answer = server.append(&writer, LINES, &lines.join("\n")).ok(201);
    let receipts = answer["receipts"].as_array().unwrap();
    assert_eq!(receipts.len(), 10_000);
    assert!(receipts.iter().zip(0..).all(|(receipt, number)| receipt["event_id"] == format!("e{number}")));
}

#[test]
fn a_bound_writer_writes_its_own_tenant_only() {
    let server = Server::start();
    let bound = server.token(Role::Writer, Some("7"));
    let before = size(&server);
    let foreign = testkit::event_json("b", "8", "alice", "session.create");
    let error = server.append(&bound, LINES, &format!("{}\n{foreign}", event("a")));
    let error = error.refused(403, "tenant_forbidden");
    assert_eq!(details(&error), [(Some(1), "tenant", "tenant_forbidden")]);
    assert_eq!(size(&server), before);
    server.append(&bound, JSON, &event("a")).ok(201);

    let unbound = server.token(Role::Writer, None);
    server.append(&unbound, JSON, &foreign).ok(201);
}

#[test]
fn g1_nobody_writes_what_is_the_ledgers_own() {
    let server = Server::start();
    let reserved_tenant = testkit::event_json("a", "_strongroom", "alice", "x.y");
    let reserved_source = event("a").replace("\"source\":\"test\"", "\"source\":\"strongroom\"");
    for role in [Role::Writer, Role::SuperAdmin] {
        let token = server.token(role, None);
        for body in [&reserved_tenant, &reserved_source] {
            let error = server.append(&token, JSON, body).refused(403, "forbidden");
            assert_eq!(error["details"][0]["position"], 0, "{error}");
        }
    }
}

#[test]
fn appending_takes_no_parameters() {
    let server = Server::start();
    let writer = server.token(Role::Writer, None);
    let response = server.post(&writer, "/v1/events?sync=false", JSON, event("a").as_bytes());
    let error = response.refused(400, "query_invalid");
    assert_eq!(details(&error), [(None, "sync", "unknown_member")]);
}
