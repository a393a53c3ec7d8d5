use std::fs;

use crate::workplace::{Workplace, events, now};

#[test]
fn d6_frozen_a_run_by_hand_is_refused_until_it_is_thawed() {
    let place = Workplace::with_ledger();
    place.append(&events(0..3)).succeeds();
    place.run(&["retention", "thaw", "--reason", "x"]).exits(2).says("not frozen");
    place.run(&["retention", "freeze"]).exits(2).says("--reason");
    place.run(&["retention", "freeze", "--reason", " "]).exits(2).says("reason");
    let frozen = place.run(&["retention", "freeze", "--reason", "matter 12", "--json"]).succeeds().json();
    assert_eq!(
        (&frozen["frozen"]["reason"], &frozen["frozen"]["by"]),
        (&"matter 12".into(), &"tester".into())
    );
    let again = place.run(&["retention", "freeze", "--reason", "other"]).exits(2);
    again.says("frozen already, by tester since").says("matter 12");

    let run = ["archive", "run", "--before", &now(), "--json"];
    place.run(&run).exits(3).says("retention is frozen, by tester since").says("matter 12");
    assert_eq!(fs::read_dir(place.data().join("archive")).unwrap().count(), 0);
    let status = place.run(&["retention", "status"]).succeeds();
    assert!(status.stdout.contains("by tester: matter 12"), "{}", status.stdout);
    let status = place.run(&["retention", "status", "--json"]).succeeds().json();
    assert_eq!(status["frozen"], frozen["frozen"]);
    assert_eq!(status["last_run"]["result"], "frozen");

    place.run(&["retention", "thaw", "--reason", "settled"]).succeeds();
    place.run(&run).succeeds();
    place.run(&["verify", "--full"]).succeeds();
}

#[test]
fn d8_the_status_tells_policy_schedule_and_the_last_run() {
    let place = Workplace::with_ledger();
    place.append(&events(0..3)).succeeds();
    let status = place.run(&["retention", "status", "--json"]).succeeds().json();
    assert_eq!((&status["policy"]["hot_days"], &status["last_run"]), (&90.into(), &serde_json::Value::Null));
    assert_eq!(status["schedule"]["run_at"], "02:30");
    let report = place.run(&["archive", "run", "--before", &now(), "--json"]).succeeds().json();
    let status = place.run(&["retention", "status", "--json"]).succeeds().json();
    assert_eq!(status["last_run"]["report"], report);
    assert_eq!(status["last_run"]["by"], "tester");
    assert_eq!(status["destinations"][0]["name"], "primary");
    assert!(status["destinations"][0]["confirmed_at"].is_string(), "{status}");
    assert_eq!(status["under_way"], serde_json::Value::Null);
    let text = place.run(&["retention", "status"]).succeeds().stdout;
    for told in ["90 days hot", "daily at 02:30 UTC", "completed", "primary: confirmed"] {
        assert!(text.contains(told), "{told}: {text}");
    }
    place.write("strongroom.toml", "[retention]\nevery_seconds = 60\n");
    let text = place.run(&["retention", "status"]).succeeds().stdout;
    assert!(text.contains("every 60 seconds"), "{text}");
}

#[test]
fn d9_a_batch_is_shown_with_its_objects_and_a_changed_manifest_is_found() {
    let place = Workplace::with_ledger();
    place.append(&events(0..3)).succeeds();
    place.run(&["archive", "show", "nothing"]).exits(2).says("archive list");
    let run = place.run(&["archive", "run", "--before", &now(), "--json"]).succeeds().json();
    let batch = run["batch"].as_str().unwrap().to_owned();
    let shown = place.run(&["archive", "show", &batch, "--json"]).succeeds().json();
    assert_eq!((&shown["state"], &shown["entries"]), (&"pruned".into(), &run["archived"]));
    assert_eq!(shown["objects_listed"].as_array().unwrap().len() as u64, shown["objects"].as_u64().unwrap());
    assert_eq!(shown["manifests"][0]["sha256"], shown["manifest_sha256"]);
    let text = place.run(&["archive", "show", &batch]).succeeds().stdout;
    assert!(text.contains("primary: has this manifest"), "{text}");

    let manifest = place.data().join("archive").join(shown["manifest_key"].as_str().unwrap());
    let mut bytes = fs::read(&manifest).unwrap();
    bytes[30] ^= 1;
    fs::write(&manifest, bytes).unwrap();
    let changed = place.run(&["archive", "show", &batch, "--json"]).exits(1).json();
    assert_eq!(changed["manifests"][0]["ok"], false);
    fs::remove_file(&manifest).unwrap();
    let text = place.run(&["archive", "show", &batch]).exits(1).stdout;
    assert!(text.contains("is not in archive destination primary"), "{text}");
}

#[test]
fn objects_that_no_manifest_names_are_listed_and_left() {
    let place = Workplace::with_ledger();
    place.append(&events(0..3)).succeeds();
    place.run(&["archive", "run", "--before", &now()]).succeeds();
    place.run(&["archive", "list", "--orphans"]).succeeds().says("0 objects");
    let stray = place.data().join("archive/audit/stray.jsonl.gz");
    fs::write(&stray, "12345").unwrap();
    let found = place.run(&["archive", "list", "--orphans", "--json"]).exits(1).json();
    assert_eq!((&found["key"], &found["bytes"]), (&"audit/stray.jsonl.gz".into(), &5.into()));
    assert_eq!((&found["destination"], &found["age_seconds"].is_u64()), (&"primary".into(), &true));
    place.run(&["archive", "list", "--orphans"]).exits(1).says("nothing was deleted");
    assert!(stray.exists());
}
