use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;

use serde_json::Value;
use tempfile::TempDir;

/// A directory to run the program in, with a data directory `data` below it.
pub(crate) struct Workplace {
    directory: TempDir,
}

/// What a run of the program left.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Workplace {
    /// An empty directory.
    pub(crate) fn empty() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    /// A directory with a new ledger.
    pub(crate) fn with_ledger() -> Self {
        let place = Self::empty();
        place.run(&["init"]).succeeds();
        place
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.directory.path().join(relative)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path("data")
    }

    pub(crate) fn write(&self, relative: &str, text: &str) -> PathBuf {
        let path = self.path(relative);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The program on this place's data directory, untouched by the environment of whoever runs the tests.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program(self.directory.path());
        command.args(["--data", "data"]).args(arguments);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, "")
    }

    /// Runs with a text on stdin.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Ran {
        finish(self.command(arguments), input)
    }

    /// Appends events, given as lines.
    pub(crate) fn append(&self, lines: &[String]) -> Ran {
        self.run_with(&["append"], &(lines.join("\n") + "\n"))
    }

    /// The public key, as `key show` prints it.
    pub(crate) fn vkey(&self) -> String {
        let keys = self.run(&["key", "show", "--json"]).succeeds().json();
        keys["vkeys"][0].as_str().unwrap().to_owned()
    }
}

/// The program without any settings of the environment.
pub(crate) fn program(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
    command.current_dir(directory).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("STRONGROOM_") {
            command.env_remove(name);
        }
    }
    command.env("USER", "tester").env_remove("SUDO_USER").env_remove("COLUMNS");
    command
}

/// Runs a command to its end with a text on stdin.
pub(crate) fn finish(mut command: Command, input: &str) -> Ran {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    // A program that stops reading closes the pipe; that is for it to explain.
    let writer = thread::spawn(move || {
        let _ = stdin.write_all(input.as_bytes());
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Ran::from(output)
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ran {
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn succeeds(self) -> Self {
        self.exits(0)
    }

    /// Stderr says this.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "not said: {text}\nstderr: {}", self.stderr);
        self
    }

    /// Stdout as one JSON value on one line.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.stdout.lines().count(), 1, "{}", self.stdout);
        serde_json::from_str(&self.stdout).unwrap()
    }

    /// Stdout as one JSON value a line.
    #[track_caller]
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// An event of tenant 7; the number makes its ids.
pub(crate) fn event(number: u64) -> String {
    format!(
        r#"{{"stream":"audit","event_id":"event-{number}","occurred_at":"2026-04-22T02:30:15Z","tenant":"7","actor":{{"type":"user","id":"alice"}},"action":"document.read","target":{{"type":"document","id":"d-{number}"}},"outcome":"success","source":"test","request_id":"request-{number}"}}"#
    )
}

/// Events with the numbers of a range.
pub(crate) fn events(numbers: std::ops::Range<u64>) -> Vec<String> {
    numbers.map(event).collect()
}

/// Now, as the program reads times.
pub(crate) fn now() -> String {
    use engine::Clock;
    engine::SystemClock.now().to_string()
}
