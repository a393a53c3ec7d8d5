//! `test`: everything CI runs, in one order, up to the first failure.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::failure::Failure;
use crate::process;
use crate::tidy;
use crate::tools::testservers::Servers;
use crate::tools::{deny, python};
use crate::workspace::Workspace;

/// How much of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// What CI runs.
    Full,
    /// What is worth running before every commit: no tools, no network, no integration tests, no rendered pages.
    Fast,
}

impl Scope {
    /// Reads the arguments of `test`. The error says what is wrong with them.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, String> {
        match arguments {
            [] => Ok(Self::Full),
            [flag] if flag == "--fast" => Ok(Self::Fast),
            [other, ..] => Err(format!("test does not take `{other}`")),
        }
    }
}

/// One thing that must hold.
struct Step {
    name: &'static str,
    work: Work,
}

enum Work {
    Tidy,
    Child(Command),
}

/// Runs the steps of `scope` on the workspace around the current directory.
pub(crate) fn run(scope: Scope) -> Result<(), Failure> {
    let workspace = Workspace::around(Path::new("."))?;
    let started = Instant::now();
    let steps = match scope {
        Scope::Full => {
            let (deny, python) = (deny::program(&workspace)?, python::interpreter(&workspace)?);
            full(&workspace.root, &deny, &python, &Servers::prepared(&workspace)?)
        }
        Scope::Fast => fast(&workspace.root),
    };
    let count = run_in_order(steps, || tidy::check_and_print(&workspace))?;
    println!("xtask test: {count} of {count} steps passed in {}", seconds(started));
    Ok(())
}

/// Clippy and doc share the dependencies' metadata, and no step sets RUSTFLAGS: that would build everything anew.
fn full(root: &Path, deny: &Path, python: &Path, servers: &Servers) -> Vec<Step> {
    let mut tests = cargo(root, &["test", "--workspace"]);
    tests.env(python::VARIABLE, python);
    servers.tell(&mut tests);
    let mut doc = cargo(root, &["doc", "--workspace", "--no-deps"]);
    doc.env("RUSTDOCFLAGS", "-Dwarnings");
    vec![
        child("fmt", cargo(root, &["fmt", "--all", "--check"])),
        Step { name: "tidy", work: Work::Tidy },
        child("deny", deny::check(deny, root)),
        child("clippy", clippy(root)),
        child("test", tests),
        child("doc", doc),
    ]
}

fn fast(root: &Path) -> Vec<Step> {
    vec![
        child("fmt", cargo(root, &["fmt", "--all", "--check"])),
        Step { name: "tidy", work: Work::Tidy },
        child("clippy", clippy(root)),
        child("test", cargo(root, &["test", "--workspace", "--lib", "--bins"])),
    ]
}

fn clippy(root: &Path) -> Command {
    cargo(root, &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])
}

fn cargo(root: &Path, arguments: &[&str]) -> Command {
    let mut command = process::cargo(root);
    command.args(arguments);
    command
}

fn child(name: &'static str, command: Command) -> Step {
    Step { name, work: Work::Child(command) }
}

/// Returns how many steps ran. The first one that fails ends the run: what comes after it would drown its message.
fn run_in_order(steps: Vec<Step>, mut tidy: impl FnMut() -> Result<(), Failure>) -> Result<usize, Failure> {
    let count = steps.len();
    for (index, step) in steps.into_iter().enumerate() {
        let place = format!("[{}/{count}] {}", index + 1, step.name);
        let started = Instant::now();
        let outcome = match step.work {
            Work::Tidy => {
                println!("==> {place}");
                tidy()
            }
            Work::Child(mut command) => {
                println!("==> {place}: {}", process::line(&command));
                process::run(&mut command)
            }
        };
        match outcome {
            Ok(()) => println!("<== {place}: passed in {}", seconds(started)),
            Err(failure) => return Err(stopped(&place, &seconds(started), count - index - 1, failure)),
        }
    }
    Ok(count)
}

fn stopped(place: &str, duration: &str, left: usize, failure: Failure) -> Failure {
    let note =
        |message| format!("step {place} FAILED after {duration}: {message} ({left} steps did not run)");
    match failure {
        Failure::Found(message) => Failure::Found(note(message)),
        Failure::CouldNotRun(message) => Failure::CouldNotRun(note(message)),
    }
}

fn seconds(since: Instant) -> String {
    format!("{:.1} s", since.elapsed().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers() -> Servers {
        Servers { localstack: "/venv/localstack".into(), azurite: "/azurite.js".into() }
    }

    fn names(steps: &[Step]) -> Vec<&str> {
        steps.iter().map(|step| step.name).collect()
    }

    #[test]
    fn the_full_run_has_every_step_in_ci_order() {
        let steps = full(Path::new("."), Path::new("cargo-deny"), Path::new("python"), &servers());
        assert_eq!(names(&steps), ["fmt", "tidy", "deny", "clippy", "test", "doc"]);
    }

    #[test]
    fn the_tests_are_told_where_things_are_and_the_pages_are_built_without_warnings() {
        let steps = full(Path::new("."), Path::new("cargo-deny"), Path::new("/venv/python"), &servers());
        let variable = |step: &Step, wanted: &str| match &step.work {
            Work::Child(command) => command
                .get_envs()
                .find(|(name, _)| *name == wanted)
                .and_then(|(_, value)| value.map(|value| value.to_string_lossy().into_owned())),
            Work::Tidy => None,
        };
        assert_eq!(variable(&steps[4], "STRONGROOM_TEST_PYTHON").as_deref(), Some("/venv/python"));
        assert_eq!(variable(&steps[4], "STRONGROOM_TEST_LOCALSTACK").as_deref(), Some("/venv/localstack"));
        assert_eq!(variable(&steps[4], "STRONGROOM_TEST_AZURITE").as_deref(), Some("/azurite.js"));
        assert_eq!(variable(&steps[5], "RUSTDOCFLAGS").as_deref(), Some("-Dwarnings"));
    }

    #[test]
    fn the_fast_run_needs_no_tools() {
        assert_eq!(names(&fast(Path::new("."))), ["fmt", "tidy", "clippy", "test"]);
    }

    #[test]
    fn the_first_failure_ends_the_run_and_is_named() {
        let never = Command::new("/nonexistent/program");
        let steps = vec![
            Step { name: "first", work: Work::Tidy },
            Step { name: "second", work: Work::Tidy },
            child("third", never),
        ];
        let mut calls = 0;
        let failure = run_in_order(steps, || {
            calls += 1;
            if calls == 1 { Ok(()) } else { Err(Failure::Found("a finding".to_owned())) }
        })
        .unwrap_err();
        assert_eq!(calls, 2);
        assert!(matches!(failure, Failure::Found(_)));
        let message = failure.to_string();
        assert!(message.starts_with("step [2/3] second FAILED after"), "{message}");
        assert!(message.ends_with("a finding (1 steps did not run)"), "{message}");
    }

    #[test]
    fn unknown_arguments_are_refused() {
        assert_eq!(Scope::parse(&["--fast".to_owned()]), Ok(Scope::Fast));
        assert_eq!(Scope::parse(&["--quick".to_owned()]), Err("test does not take `--quick`".to_owned()));
    }
}
