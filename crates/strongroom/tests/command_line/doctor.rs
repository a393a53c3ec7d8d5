use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::workplace::{Ran, Workplace};

/// Every finding as `check verdict`, without the disk, whose room is the machine's.
fn findings(ran: &Ran) -> Vec<String> {
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    ran.json_lines()
        .iter()
        .map(|finding| format!("{} {}", text(&finding["check"]), text(&finding["verdict"])))
        .filter(|finding| !finding.starts_with("disk-space"))
        .collect()
}

const HEALTHY: [&str; 9] = [
    "permissions pass",
    "writable pass",
    "signing-key pass",
    "signing-key-permissions pass",
    "clock-skew unknown",
    "create-only pass",
    "read-back pass",
    "create-race pass",
    "listed pass",
];

#[test]
fn k4_a_new_ledger_is_healthy_and_the_doctor_leaves_nothing_behind() {
    let place = Workplace::with_ledger();
    let before: Vec<_> = fs::read_dir(place.data()).unwrap().map(|file| file.unwrap().file_name()).collect();
    let ran = place.run(&["doctor", "--json"]);
    assert_eq!(findings(&ran), HEALTHY);
    assert_eq!(fs::read_dir(place.data().join("archive")).unwrap().count(), 0);
    let after: Vec<_> = fs::read_dir(place.data()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(before, after);
    place.run(&["verify", "--full"]).succeeds();
}

#[test]
fn k4_rights_of_others_and_a_key_that_is_gone_are_found_with_what_to_do() {
    let place = Workplace::with_ledger();
    fs::set_permissions(place.data(), fs::Permissions::from_mode(0o755)).unwrap();
    let ran = place.run(&["doctor"]).exits(1);
    assert!(
        ran.stdout.contains("(mode 755)") && ran.stdout.contains("to do: take all rights"),
        "{}",
        ran.stdout
    );
    fs::remove_file(place.data().join("signing.key")).unwrap();
    let ran = place.run(&["doctor", "--json"]).exits(1);
    let found = findings(&ran);
    assert!(found.contains(&"permissions warning".to_owned()), "{found:?}");
    assert!(found.contains(&"signing-key fail".to_owned()), "{found:?}");
}

#[test]
fn k4_an_archive_that_is_gone_is_found() {
    let place = Workplace::with_ledger();
    fs::remove_dir_all(place.data().join("archive")).unwrap();
    let found = findings(&place.run(&["doctor", "--json"]).exits(1));
    assert!(found.contains(&"destination fail".to_owned()), "{found:?}");
}

#[test]
fn k4_without_a_ledger_there_is_nothing_to_look_at() {
    Workplace::empty().run(&["doctor"]).exits(2).says("init");
}
