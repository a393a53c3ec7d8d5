use std::process::Command;

use crate::running::Running;
use crate::workplace::{Ran, program};

/// Temporary files go where the test can see that none is left.
fn demo(room: &std::path::Path, arguments: &[&str]) -> Command {
    let mut command = program(room);
    command.arg("demo").args(arguments).env("TMPDIR", room);
    command
}

#[test]
fn the_tour_ends_well_and_leaves_nothing() {
    let room = tempfile::tempdir().unwrap();
    let ran = Ran::from(demo(room.path(), &["--events", "4000", "--exit"]).output().unwrap()).succeeds();
    for step in
        ["1. Make", "2. Append 4,000", "3. Search", "4. Archive", "5. Search", "6. Verify", "7. Change"]
    {
        assert!(ran.stdout.contains(step), "{step} is missing:\n{}", ran.stdout);
    }
    assert!(ran.stdout.contains("object-hash-mismatch at seq "), "{}", ran.stdout);
    assert_eq!(std::fs::read_dir(room.path()).unwrap().count(), 0);
}

#[test]
fn afterwards_the_server_stays_up_until_it_is_told() {
    let room = tempfile::tempdir().unwrap();
    // The address is taken, so another port is found.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut running = Running::start(demo(room.path(), &["--events", "1000", "--listen", &address]));
    let told = running.line_with("address");
    let (_, told) = told.rsplit_once("http://").unwrap();
    assert_ne!(told, address);
    running.line_with("Ctrl-C");
    std::net::TcpStream::connect(told).unwrap();
    running.signal("TERM");
    assert_eq!(running.end(), Some(0));
    assert_eq!(std::fs::read_dir(room.path()).unwrap().count(), 0);
}
