use std::io::Write;
use std::process::Stdio;

use crate::running::Running;
use crate::workplace::{Workplace, event, events};

#[test]
fn one_process_writes_and_the_others_are_told_which() {
    let place = Workplace::with_ledger();
    place.append(&events(0..1)).succeeds();
    let mut command = place.command(&["append"]);
    let mut writer = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = writer.stdin.take().unwrap();
    writeln!(stdin, "{}", event(2)).unwrap();
    // Its first receipt says that it has the directory.
    let mut stdout = std::io::BufReader::new(writer.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut stdout, &mut String::new()).unwrap();

    let in_use = format!("is in use by pid {}", writer.id());
    place.append(&events(3..4)).exits(2).says(&in_use);
    place.run(&["archive", "run"]).exits(2).says(&in_use);
    place.run(&["serve", "--listen", "127.0.0.1:0"]).exits(2).says(&in_use);
    place.run(&["search"]).succeeds();
    place.run(&["show", "2"]).succeeds();
    place.run(&["verify"]).succeeds();
    place.run(&["checkpoint"]).succeeds().says("in use");

    drop(stdin);
    assert!(writer.wait().unwrap().success());
    place.append(&events(3..4)).succeeds();
}

#[test]
fn a_killed_process_leaves_no_lock() {
    let place = Workplace::with_ledger();
    let mut running = Running::start(place.command(&["serve", "--listen", "127.0.0.1:0"]));
    running.line_with("Listening on");
    place.append(&events(0..1)).exits(2).says(&format!("pid {}", running.pid()));
    running.signal("KILL");
    assert_eq!(running.end(), None, "ended by a signal");
    place.run(&["search"]).succeeds();
    place.append(&events(0..1)).succeeds();
}
