//! Ids that come with a request: `X-Request-Id` and `traceparent`.

use engine::Role;

use crate::harness::{JSON, LINES, Server, event, ids};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

#[test]
fn a_request_id_that_is_plain_is_kept_and_another_is_replaced() {
    let server = Server::start();
    let id_of = |given: &str| {
        let response = server.fetch("", "/v1/audit/events", &[("x-request-id", given)]);
        response.refused(401, "unauthenticated");
        response.header("x-request-id").to_owned()
    };
    let longest = "a".repeat(64);
    for kept in ["r", "Req_1.2-3", &longest] {
        assert_eq!(id_of(kept), kept);
    }
    let too_long = "a".repeat(65);
    for replaced in ["", "a b", "a/b", "a\"b", "a,b", &too_long] {
        assert_eq!(id_of(replaced).len(), 36, "{replaced:?}");
    }
    let twice = server.fetch("", "/healthz", &[("x-request-id", "a"), ("x-request-id", "b")]);
    assert_eq!(twice.header("x-request-id").len(), 36);
}

#[test]
fn a_traceparent_is_the_trace_of_events_that_name_none_and_no_part_of_their_content() {
    let server = Server::start();
    let (writer, auditor) = (server.token(Role::Writer, None), server.token(Role::Auditor, Some("7")));
    let own = event("own").replace("\"source\"", "\"trace_id\":\"mine\",\"source\"");
    let parent = |trace: &str| format!("00-{trace}-00f067aa0ba902b7-01");
    let body = [event("a"), own].join("\n");
    server.post_with(&writer, LINES, &[("traceparent", &parent(TRACE))], &body).ok(201);
    let page = server.get(&auditor, &format!("/v1/audit/events?trace_id={TRACE}")).ok(200);
    assert_eq!(ids(&page), ["a"]);
    assert_eq!(page["entries"][0]["trace_id"], TRACE);
    let page = server.get(&auditor, "/v1/audit/events?trace_id=mine").ok(200);
    assert_eq!(ids(&page), ["own"]);

    // A3: a retry comes under another trace, or under none.
    for trace in [TRACE.replace('4', "5"), "0".repeat(32), "nonsense".to_owned()] {
        let again = server.post_with(&writer, JSON, &[("traceparent", &parent(&trace))], &event("a")).ok(201);
        assert_eq!(again["receipts"][0]["duplicate"], true, "{trace}");
    }
    // The specification wants a header that is not valid to be passed over.
    server.post_with(&writer, JSON, &[("traceparent", "00-xyz")], &event("b")).ok(201);
    let page = server.get(&auditor, "/v1/audit/events").ok(200);
    let entry = page["entries"].as_array().unwrap().iter().find(|entry| entry["event_id"] == "b").unwrap();
    assert!(entry.get("trace_id").is_none(), "{entry}");
    server.runtime.block_on(testkit::check(&server.engine));
}
