use crate::workplace::{Workplace, events, finish, now};

fn archived() -> (Workplace, String) {
    let place = Workplace::with_ledger();
    place.append(&events(0..5)).succeeds();
    place.run(&["archive", "run", "--before", &now()]).succeeds();
    let batches = place.run(&["archive", "list", "--json"]).succeeds().json_lines();
    let batch = batches[0]["batch"].as_str().unwrap().to_owned();
    (place, batch)
}

#[test]
fn d11_a_batch_is_restored_and_found_and_verifies() {
    let (place, batch) = archived();
    let restored = place.run(&["archive", "restore", &batch, "--days", "3", "--json"]).succeeds().json();
    assert_eq!((&restored["matched"], &restored["restored"]), (&7.into(), &7.into()));
    let again = place.run(&["archive", "restore", &batch]).succeeds();
    assert!(again.stdout.contains("7 entries were already"), "{}", again.stdout);
    let shown = place.run(&["show", "3", "--json"]).succeeds().json();
    assert_eq!(shown["tiers"], serde_json::json!(["hot", "cold"]));
    place.run(&["verify", "--full"]).succeeds();
}

#[test]
fn d11_a_filter_restores_what_it_matches() {
    let (place, _) = archived();
    let restored = place.run(&["archive", "restore", "--stream", "audit", "--json"]).succeeds().json();
    assert_eq!(restored["restored"], restored["matched"]);
    place.run(&["verify", "--full"]).succeeds();
}

#[test]
fn a_restore_that_names_nothing_too_much_or_no_days_is_refused() {
    let (place, batch) = archived();
    place.run(&["archive", "restore"]).exits(2).says("neither a batch nor a filter");
    place.run(&["archive", "restore", &batch, "--tenant", "7"]).exits(2).says("a batch and filters");
    place.run(&["archive", "restore", &batch, "--days", "0"]).exits(2).says("36,500");
    place
        .run(&["archive", "restore", "20260101T000000Z-0000000000000000"])
        .exits(2)
        .says("there is no batch");
    place.run(&["archive", "restore", "--outcome", "maybe"]).exits(2).says("--outcome");
}

#[test]
fn d10_expiry_is_off_by_default_and_keeps_what_is_young() {
    let (place, _) = archived();
    place.run(&["expire"]).exits(3).says("switched off").says("expire.enabled = true");
    let mut command = place.command(&["expire", "--json"]);
    command.env("STRONGROOM_EXPIRE__ENABLED", "true");
    let report = finish(command, "").succeeds().json();
    assert_eq!((&report["ok"], &report["expired"]), (&true.into(), &0.into()));
    place.run(&["verify", "--full"]).succeeds();
}
