//! The program itself: its exit codes and what it prints.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn xtask(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask")).current_dir(directory).args(arguments).output().unwrap()
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A workspace of one crate that keeps every rule.
fn tidy_workspace() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    write(
        root.path(),
        "Cargo.toml",
        "[workspace]\nresolver = \"3\"\nmembers = [\"crates/*\"]\n[workspace.lints]\n",
    );
    write(
        root.path(),
        "crates/merkle/Cargo.toml",
        "[package]\nname = \"merkle\"\nedition = \"2024\"\n\n[lints]\nworkspace = true\n",
    );
    write(root.path(), "crates/merkle/src/lib.rs", "//! Hashes. Knows nothing else.\n");
    root
}

#[test]
fn without_a_task_it_says_how_and_could_not_run() {
    for arguments in [
        &[][..],
        &["polish"],
        &["test", "--quick"],
        &["tidy", "now"],
        &["bench"],
        &["bench", "search"],
        &["fuzz", "--fast"],
    ] {
        let output = xtask(Path::new("."), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            String::from_utf8_lossy(&output.stderr).contains("usage: cargo xtask <task>"),
            "{arguments:?}"
        );
    }
}

#[test]
fn help_names_every_task() {
    let output = xtask(Path::new("."), &["help"]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    for task in ["test [--fast]", "tidy", "bench <name>", "load", "fuzz [target]"] {
        assert!(text.contains(task), "{task}");
    }
}

#[test]
fn a_tidy_workspace_passes() {
    let root = tidy_workspace();
    let output = xtask(root.path(), &["tidy"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "tidy: 0 errors, 0 warnings in 3 files\n");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn an_untidy_workspace_fails_with_every_finding() {
    let root = tidy_workspace();
    write(root.path(), "README.md", "[map](ARCHITECTURE.md) \n");
    write(
        root.path(),
        "crates/newcomer/Cargo.toml",
        "[package]\nname = \"newcomer\"\nedition = \"2024\"\n[dependencies]\nmerkle = { path = \"../merkle\" }\n",
    );
    write(root.path(), "crates/newcomer/src/lib.rs", "mod utils;\nfn get_all() { unsafe { todo!() } }\n");
    write(root.path(), "crates/newcomer/src/utils.rs", "");
    write(root.path(), "crates/newcomer/tests/a.rs", "#[ignore]\nfn a() { std::thread::sleep(b); }\n");
    let output = xtask(root.path(), &["tidy"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    let rules: Vec<_> =
        text.lines().filter_map(|line| line.rsplit_once(" [").map(|(_, rule)| rule)).collect();
    let expected = "links space lints arrows crate-docs names getters unfinished unsafe names ignored sleeps";
    let rules = rules.join(" ").replace(']', "");
    assert_eq!(rules, expected, "{text}");
    assert!(text.ends_with("tidy: 12 errors, 0 warnings in 8 files\n"), "{text}");
}

#[test]
fn outside_a_workspace_tidy_could_not_run() {
    let nowhere = tempfile::tempdir().unwrap();
    assert_eq!(xtask(nowhere.path(), &["tidy"]).status.code(), Some(2));
}
