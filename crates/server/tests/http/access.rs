//! Who may do what.

use engine::{Actor, NewToken, Role};
use server::{Access, ROUTES, Route};

use crate::harness::{JSON, Server, event};

const ROLES: [Role; 4] = [Role::Writer, Role::Auditor, Role::Admin, Role::SuperAdmin];

/// A path of this route: entry 0, and a token that is not there.
fn path(route: &Route) -> String {
    route.path.replace("{seq}", "0").replace("{id}", "tok_0").replace("{batch}", "none")
}

#[test]
fn g2_every_route_in_the_table_asks_for_its_role() {
    let server = Server::start();
    let tokens = ROLES.map(|role| (role, server.token(role, Some("7"))));
    for route in ROUTES {
        let path = path(route);
        let without = server.call(route.method.as_str(), "", &path);
        let needed = match route.access {
            Access::Open => {
                assert_eq!(without.status, 200, "{path}");
                continue;
            }
            Access::Metrics => Role::Auditor,
            Access::Role(needed) => needed,
        };
        without.refused(401, "unauthenticated");
        for (role, token) in &tokens {
            let response = server.call(route.method.as_str(), token, &path);
            if role.may(needed) {
                assert!(![401, 403, 405].contains(&response.status), "{} {path} as {role}", route.method);
            } else {
                response.refused(403, "role_missing");
            }
        }
    }
}

#[test]
fn g2_no_route_takes_a_token_that_was_revoked_or_has_expired() {
    let server = Server::start();
    let guarded = || ROUTES.iter().filter(|route| route.access != Access::Open);
    let owner = server.token(Role::SuperAdmin, None);
    for role in ROLES {
        let (revoked, id) = server.token_and_id(role, Some("7"));
        server.call("DELETE", &owner, &format!("/v1/tokens/{id}")).ok(200);
        for route in guarded() {
            let response = server.call(route.method.as_str(), &revoked, &path(route));
            response.refused(401, "unauthenticated");
        }
    }
    let expired = ROLES.map(|role| server.token(role, Some("7")));
    server.fixture.clock.advance_days(1);
    for token in &expired {
        for route in guarded() {
            server.call(route.method.as_str(), token, &path(route)).refused(401, "unauthenticated");
        }
    }
}

#[test]
fn g1_auditors_and_admins_are_bound_to_a_tenant_and_a_super_admin_sees_all() {
    let server = Server::start();
    for role in [Role::Auditor, Role::Admin] {
        let new = NewToken { name: "unbound".to_owned(), role, tenant: None, days: None };
        let made = server.runtime.block_on(server.engine.create_token(new, &Actor::system()));
        assert_eq!(made.unwrap_err().violations()[0].member, "tenant");
    }
    for route in ROUTES.iter().filter(|route| route.access == Access::Role(Role::Auditor)) {
        let token = server.token(Role::SuperAdmin, None);
        server.call(route.method.as_str(), &token, &path(route)).ok(200);
    }
}

#[test]
fn a_wrong_token_is_challenged_and_never_repeated() {
    let server = Server::start();
    for token in ["sr_wrong", "sr_", "x"] {
        let response = server.get(token, "/v1/audit/events");
        response.refused(401, "unauthenticated");
        assert!(response.header("www-authenticate").starts_with("Bearer realm="), "{response:?}");
        assert!(!response.text.contains("sr_wrong"), "{response:?}");
    }
}

#[test]
fn c5_another_tenants_entry_is_not_there() {
    let server = Server::start();
    let writer = server.token(Role::Writer, None);
    let seq = server.append(&writer, JSON, &event("a")).ok(201)["receipts"][0]["seq"].as_u64().unwrap();
    let path = format!("/v1/audit/entries/{seq}");

    let own = server.token(Role::Auditor, Some("7"));
    assert_eq!(server.get(&own, &path).ok(200)["event_id"], "a");
    let other = server.token(Role::Auditor, Some("8"));
    let hidden = server.get(&other, &path).refused(404, "not_found")["message"].clone();
    let absent = server.get(&other, "/v1/audit/entries/999999").refused(404, "not_found")["message"].clone();
    assert_eq!(
        hidden.as_str().unwrap().replace(&seq.to_string(), "N"),
        absent.as_str().unwrap().replace("999999", "N")
    );
    // The ledger's own entries are nobody's tenant's.
    server.get(&own, "/v1/audit/entries/0").refused(404, "not_found");
    let all = server.token(Role::SuperAdmin, None);
    assert_eq!(server.get(&all, "/v1/audit/entries/0").ok(200)["tenant"], "_strongroom");
}

#[test]
fn paths_and_methods_that_are_not_there_fail_in_the_same_shape() {
    let server = Server::start();
    server.get("", "/").refused(404, "not_found");
    server.get("", "/v1/events/").refused(404, "not_found");
    let response = server.call("DELETE", "", "/v1/events");
    response.refused(405, "method_not_allowed");
    assert_eq!(response.header("allow"), "POST");
    assert_eq!(server.get("", "/healthz").text, "{\"ok\":true}");
}

#[test]
fn every_request_has_an_id_of_its_own() {
    let server = Server::start();
    let (first, second) = (server.get("", "/healthz"), server.get("", "/healthz"));
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
    assert_eq!(first.header("x-request-id").len(), 36);
    assert_eq!(first.header("x-content-type-options"), "nosniff");
}
