//! The Python client: its own tests against this very program, its types, and its documentation.

use std::path::{Path, PathBuf};
use std::process::Command;

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk/python").canonicalize().unwrap()
}

/// Python without anything of the caller's environment that changes what the client does. It writes nothing beside the
/// sources.
fn python(directory: &Path) -> Command {
    let program = std::env::var_os("STRONGROOM_TEST_PYTHON").unwrap_or_else(|| "python3".into());
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("STRONGROOM_") {
            command.env_remove(name);
        }
    }
    command
        .current_dir(directory)
        .env("PYTHONPATH", home().join("src"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("STRONGROOM_BINARY", env!("CARGO_BIN_EXE_strongroom"));
    command
}

#[track_caller]
fn succeeds(mut command: Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}:\n{said}");
    said
}

fn has(module: &str) {
    let mut command = python(&home());
    let imported = command.args(["-c", &format!("import {module}")]).output();
    assert!(
        imported.is_ok_and(|output| output.status.success()),
        "{command:?} cannot import {module}: `pip install {module}`, or name another interpreter in \
         STRONGROOM_TEST_PYTHON, as `cargo xtask test` does"
    );
}

/// Warnings are errors, and a module in which nothing runs, or something is skipped, has failed.
#[track_caller]
fn passes(module: &str) {
    let mut command = python(&home().join("tests"));
    command.args(["-W", "error", "-m", "unittest", module]);
    let said = succeeds(command);
    assert!(!said.contains("Ran 0 tests") && said.trim_end().ends_with("\nOK"), "{said}");
}

#[test]
fn appending_passes_its_tests() {
    passes("test_append");
}

#[test]
fn retries_pass_their_tests() {
    passes("test_retries");
}

#[test]
fn the_spool_passes_its_tests() {
    passes("test_spool");
}

#[test]
fn k3_the_spool_survives_crashes() {
    passes("test_spool_crashes");
}

#[test]
fn the_asynchronous_client_passes_its_tests() {
    passes("test_async");
}

#[test]
fn tls_passes_its_tests() {
    has("cryptography");
    passes("test_tls");
}

#[test]
fn a5_operations_pass_their_tests() {
    passes("test_operations");
}

#[test]
fn the_example_and_the_readme_run() {
    passes("test_documentation");
}

#[test]
fn every_module_of_tests_is_run_here() {
    let here = include_str!("python_sdk.rs");
    let names = std::fs::read_dir(home().join("tests")).unwrap().map(|file| file.unwrap().file_name());
    let mut left_out: Vec<String> = names
        .filter_map(|name| name.to_str()?.strip_suffix(".py").map(str::to_owned))
        .filter(|name| name.starts_with("test_") && !here.contains(&format!("passes(\"{name}\")")))
        .collect();
    left_out.sort();
    assert_eq!(left_out, [""; 0]);
}

#[test]
fn the_types_are_strict() {
    has("mypy");
    let cache = tempfile::tempdir().unwrap();
    let mut command = python(&home());
    command.args(["-m", "mypy", "--strict", "--cache-dir"]).arg(cache.path());
    succeeds(command);
}
