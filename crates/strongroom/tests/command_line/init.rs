use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::workplace::{Workplace, events};

#[test]
fn a_new_ledger_tells_its_name_key_and_token() {
    let place = Workplace::empty();
    let made = place.run(&["init", "--json"]).succeeds().json();
    let origin = made["origin"].as_str().unwrap();
    let random = origin.strip_prefix("strongroom.invalid/").unwrap();
    assert_eq!(random.len(), 32);
    assert!(random.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert!(made["vkey"].as_str().unwrap().starts_with(&format!("{origin}+")));
    assert!(made["token"].as_str().unwrap().starts_with("sr_"));

    let shown = place.run(&["key", "show", "--json"]).succeeds().json();
    assert_eq!(shown["origin"], made["origin"]);
    assert_eq!(shown["vkeys"][0], made["vkey"]);
}

#[test]
fn the_directory_and_the_key_are_for_their_owner_alone() {
    let place = Workplace::with_ledger();
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(place.data()), 0o700);
    assert_eq!(mode(place.data().join("signing.key")), 0o600);
    let mut names: Vec<String> = fs::read_dir(place.data())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with("ledger.sqlite-"))
        .collect();
    names.sort();
    assert_eq!(
        names,
        ["archive", "checkpoint", "ledger.sqlite", "lock", "signing.key", "staging", "strongroom.toml"]
    );
}

#[test]
fn a_ledger_is_never_made_over_another() {
    let place = Workplace::with_ledger();
    let key = fs::read(place.data().join("signing.key")).unwrap();
    place.run(&["init"]).exits(2).says("has a ledger already");
    assert_eq!(fs::read(place.data().join("signing.key")).unwrap(), key);
    place.run(&["verify"]).succeeds();
}

#[test]
fn an_interrupted_init_goes_on_with_its_key_and_shows_a_token() {
    let place = Workplace::empty();
    let first = place.run(&["init", "--json"]).succeeds().json();
    // As if it had been killed between the first commit and the printing.
    place.write("data/unfinished", "");
    place.run(&["search"]).exits(2).says("run strongroom init again");
    let again = place.run(&["init", "--json"]).succeeds().json();
    assert_eq!(again["vkey"], first["vkey"]);
    assert_ne!(again["token"], first["token"]);
    place.append(&events(0..1)).succeeds();
    place.run(&["verify"]).succeeds();
}

#[test]
fn an_init_interrupted_before_the_first_commit_starts_its_ledger_again() {
    let place = Workplace::empty();
    fs::create_dir(place.data()).unwrap();
    place.write("data/unfinished", "");
    place.write("data/ledger.sqlite", "torn");
    place.run(&["init"]).succeeds();
    place.run(&["verify"]).succeeds();
}

#[test]
fn where_a_ledger_was_lost_no_other_takes_its_place() {
    let place = Workplace::with_ledger();
    for name in ["ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"] {
        let _ = fs::remove_file(place.data().join(name));
    }
    place.run(&["init"]).exits(2).says("is gone");
    place.run(&["append"]).exits(2).says("is gone");
    place.run(&["serve", "--listen", "127.0.0.1:0"]).exits(2).says("is gone");
}

#[test]
fn reading_without_a_ledger_says_what_to_do() {
    let place = Workplace::empty();
    for arguments in [&["search"][..], &["show", "0"], &["verify"], &["checkpoint"], &["key", "show"]] {
        place.run(arguments).exits(2).says("strongroom init");
        assert!(!place.data().exists(), "{arguments:?} made a directory");
    }
}
