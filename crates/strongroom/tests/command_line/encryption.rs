use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::workplace::{Workplace, events, now};

const SECRET: &str = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";
const RECIPIENT: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";

/// A ledger whose archive is encrypted. The section of the archive is the last of the settings file.
fn encrypted(with_identity: bool) -> Workplace {
    let place = Workplace::with_ledger();
    let identity = place.write("identity", SECRET);
    fs::set_permissions(&identity, fs::Permissions::from_mode(0o600)).unwrap();
    let file = place.data().join("strongroom.toml");
    let mut settings = fs::read_to_string(&file).unwrap() + "encrypt_to = [\"" + RECIPIENT + "\"]\n";
    if with_identity {
        settings.push_str("identity_file = \"identity\"\n");
    }
    fs::write(&file, settings).unwrap();
    place.append(&events(0..20)).succeeds();
    place
}

#[test]
fn an_encrypted_archive_passes_with_its_identity_and_neither_passes_nor_fails_without() {
    let place = encrypted(true);
    let run = place.run(&["archive", "run", "--before", &now(), "--json"]).succeeds().json();
    assert_eq!(run["unread"], 0);
    let shown = place.run(&["show", "7", "--json"]).succeeds().json();
    assert_eq!(shown["tiers"], serde_json::json!(["cold"]));
    assert!(shown["object"].as_str().unwrap().ends_with(".jsonl.gz.age"));
    place.run(&["verify", "--full"]).succeeds();

    let vkey = place.vkey();
    let offline = ["verify", "--archive", "data/archive", "--key", &vkey];
    let with = |more: &[&'static str]| place.run(&[&offline, more].concat());
    let closed = with(&["--json"]).exits(2).json();
    assert_eq!((&closed["ok"], &closed["unread"]), (&false.into(), &run["archived"]));
    assert_eq!(closed["problems"], serde_json::json!([]));
    assert!(with(&[]).exits(2).stdout.contains("give --identity FILE"));
    let opened = with(&["--identity", "identity", "--json"]).succeeds().json();
    assert_eq!((&opened["entries"], &opened["unread"]), (&run["archived"], &0.into()));
    fs::set_permissions(place.path("identity"), fs::Permissions::from_mode(0o644)).unwrap();
    with(&["--identity", "identity"]).exits(2).says("chmod 600");
    place.run(&["show", "7"]).exits(2).says("chmod 600");
}

#[test]
fn a_ledger_without_the_identity_archives_verifies_and_says_what_it_cannot_read() {
    let place = encrypted(false);
    let run = place.run(&["archive", "run", "--before", &now(), "--json"]).succeeds().json();
    assert_eq!((&run["unread"], &run["pruned"]), (&run["archived"], &run["archived"]));
    place.run(&["show", "7"]).exits(2).says("archive.#.identity_file");
    let report = place.run(&["verify", "--full", "--json"]).succeeds().json();
    assert_eq!(report["archived_unread"], run["archived"]);
    assert_eq!(report["warnings"][0]["reason"], "state-unchecked");
}

#[test]
fn a_verification_goes_on_where_its_state_says_and_refuses_one_that_does_not_fit() {
    let place = Workplace::with_ledger();
    place.append(&events(0..20)).succeeds();
    place.run(&["archive", "run", "--before", &now()]).succeeds();
    let vkey = place.vkey();
    let verify = |archive: &str, key: &str, state: &str| {
        place.run(&["verify", "--archive", archive, "--key", key, "--state", state, "--json"])
    };
    let first = verify("data/archive", &vkey, "state").succeeds().json();
    assert_eq!((&first["resumed_from"], &first["entries"]), (&0.into(), &first["covered"]));
    let again = verify("data/archive", &vkey, "state").succeeds().json();
    assert_eq!((&again["resumed_from"], &again["entries"]), (&first["covered"], &0.into()));

    place.append(&events(20..30)).succeeds();
    place.run(&["archive", "run", "--before", &now()]).succeeds();
    let grown = verify("data/archive", &vkey, "state").succeeds().json();
    assert_eq!(grown["resumed_from"], first["covered"]);
    let added = grown["covered"].as_u64().unwrap() - first["covered"].as_u64().unwrap();
    assert_eq!(grown["entries"], added);

    let other = Workplace::with_ledger();
    verify("data/archive", &other.vkey(), "state").exits(2).says("verified with other keys");
    fs::rename(place.path("data/archive"), place.path("moved")).unwrap();
    verify("moved", &vkey, "state").exits(2).says("it is of the archive");
    fs::rename(place.path("moved"), place.path("data/archive")).unwrap();
    let text = fs::read_to_string(place.path("state")).unwrap();
    for damaged in [&text[..text.len() / 2], "", "{}"] {
        place.write("damaged", damaged);
        verify("data/archive", &vkey, "damaged").exits(2).says("it is damaged");
    }

    // What was found is not behind a later verification's back: nothing is kept beyond it.
    let objects = place.path("data/archive/audit");
    fs::rename(&objects, place.path("elsewhere")).unwrap();
    verify("data/archive", &vkey, "fresh").exits(1);
    assert!(!place.path("fresh").exists());
    verify("data/archive", &vkey, "state").exits(1);
}
