//! `fuzz`: the fuzz targets, one after the other. What they check is the crate `fuzzing`'s own business.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::Failure;
use crate::process;
use crate::workspace::Workspace;

/// Where the programs are, one a target.
const PROGRAMS: &str = "fuzz/fuzz_targets";

/// Where the crate is whose corpora and dictionaries a run begins with.
const CRATE: &str = "crates/fuzzing";

const MINUTES_DEFAULT: u32 = 10;

/// Megabytes and seconds that one input may take: what the product takes in is bounded far below both.
const MEMORY_MB_MAX: u32 = 2_048;
const INPUT_SECONDS_MAX: u32 = 10;

/// What to run, and for how long.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// All of them where none is named.
    target: Option<String>,
    /// For each target.
    minutes: u32,
}

impl Plan {
    /// Reads the arguments of `fuzz`. The error says what is wrong with them.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut plan = Self { target: None, minutes: MINUTES_DEFAULT };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "--minutes" => {
                    let minutes =
                        rest.next().and_then(|text| text.parse().ok()).filter(|minutes| *minutes > 0);
                    plan.minutes = minutes.ok_or("--minutes takes a whole number from 1")?;
                }
                name if name.starts_with('-') || plan.target.is_some() => {
                    return Err(format!("fuzz does not take `{name}`"));
                }
                name => plan.target = Some(name.to_owned()),
            }
        }
        Ok(plan)
    }
}

/// Runs the planned targets on the workspace around the current directory. The first input that fails ends the run.
pub(crate) fn run(plan: &Plan) -> Result<(), Failure> {
    let workspace = Workspace::around(Path::new("."))?;
    let all = targets(&workspace.root)?;
    let planned = match &plan.target {
        Some(target) if !all.contains(target) => {
            let message = format!("no fuzz target is called `{target}`; there are {}", all.join(", "));
            return Err(Failure::CouldNotRun(message));
        }
        Some(target) => vec![target.clone()],
        None => all,
    };
    is_installed(&workspace.root)?;
    for target in planned {
        let found = workspace.target.join("fuzz-corpus").join(&target);
        fs::create_dir_all(&found).map_err(|error| {
            Failure::CouldNotRun(format!("cannot make the folder {}: {error}", found.display()))
        })?;
        let mut command = command(&workspace, &target, &found, plan.minutes);
        println!("==> {}", process::line(&command));
        process::run(&mut command)?;
        println!("<== {target}: nothing found; new inputs are in {}", found.display());
    }
    Ok(())
}

/// The names of the programs, sorted.
fn targets(root: &Path) -> Result<Vec<String>, Failure> {
    let folder = root.join(PROGRAMS);
    let unreadable =
        |error| Failure::CouldNotRun(format!("cannot read the folder {}: {error}", folder.display()));
    let mut names = Vec::new();
    for item in fs::read_dir(&folder).map_err(unreadable)? {
        let path = PathBuf::from(item.map_err(unreadable)?.file_name());
        names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

fn is_installed(root: &Path) -> Result<(), Failure> {
    let mut command = process::cargo(root);
    command.args(["fuzz", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    if command.status().is_ok_and(|status| status.success()) {
        return Ok(());
    }
    let message = "cargo-fuzz is missing; install it, and a C++ compiler for libFuzzer: cargo install --locked cargo-fuzz";
    Err(Failure::CouldNotRun(message.to_owned()))
}

/// `found` takes the new inputs, so that the corpus in the repository stays small.
///
/// There is no address sanitizer: no code of ours is unsafe, it halves the speed, and without it a stable toolchain will do.
fn command(workspace: &Workspace, target: &str, found: &Path, minutes: u32) -> Command {
    let inputs = workspace.root.join(CRATE);
    let mut command = process::cargo(&workspace.root);
    command.args(["fuzz", "run", "--sanitizer", "none", "--target-dir"]).arg(workspace.target.join("fuzz"));
    command.arg(target).arg(found).arg(inputs.join("corpus").join(target));
    command.args([
        "--".to_owned(),
        format!("-dict={}", inputs.join("dictionaries").join(format!("{target}.dict")).display()),
        format!("-max_total_time={}", u64::from(minutes) * 60),
        format!("-rss_limit_mb={MEMORY_MB_MAX}"),
        format!("-timeout={INPUT_SECONDS_MAX}"),
    ]);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Plan, String> {
        Plan::parse(&arguments.iter().map(|argument| (*argument).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_target_and_minutes_are_taken_in_either_order() {
        assert_eq!(parse(&[]), Ok(Plan { target: None, minutes: MINUTES_DEFAULT }));
        let plan = Ok(Plan { target: Some("event".to_owned()), minutes: 3 });
        assert_eq!(parse(&["event", "--minutes", "3"]), plan);
        assert_eq!(parse(&["--minutes", "3", "event"]), plan);
    }

    #[test]
    fn anything_else_is_refused() {
        for arguments in
            [&["--minutes"][..], &["--minutes", "0"], &["--minutes", "x"], &["--fast"], &["event", "note"]]
        {
            assert!(parse(arguments).is_err(), "{arguments:?}");
        }
    }

    #[test]
    fn a_run_is_bounded_and_begins_with_the_corpus_of_the_repository() {
        let workspace = Workspace { root: "/r".into(), target: "/t".into(), packages: Vec::new() };
        let command = command(&workspace, "event", Path::new("/t/fuzz-corpus/event"), 2);
        assert_eq!(
            process::line(&command),
            "cargo fuzz run --sanitizer none --target-dir /t/fuzz event /t/fuzz-corpus/event \
             /r/crates/fuzzing/corpus/event -- -dict=/r/crates/fuzzing/dictionaries/event.dict \
             -max_total_time=120 -rss_limit_mb=2048 -timeout=10"
        );
    }

    #[test]
    fn the_targets_are_the_programs() {
        let root = tempfile::tempdir().unwrap();
        assert!(matches!(targets(root.path()), Err(Failure::CouldNotRun(_))));
        let folder = root.path().join(PROGRAMS);
        fs::create_dir_all(&folder).unwrap();
        for name in ["note.rs", "event.rs"] {
            fs::write(folder.join(name), "").unwrap();
        }
        assert_eq!(targets(root.path()).unwrap(), ["event", "note"]);
    }
}
