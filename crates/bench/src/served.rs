//! The real server as a child process, on a data directory of its own.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use load::{End, Load, Outcome, Pace, Target};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;

use crate::Failure;
use crate::resources::Process;

/// A server that takes events; killed where it was not stopped.
pub(crate) struct Served {
    child: Child,
    directory: PathBuf,
    target: Target,
    token: String,
    /// Kept open: a server that cannot print ends.
    _stdout: BufReader<ChildStdout>,
}

#[derive(Deserialize)]
struct Made {
    token: String,
}

#[derive(Deserialize)]
struct Listening {
    listening: String,
}

/// How load is put on the server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Offer {
    pub(crate) connections: u64,
    pub(crate) batch: u64,
    pub(crate) pace: Pace,
    pub(crate) events: u64,
    /// Each once on a ledger.
    pub(crate) seed: u64,
}

impl Served {
    /// Starts a program on a new directory within that of the run, with the settings that `init` writes.
    pub(crate) fn start(program: &Path, run: &Path) -> Result<Self, Failure> {
        let directory = run.join("served");
        fs::create_dir(&directory)?;
        let mut command = Command::new(program);
        command.args(["--json", "--data", "data", "serve", "--listen", "127.0.0.1:0"]);
        // Settings of whoever runs the benchmark are not what is measured.
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("STRONGROOM_")) {
                command.env_remove(name);
            }
        }
        let log = File::create(directory.join("stderr"))?;
        command.current_dir(&directory).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn()?;
        let mut stdout = BufReader::new(child.stdout.take().ok_or("the server has no output")?);
        let told = (|| -> Result<(Made, Listening), Failure> {
            Ok((serde_json::from_str(&line(&mut stdout)?)?, serde_json::from_str(&line(&mut stdout)?)?))
        })();
        let told = told.and_then(|(made, listening)| Ok((made.token, listening.listening.parse()?)));
        match told {
            Ok((token, target)) => Ok(Self { child, directory, target, token, _stdout: stdout }),
            Err(failure) => {
                // It may have ended already, which is then the reason.
                let _ = child.kill();
                child.wait()?;
                let said = fs::read_to_string(directory.join("stderr"))?;
                Err(format!("the server did not start: {failure}\n{said}").into())
            }
        }
    }

    pub(crate) fn process(&self) -> Process {
        Process::of(self.child.id())
    }

    /// Puts load on the server. All events have to be new and acknowledged: refusing is less work.
    pub(crate) fn take(&self, offer: Offer) -> Result<Outcome, Failure> {
        let load = Load {
            target: self.target.clone(),
            token: self.token.clone(),
            connections: offer.connections as usize,
            batch: offer.batch,
            pace: offer.pace,
            end: End::Events(offer.events),
            seed: offer.seed,
        };
        let outcome = load.run()?;
        if outcome.acknowledged != offer.events || outcome.duplicates > 0 {
            return Err(format!("not every event was taken:\n{outcome}").into());
        }
        Ok(outcome)
    }

    /// Stops the server as an operator does, and removes what it wrote.
    pub(crate) fn stop(mut self) -> Result<(), Failure> {
        let pid = Pid::from_raw(self.child.id().cast_signed()).ok_or("the server has no process id")?;
        kill_process(pid, Signal::TERM)?;
        let status = self.child.wait()?;
        if !status.success() {
            let said = fs::read_to_string(self.directory.join("stderr"))?;
            return Err(format!("the server ended with {status}\n{said}").into());
        }
        Ok(fs::remove_dir_all(&self.directory)?)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // After `stop` there is nothing left to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn line(stdout: &mut BufReader<ChildStdout>) -> Result<String, Failure> {
    let mut line = String::new();
    if stdout.read_line(&mut line)? == 0 {
        return Err("its output ended".into());
    }
    Ok(line)
}
