//! The program and its data directory.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use event::Timestamp;
use tempfile::TempDir;
use testkit::Finding;

/// A data directory, on a disk: what is in memory alone could not show a write that came too late.
pub(super) struct Data {
    place: TempDir,
    directory: PathBuf,
}

impl Data {
    pub(super) fn new() -> Self {
        let place =
            tempfile::Builder::new().prefix("strongroom-torture-").tempdir().expect("a temporary directory");
        let directory = place.path().join("data");
        Self { place, directory }
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The program on this directory, untouched by the settings of whoever runs it.
    fn command(&self, binary: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary);
        command.current_dir(self.place.path()).stdin(Stdio::null()).stderr(Stdio::null());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("STRONGROOM_") {
                command.env_remove(name);
            }
        }
        command.args(["--data", "data"]).args(arguments).stdout(Stdio::piped());
        command
    }

    /// Makes the ledger; answers the token of its first administrator.
    pub(super) fn make(&self, binary: &Path) -> Result<String, Finding> {
        let output = self
            .command(binary, &["init"])
            .output()
            .map_err(|error| Finding(format!("{} cannot be started: {error}", binary.display())))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let token =
            text.lines().find(|line| line.contains("token")).and_then(|line| line.split_whitespace().last());
        token.map(str::to_owned).ok_or_else(|| Finding(format!("init printed no token: {text}")))
    }

    /// The whole ledger verifies, as whoever operates it would ask.
    pub(super) fn verify(&self, binary: &Path) -> Result<(), Finding> {
        let output = self.command(binary, &["verify", "--full", "--json"]).output();
        let output = output.map_err(|error| Finding(format!("verify cannot be started: {error}")))?;
        if output.status.success() {
            return Ok(());
        }
        Err(Finding(format!("verify --full: {} {}", output.status, String::from_utf8_lossy(&output.stdout))))
    }

    /// Archives everything so far, and kills that when its life is over.
    pub(super) fn archive_and_kill(&self, binary: &Path, life: Duration) -> Result<(), Finding> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now =
            Timestamp::from_micros(now.as_micros() as i64).map_or_else(String::new, |now| now.to_string());
        let mut child = self
            .command(binary, &["archive", "run", "--before", &now])
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| Finding(format!("an archive run cannot be started: {error}")))?;
        std::thread::sleep(life);
        kill(&mut child)
    }
}

/// `strongroom serve`, under way.
pub(super) struct Server {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Server {
    pub(super) fn start(binary: &Path, data: &Data) -> Result<Self, Finding> {
        let started = data.command(binary, &["serve", "--listen", "127.0.0.1:0"]).spawn();
        let mut child = started.map_err(|error| Finding(format!("serve cannot be started: {error}")))?;
        let stdout = child.stdout.take().ok_or_else(|| Finding("serve has no output".into()))?;
        Ok(Self { child, stdout: BufReader::new(stdout) })
    }

    /// Where it listens, as it says itself. That it ends before is a finding: it must open without repair.
    pub(super) fn address(&mut self) -> Result<String, Finding> {
        let mut said = String::new();
        loop {
            let mut line = String::new();
            let read = self.stdout.read_line(&mut line).unwrap_or(0);
            if let Some((_, address)) = line.trim_end().rsplit_once("http://") {
                return Ok(address.to_owned());
            }
            said.push_str(&line);
            if read == 0 {
                return Err(Finding(format!("serve ended before it listened: {said}")));
            }
        }
    }

    /// SIGKILL, whatever it is doing.
    pub(super) fn kill(&mut self) -> Result<(), Finding> {
        kill(&mut self.child)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A finding ends the rounds; nothing of them is left running.
        let _ = kill(&mut self.child);
    }
}

fn kill(child: &mut Child) -> Result<(), Finding> {
    let killed = child.kill().and_then(|()| child.wait().map(|_| ()));
    killed.map_err(|error| Finding(format!("the rig cannot kill a process: {error}")))
}
