use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::workplace::{Ran, program};

const COMMANDS: [&[&str]; 28] = [
    &[],
    &["demo"],
    &["init"],
    &["serve"],
    &["append"],
    &["import"],
    &["search"],
    &["show"],
    &["verify"],
    &["checkpoint"],
    &["archive"],
    &["archive", "run"],
    &["archive", "list"],
    &["archive", "show"],
    &["archive", "restore"],
    &["expire"],
    &["retention"],
    &["retention", "status"],
    &["retention", "freeze"],
    &["retention", "thaw"],
    &["key"],
    &["key", "show"],
    &["token"],
    &["token", "create"],
    &["token", "list"],
    &["token", "revoke"],
    &["doctor"],
    &["completions"],
];

fn run(arguments: &[&str]) -> Ran {
    Ran::from(program(&std::env::temp_dir()).args(arguments).output().unwrap())
}

/// What people read first. A change here is a change of the interface, so it is looked at:
/// `STRONGROOM_TEST_UPDATE=1 cargo test -p strongroom help` writes the file anew.
#[test]
fn the_help_is_as_checked_in() {
    let mut text = String::new();
    for command in COMMANDS {
        let asked = [command, &["--help"]].concat();
        let help = run(&asked).succeeds().stdout;
        writeln!(text, "$ strongroom {}\n{help}", asked.join(" ")).unwrap();
    }
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/command_line/golden/help.txt");
    if std::env::var_os("STRONGROOM_TEST_UPDATE").is_some() {
        fs::write(&golden, &text).unwrap();
    }
    let expected = fs::read_to_string(&golden).unwrap();
    for (number, (line, wanted)) in text.lines().zip(expected.lines()).enumerate() {
        assert_eq!(line, wanted, "line {} of {}", number + 1, golden.display());
    }
    assert_eq!(text.len(), expected.len(), "{} is longer or shorter", golden.display());
}

#[test]
fn a_mistake_on_the_command_line_is_exit_2() {
    assert_eq!(run(&[]).code, 2);
    assert_eq!(run(&["bury"]).code, 2);
    assert_eq!(run(&["search", "--nothing"]).code, 2);
    assert_eq!(run(&["show", "first"]).code, 2);
    assert_eq!(
        run(&["--version"]).succeeds().stdout.trim(),
        concat!("strongroom ", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn every_shell_gets_a_completion_script() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&["completions", shell]).succeeds().stdout;
        assert!(script.contains("recorded-from"), "{shell}");
    }
}
