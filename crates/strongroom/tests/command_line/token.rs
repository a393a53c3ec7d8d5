use serde_json::{Value, json};

use crate::running::Running;
use crate::workplace::Workplace;

/// The newest of the ledger's own entries.
fn newest_own(place: &Workplace) -> Value {
    let found = place.run(&["search", "--tenant", "_strongroom", "--limit", "1", "--json"]).succeeds();
    found.json()["entries"][0].clone()
}

fn listed(place: &Workplace) -> Vec<Value> {
    place.run(&["token", "list", "--json"]).succeeds().json_lines()
}

#[test]
fn g1_a_token_is_printed_once_listed_and_revoked() {
    let place = Workplace::with_ledger();
    let create =
        ["token", "create", "--name", "billing", "--role", "writer", "--tenant", "7", "--days", "30"];
    let made = place.run(&[&create[..], &["--json"]].concat()).succeeds().json();
    let members: Vec<&String> = made.as_object().unwrap().keys().collect();
    assert_eq!(members, ["expires_at", "id", "name", "role", "tenant", "token"]);
    let (id, secret) = (made["id"].as_str().unwrap(), made["token"].as_str().unwrap());
    assert_eq!((secret.len(), &secret[..3]), (46, "sr_"));
    let entry = newest_own(&place);
    assert_eq!(entry["action"], "token.created");
    assert_eq!(entry["actor"], json!({ "type": "user", "id": "tester" }));

    let list = listed(&place);
    assert_eq!(list.len(), 2, "with the one of init: {list:?}");
    assert_eq!((&list[1]["id"], &list[1]["revoked_at"]), (&made["id"], &Value::Null));
    let text = place.run(&["token", "list"]).succeeds().says("2 tokens").stdout;
    assert!(text.contains("tenant 7  billing") && text.contains("expires at"), "{text}");
    assert!(!text.contains(&secret[3..]), "{text}");

    let revoked = place.run(&["token", "revoke", id]).succeeds().stdout;
    assert_eq!(revoked, format!("Revoked {id} (writer, billing)\n"));
    assert_eq!(newest_own(&place)["action"], "token.revoked");
    let at = listed(&place)[1]["revoked_at"].clone();
    assert!(at.is_string(), "{at}");
    assert_eq!(place.run(&["token", "revoke", id, "--json"]).succeeds().json()["revoked_at"], at);
    place.run(&["token", "revoke", "tok_0"]).exits(2).says("there is no token tok_0").says("token list");
    place.run(&["verify", "--full"]).succeeds();
}

#[test]
fn a_token_that_cannot_be_is_refused_with_what_is_wrong() {
    let place = Workplace::with_ledger();
    let create = |rest: &[&str]| place.run(&[&["token", "create"], rest].concat());
    create(&["--name", "n", "--role", "owner"]).exits(2).says("writer, auditor, admin or super_admin");
    create(&["--name", "n", "--role", "writer", "--days", "0"]).exits(2).says("1 to 36500");
    create(&["--name", "n", "--role", "auditor"]).exits(2).says("tenant: is missing");
    create(&["--name", "", "--role", "writer", "--tenant", ""])
        .exits(2)
        .says("name: is empty")
        .says("tenant: is empty");
    assert_eq!(listed(&place).len(), 1);
}

#[test]
fn the_last_super_admin_is_revoked_here_and_the_way_back_is_said() {
    let place = Workplace::with_ledger();
    let id = listed(&place)[0]["id"].as_str().unwrap().to_owned();
    place
        .run(&["token", "revoke", &id])
        .succeeds()
        .says("strongroom token create --name NAME --role super_admin");
    let text = place.run(&["token", "create", "--name", "owner", "--role", "super_admin"]).succeeds().stdout;
    assert!(text.contains("tenant   any\nexpires  never\ntoken    sr_"), "{text}");
    assert!(text.contains("not shown again"), "{text}");
}

#[test]
fn tokens_are_listed_beside_a_server_and_made_by_it_alone() {
    let place = Workplace::with_ledger();
    let mut running = Running::start(place.command(&["serve", "--listen", "127.0.0.1:0"]));
    running.line_with("Listening on");
    assert_eq!(listed(&place).len(), 1);
    let in_use = format!("is in use by pid {}", running.pid());
    place.run(&["token", "create", "--name", "n", "--role", "writer"]).exits(2).says(&in_use);
    place.run(&["token", "revoke", "tok_0"]).exits(2).says(&in_use);
    running.signal("TERM");
    assert_eq!(running.end(), Some(0));
}
