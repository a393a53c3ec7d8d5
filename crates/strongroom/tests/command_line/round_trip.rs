use serde_json::Value;

use crate::receipts::Receipt;
use crate::workplace::{Workplace, events, now};

#[test]
fn an_event_is_appended_found_shown_archived_and_verified() {
    let place = Workplace::with_ledger();
    let receipts = Receipt::all(&place.append(&events(0..50)).succeeds().stdout);
    assert_eq!(receipts.len(), 50);
    assert!(receipts.windows(2).all(|pair| pair[1].seq == pair[0].seq + 1), "the order of the input");
    let wanted = &receipts[17];

    let found = place.run(&["search", "--request-id", "request-17", "--json"]).succeeds().json();
    assert_eq!(found["entries"].as_array().unwrap().len(), 1);
    assert_eq!(found["entries"][0]["event_id"], "event-17");
    assert_eq!(found["next_cursor"], Value::Null);

    let seq = wanted.seq.to_string();
    let shown = place.run(&["show", &seq, "--json"]).succeeds().json();
    assert_eq!(shown["leaf_hash"], wanted.leaf_hash.as_str());
    assert_eq!(shown["entry"], found["entries"][0]);
    assert_eq!(shown["tiers"], serde_json::json!(["hot"]));
    assert!(shown["signed_size"].as_u64().unwrap() > wanted.seq);

    let before = place.run(&["verify", "--json"]).succeeds().json();
    assert_eq!(before["ok"], true);
    assert_eq!(before["archived_checked"], 0);

    let run = place.run(&["archive", "run", "--before", &now(), "--json"]).succeeds().json();
    assert_eq!(run["ok"], true);
    assert_eq!(run["archived"], run["pruned"]);
    assert!(run["archived"].as_u64().unwrap() > 50);

    let shown = place.run(&["show", &seq, "--json"]).succeeds().json();
    assert_eq!(shown["leaf_hash"], wanted.leaf_hash.as_str());
    assert_eq!(shown["tiers"], serde_json::json!(["cold"]));
    assert_eq!(shown["batch"], run["batch"]);

    let search = ["search", "--request-id", "request-17", "--json", "--tier"];
    for (tier, count) in [("all", 1), ("cold", 1), ("hot", 0)] {
        let again = place.run(&[&search[..], &[tier]].concat()).succeeds().json();
        assert_eq!(again["entries"].as_array().unwrap().len(), count, "{tier}");
        let tiers =
            if tier == "all" { serde_json::json!(["hot", "cold"]) } else { serde_json::json!([tier]) };
        assert_eq!(again["tiers"], tiers);
    }

    let batches = place.run(&["archive", "list", "--json"]).succeeds().json_lines();
    assert_eq!(batches.len(), 1);
    assert_eq!(batches[0]["state"], "pruned");

    let after = place.run(&["verify", "--full", "--json"]).succeeds().json();
    assert_eq!(after["archived_checked"], run["archived"]);

    let vkey = place.vkey();
    let offline = ["verify", "--archive", "data/archive", "--key", &vkey, "--json"];
    let offline = place.run(&offline).succeeds().json();
    assert_eq!(offline["ok"], true);
    assert_eq!(offline["entries"], run["archived"]);
}

#[test]
fn after_everything_is_archived_the_next_event_chains_to_the_whole() {
    let place = Workplace::with_ledger();
    place.append(&events(0..5)).succeeds();
    for round in 1..4_u64 {
        place.run(&["archive", "run", "--before", &now()]).succeeds();
        let receipts = Receipt::all(&place.append(&events(round * 10..round * 10 + 1)).succeeds().stdout);
        assert_eq!(receipts.len(), 1);
        place.run(&["verify", "--full"]).succeeds();
    }
    let vkey = place.vkey();
    place.run(&["verify", "--archive", "data/archive", "--key", &vkey]).succeeds();
}

#[test]
fn a_checkpoint_is_signed_on_demand_and_an_archive_is_held_against_it() {
    let place = Workplace::with_ledger();
    place.append(&events(0..5)).succeeds();
    let checkpoint = place.run(&["checkpoint", "--json"]).succeeds().json();
    assert_eq!(checkpoint["size"], 7);
    let note = place.run(&["checkpoint"]).succeeds().stdout;
    assert_eq!(note, checkpoint["note"].as_str().unwrap());
    place.write("note", &note);

    place.run(&["archive", "run", "--before", &now()]).succeeds();
    let vkey = place.vkey();
    place.write("keys", &format!("{vkey} 0 -\n"));
    let check = ["verify", "--archive", "data/archive", "--key", "keys", "--checkpoint", "note", "--json"];
    let report = place.run(&check).succeeds().json();
    assert_eq!(report["checkpoint_size"], 7);
    let more = ["verify", "--archive", "data/archive", "--key", &vkey, "--expect-archived", "1000", "--json"];
    let report = place.run(&more).exits(1).json();
    assert_eq!(report["problems"][0]["reason"], "log-truncated");
}

#[test]
fn what_is_not_there_is_said() {
    let place = Workplace::with_ledger();
    place.run(&["show", "99"]).exits(2).says("there is no entry 99");
    place.run(&["verify", "--archive", "nowhere", "--key", &place.vkey()]).exits(2).says("nowhere");
    place.run(&["verify", "--archive", "data/archive", "--key", "no key"]).exits(2).says("key show");
}
