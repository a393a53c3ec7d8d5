//! `/v1/tokens`.

use engine::Role;
use serde_json::{Value, json};

use crate::harness::{JSON, Response, Server, details, event};

fn create(server: &Server, token: &str, wanted: &Value) -> Response {
    server.post(token, "/v1/tokens", JSON, wanted.to_string().as_bytes())
}

fn revoke(server: &Server, token: &str, id: &str) -> Response {
    server.call("DELETE", token, &format!("/v1/tokens/{id}"))
}

/// Names of the tokens that a caller is shown, in their order.
fn listed(server: &Server, token: &str) -> Vec<(String, bool)> {
    let list = server.get(token, "/v1/tokens").ok(200);
    let tokens = list["tokens"].as_array().unwrap();
    tokens
        .iter()
        .map(|token| (token["name"].as_str().unwrap().to_owned(), !token["revoked_at"].is_null()))
        .collect()
}

/// The newest entry of the ledger itself.
fn newest_own(server: &Server, owner: &str) -> Value {
    let page = server.get(owner, "/v1/audit/events?tenant=_strongroom&limit=1").ok(200);
    page["entries"][0].clone()
}

#[test]
fn g1_a_token_is_shown_once_works_until_it_is_revoked_and_stays_listed() {
    let server = Server::start();
    let (owner, owner_id) = server.token_and_id(Role::SuperAdmin, None);
    let wanted = json!({ "name": "billing", "role": "writer", "tenant": "7", "days": 30 });
    let response = create(&server, &owner, &wanted);
    let made = response.ok(201);
    assert!(response.text.starts_with("{\"id\":\"tok_"), "{response:?}");
    assert_eq!(made["expires_at"], "2026-03-31T00:00:00.000000Z");
    assert_eq!(
        (&made["name"], &made["role"], &made["tenant"]),
        (&json!("billing"), &json!("writer"), &json!("7"))
    );
    let (secret, id) = (made["token"].as_str().unwrap(), made["id"].as_str().unwrap());
    server.append(secret, JSON, &event("a")).ok(201);

    let created = newest_own(&server, &owner);
    assert_eq!(created["action"], "token.created");
    assert_eq!(created["actor"], json!({ "type": "service", "id": owner_id }));
    assert_eq!(created["target"], json!({ "type": "token", "id": id }));
    assert_eq!(created["metadata"]["state"][0]["table"], "token");

    let before = server.engine.ledger().tree_size();
    let revoked = revoke(&server, &owner, id).ok(200);
    assert_eq!(revoked["revoked_at"], "2026-03-01T00:00:00.000000Z");
    server.append(secret, JSON, &event("b")).refused(401, "unauthenticated");
    let entry = newest_own(&server, &owner);
    assert_eq!((&entry["action"], &entry["target"]["id"]), (&json!("token.revoked"), &json!(id)));
    assert_eq!(entry["metadata"]["state"][0]["key"], created["metadata"]["state"][0]["key"]);

    assert_eq!(revoke(&server, &owner, id).ok(200), revoked, "again: nothing happens");
    assert_eq!(server.engine.ledger().tree_size(), before + 1);
    // Made in the same microsecond, they are in no order of time.
    let mut tokens = listed(&server, &owner);
    tokens.sort();
    assert_eq!(tokens, [("billing".to_owned(), true), ("test super_admin".to_owned(), false)]);
    let text = server.get(&owner, "/v1/tokens").text;
    assert!(!text.contains(&secret[3..]) && !text.contains("sha256"), "{text}");
    server.runtime.block_on(testkit::check(&server.engine));
}

#[test]
fn c5_an_admin_has_the_tokens_of_its_own_tenant_and_nothing_above_its_role() {
    let server = Server::start();
    let owner = server.token(Role::SuperAdmin, None);
    let admin = server.token(Role::Admin, Some("7"));
    let (_, theirs) = server.token_and_id(Role::Writer, Some("8"));
    let (_, unbound) = server.token_and_id(Role::Writer, None);
    let (_, above) = server.token_and_id(Role::SuperAdmin, Some("7"));
    for role in ["writer", "auditor", "admin"] {
        create(&server, &admin, &json!({ "name": role, "role": role, "tenant": "7" })).ok(201);
    }
    let before = server.engine.ledger().tree_size();
    for tenant in [json!("8"), Value::Null] {
        let mut wanted = json!({ "name": "n", "role": "writer", "tenant": tenant });
        if tenant.is_null() {
            wanted.as_object_mut().unwrap().remove("tenant");
        }
        create(&server, &admin, &wanted).refused(403, "tenant_forbidden");
    }
    let above_role = json!({ "name": "n", "role": "super_admin", "tenant": "7" });
    create(&server, &admin, &above_role).refused(403, "role_missing");
    let absent = revoke(&server, &admin, "tok_0").refused(404, "not_found")["message"].clone();
    for id in [&theirs, &unbound, &above] {
        assert_eq!(revoke(&server, &admin, id).refused(404, "not_found")["message"], absent);
    }
    assert_eq!(server.engine.ledger().tree_size(), before, "nothing came of it");

    let names: Vec<String> = listed(&server, &admin).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), 4, "{names:?}");
    assert!(names.iter().all(|name| ["test admin", "writer", "auditor", "admin"].contains(&name.as_str())));
    assert_eq!(listed(&server, &owner).len(), 8);
    revoke(&server, &owner, &theirs).ok(200);
}

#[test]
fn one_may_revoke_oneself_but_not_the_last_super_admin() {
    let server = Server::start();
    let (owner, owner_id) = server.token_and_id(Role::SuperAdmin, None);
    let (admin, admin_id) = server.token_and_id(Role::Admin, Some("7"));
    revoke(&server, &admin, &admin_id).ok(200);
    revoke(&server, &admin, &admin_id).refused(401, "unauthenticated");

    // Neither one that sees a single tenant nor one that no longer works can take its place.
    server.token(Role::SuperAdmin, Some("7"));
    let (_, gone) = server.token_and_id(Role::SuperAdmin, None);
    revoke(&server, &owner, &gone).ok(200);
    let error = revoke(&server, &owner, &owner_id).refused(403, "refused");
    assert!(error["message"].as_str().unwrap().contains("strongroom token revoke"), "{error}");

    let second = server.token(Role::SuperAdmin, None);
    revoke(&server, &owner, &owner_id).ok(200);
    server.get(&owner, "/v1/tokens").refused(401, "unauthenticated");
    server.get(&second, "/v1/tokens").ok(200);
}

#[test]
fn what_is_wrong_with_a_wish_is_named_by_member_and_nothing_is_made() {
    let server = Server::start();
    let owner = server.token(Role::SuperAdmin, None);
    let before = server.engine.ledger().tree_size();
    let long = "x".repeat(129);
    let too_long = format!("{{\"name\":\"{long}\",\"role\":\"writer\"}}");
    for (body, found) in [
        ("{}", &[("name", "required"), ("role", "required")][..]),
        ("[]", &[("", "type")]),
        ("1", &[("", "type")]),
        (
            r#"{"name":1,"role":2,"tenant":3,"days":"4"}"#,
            &[("name", "type"), ("role", "type"), ("tenant", "type"), ("days", "type")],
        ),
        (r#"{"name":"n","role":"owner"}"#, &[("role", "choice")]),
        (r#"{"name":"n","role":"writer","tenant":null}"#, &[("tenant", "type")]),
        (r#"{"name":"n","role":"writer","days":1.5}"#, &[("days", "integer_range")]),
        (r#"{"name":"n","role":"writer","days":-1}"#, &[("days", "integer_range")]),
        (r#"{"name":"n","role":"writer","days":0}"#, &[("days", "integer_range")]),
        (r#"{"name":"n","role":"writer","days":36501}"#, &[("days", "integer_range")]),
        (r#"{"name":"n","role":"writer","days":1e99}"#, &[("days", "integer_range")]),
        (r#"{"name":"","role":"writer"}"#, &[("name", "empty")]),
        (r#"{"name":"a\u0000b","role":"writer"}"#, &[("name", "control_character")]),
        (&too_long, &[("name", "too_long")]),
        (r#"{"name":"n","role":"writer","tenant":""}"#, &[("tenant", "empty")]),
        (r#"{"name":"n","role":"writer","tenant":"a\nb"}"#, &[("tenant", "control_character")]),
        (r#"{"name":"n","role":"writer","tenant":"_strongroom"}"#, &[("tenant", "choice")]),
        (r#"{"name":"n","role":"auditor"}"#, &[("tenant", "required")]),
        (r#"{"name":"n","role":"admin"}"#, &[("tenant", "required")]),
        (
            r#"{"name":"n","role":"writer","colour":"red","scope":[]}"#,
            &[("colour", "unknown_member"), ("scope", "unknown_member")],
        ),
        (r#"{"name":"n","role":"writer","r\u006fle":"admin"}"#, &[("role", "duplicate_member")]),
    ] {
        let response = server.post(&owner, "/v1/tokens", JSON, body.as_bytes());
        let error = response.refused(422, "token_invalid");
        let found: Vec<_> = found.iter().map(|(member, rule)| (None, *member, *rule)).collect();
        assert_eq!(details(&error), found, "{body}");
    }
    for body in ["", "{", "{}{}", "{'name':1}"] {
        server.post(&owner, "/v1/tokens", JSON, body.as_bytes()).refused(400, "malformed");
    }
    server.post(&owner, "/v1/tokens", "text/plain", b"{}").refused(415, "content_type_unsupported");
    server
        .post_encoded(&owner, "/v1/tokens", JSON, "gzip", b"{}")
        .refused(415, "content_encoding_unsupported");
    server.post(&owner, "/v1/tokens", JSON, " ".repeat(20_000).as_bytes()).refused(413, "too_large");
    server.post(&owner, "/v1/tokens?x=1", JSON, b"{}").refused(400, "query_invalid");
    assert_eq!(server.engine.ledger().tree_size(), before);
}
