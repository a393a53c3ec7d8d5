//! A server in a process of its own.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a server may take until it says that it is ready. Long, because a busy machine loads Python modules slowly.
const START_MAX: Duration = Duration::from_secs(120);
/// How many lines of a server that does not start are shown.
const LINES_SHOWN: usize = 40;

/// A running child with a folder of its own. Dropping it kills the child and removes the folder.
///
/// A server that is shared by all tests of a program is never dropped. So the child holds the other end of a pipe as its
/// standard input: when this process ends, even by SIGKILL, the child sees the end of it, removes its folder and exits.
#[derive(Debug)]
pub(crate) struct ServerProcess {
    child: Child,
    _home: TempDir,
}

impl ServerProcess {
    /// Starts `command` and returns once `is_ready` finds what it looks for in a line of its output. The error is what
    /// the child wrote instead.
    pub(crate) fn start<T>(
        mut command: Command,
        home: TempDir,
        is_ready: impl Fn(&str) -> Option<T>,
    ) -> Result<(Self, T), String> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("cannot start {command:?}: {error}"))?;
        let (sender, lines) = channel();
        drain(child.stdout.take().expect("stdout is a pipe"), sender.clone());
        drain(child.stderr.take().expect("stderr is a pipe"), sender);
        let server = Self { child, _home: home };
        wait(&lines, is_ready).map(|ready| (server, ready))
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // Both fail only if the child has ended by itself, which is what is wanted.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Reads to the end, also when nobody listens any more: a child whose pipe is full would stop.
fn drain(output: impl Read + Send + 'static, sender: Sender<String>) {
    thread::spawn(move || {
        let mut lines = BufReader::new(output).lines();
        while let Some(Ok(line)) = lines.next() {
            drop(sender.send(line));
        }
    });
}

fn wait<T>(lines: &Receiver<String>, is_ready: impl Fn(&str) -> Option<T>) -> Result<T, String> {
    let deadline = Instant::now() + START_MAX;
    let mut said: Vec<String> = Vec::new();
    while let Ok(line) = lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        if let Some(ready) = is_ready(&line) {
            return Ok(ready);
        }
        said.push(line);
    }
    let shown = said[said.len().saturating_sub(LINES_SHOWN)..].join("\n");
    Err(format!("it ended, or was not ready within {} s; it wrote:\n{shown}", START_MAX.as_secs()))
}
