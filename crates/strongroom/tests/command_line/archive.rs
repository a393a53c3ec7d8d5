use crate::workplace::{Workplace, events, finish, now};

#[test]
fn d1_hot_days_that_cannot_be_are_refused_with_the_value_and_the_range() {
    let place = Workplace::with_ledger();
    for days in ["0", "-1", "4294967295"] {
        let refused = place.run(&["archive", "run", "--hot-days", days]).exits(2);
        refused.says(days).says("36,500");
        let mut command = place.command(&["archive", "run"]);
        command.env("STRONGROOM_RETENTION__HOT_DAYS", days);
        finish(command, "").exits(2).says(days).says("STRONGROOM_RETENTION__HOT_DAYS");
    }
}

#[test]
fn d7_a_dry_run_changes_nothing() {
    let place = Workplace::with_ledger();
    place.append(&events(0..5)).succeeds();
    let dry = place.run(&["archive", "run", "--before", &now(), "--dry-run", "--json"]).succeeds().json();
    assert_eq!(dry["dry_run"], true);
    assert_eq!(dry["considered"], 7);
    assert_eq!(dry["pruned"], 0);
    assert!(place.run(&["archive", "list", "--json"]).succeeds().stdout.is_empty());
    assert_eq!(std::fs::read_dir(place.data().join("archive")).unwrap().count(), 0);
}

#[test]
fn a_limit_takes_the_oldest_and_the_window_keeps_the_young() {
    let place = Workplace::with_ledger();
    place.append(&events(0..5)).succeeds();
    let run = place.run(&["archive", "run", "--hot-days", "1", "--json"]).succeeds().json();
    assert_eq!(run["archived"], 0);
    let run = place.run(&["archive", "run", "--before", &now(), "--limit", "3", "--json"]).succeeds().json();
    assert_eq!(run["archived"], 3);
    let batches = place.run(&["archive", "list", "--json"]).succeeds().json_lines();
    assert_eq!((&batches[0]["first_seq"], &batches[0]["last_seq"]), (&0.into(), &2.into()));
    place.run(&["verify", "--full"]).succeeds();
}

#[test]
fn a_cutoff_after_now_is_refused() {
    let place = Workplace::with_ledger();
    place.run(&["archive", "run", "--before", "9998-01-01T00:00:00Z"]).exits(2).says("in the future");
    place.run(&["archive", "run", "--before", "soon"]).exits(2).says("soon");
    place.run(&["archive", "run", "--limit", "0"]).exits(2);
}
