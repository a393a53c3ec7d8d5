use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use crate::receipts::Receipt;
use crate::workplace::{Workplace, event, events};

#[test]
fn the_same_events_again_are_duplicates_with_the_same_places() {
    let place = Workplace::with_ledger();
    let first = Receipt::all(&place.append(&events(0..3)).succeeds().stdout);
    let again = Receipt::all(&place.append(&events(0..4)).succeeds().says("3 events were there").stdout);
    let new_as_duplicate = |receipt: &Receipt| Receipt { duplicate: true, ..receipt.clone() };
    assert_eq!(again[..3], first.iter().map(new_as_duplicate).collect::<Vec<_>>());
    assert!(!again[3].duplicate);
}

#[test]
fn a_file_blank_lines_and_a_missing_last_newline_are_fine() {
    let place = Workplace::with_ledger();
    place.write("events", &format!("{}\n\n  \r\n{}\r\n{}", event(1), event(2), event(3)));
    let receipts = Receipt::all(&place.run(&["append", "events"]).succeeds().stdout);
    let ids: Vec<&str> = receipts.iter().map(|receipt| receipt.event_id.as_deref().unwrap()).collect();
    assert_eq!(ids, ["event-1", "event-2", "event-3"]);
    assert!(place.run_with(&["append", "-"], "").succeeds().stdout.is_empty());
    place.run(&["append", "nowhere"]).exits(2).says("nowhere");
}

#[test]
fn a_bad_line_stops_it_there_and_says_what_was_done() {
    let place = Workplace::with_ledger();
    let mut lines = events(0..1500);
    lines[1203] = lines[1203].replace(r#""tenant":"7","#, "");
    let ran = place.append(&lines).exits(2).says("line 1204 is no event").says("tenant").says("[required]");
    let ran = ran.says("1,203 events were appended (lines 1 to 1203); the rest was not");
    let receipts = Receipt::all(&ran.stdout);
    assert_eq!(receipts.len(), 1203);
    assert_eq!(receipts[1202].event_id.as_deref(), Some("event-1202"));
    let tree_size = place.run(&["search", "--json"]).succeeds().json()["tree_size"].as_u64();
    assert_eq!(tree_size, Some(receipts[1202].seq + 1));
}

#[test]
fn a_line_that_is_no_json_or_too_long_is_named() {
    let place = Workplace::with_ledger();
    place.run_with(&["append"], "{\n").exits(2).says("line 1").says("nothing was appended");
    let long = format!("{}\n{}", event(1), "x".repeat(300_000));
    place.run_with(&["append"], &long).exits(2).says("line 2 is longer than").says("(line 1)");
}

#[test]
fn a_reused_id_with_other_content_is_a_conflict() {
    let place = Workplace::with_ledger();
    place.append(&events(0..2)).succeeds();
    let other = event(1).replace("alice", "bob");
    let ran = place.append(&[event(2), other, event(3)]).exits(2).says("line 2: ");
    assert!(ran.stdout.is_empty(), "{}", ran.stdout);
    ran.says("nothing was appended");
}

#[test]
fn the_ledgers_own_tenant_is_refused() {
    let place = Workplace::with_ledger();
    let own = event(1).replace(r#""tenant":"7""#, r#""tenant":"_strongroom""#);
    place.append(&[own]).exits(2).says("line 1: ").says("nothing was appended");
}

#[test]
fn receipts_come_while_the_input_is_still_open() {
    let place = Workplace::with_ledger();
    let mut child = place.command(&["append"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut receipts = BufReader::new(child.stdout.take().unwrap()).lines();
    for number in 0..3 {
        writeln!(stdin, "{}", event(number)).unwrap();
        stdin.flush().unwrap();
        let receipt = Receipt::parse(&receipts.next().unwrap().unwrap());
        assert_eq!(receipt.event_id, Some(format!("event-{number}")));
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_reader_that_goes_away_is_told_about_not_panicked_about() {
    let place = Workplace::with_ledger();
    let mut child = place.command(&["append"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    drop(child.stdout.take());
    writeln!(stdin, "{}", event(1)).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("stdout was closed") && stderr.contains("1 event was appended"), "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    place.run(&["show", "2"]).succeeds();
}
