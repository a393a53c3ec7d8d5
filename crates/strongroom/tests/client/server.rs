use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use client::{Actor, Builder, Client, Event, Outcome};
use serde_json::Value;
use tempfile::TempDir;

/// What nothing in these tests takes, unless something is wrong.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// A ledger in a directory of its own, with a server that can be killed and started again at the same address.
pub(crate) struct Server {
    directory: TempDir,
    pub(crate) token: String,
    address: SocketAddr,
    running: Option<Child>,
}

impl Server {
    /// A new ledger that is served.
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let made = json(&program(&directory, &["init", "--json"]).output().unwrap().stdout);
        let token = made[0]["token"].as_str().unwrap().to_owned();
        let mut server =
            Self { directory, token, address: SocketAddr::from(([127, 0, 0, 1], 0)), running: None };
        server.start_again();
        server
    }

    pub(crate) fn start_again(&mut self) {
        let listen = self.address.to_string();
        let mut child = program(&self.directory, &["serve", "--listen", &listen, "--json"]).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told: Value = serde_json::from_str(&line).unwrap();
        self.address = told["listening"].as_str().unwrap().strip_prefix("http://").unwrap().parse().unwrap();
        self.running = Some(child);
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        let mut child = self.running.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A client's settings, with deadlines that a busy machine keeps.
    pub(crate) fn builder(&self) -> Builder {
        Client::builder(self.url(), &self.token).deadline(LONG)
    }

    pub(crate) async fn client(&self) -> Client {
        self.builder().build().await.unwrap()
    }

    /// A directory beside the ledger, for a spool.
    pub(crate) fn spool(&self) -> PathBuf {
        self.directory.path().join("spool")
    }

    /// The event ids of a stream of tenant 7, in the ledger's order.
    pub(crate) fn event_ids(&self) -> Vec<String> {
        self.entries().iter().map(|entry| entry["event_id"].as_str().unwrap().to_owned()).collect()
    }

    /// All entries of tenant 7, in the ledger's order, by the command that reads beside the server.
    pub(crate) fn entries(&self) -> Vec<Value> {
        let mut entries = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut arguments =
                vec!["search", "--tenant", "7", "--order", "asc", "--limit", "1000", "--json"];
            if let Some(cursor) = &cursor {
                arguments.extend(["--cursor", cursor.as_str()]);
            }
            let output = program(&self.directory, &arguments).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let mut page = json(&output.stdout).remove(0);
            entries.append(page["entries"].as_array_mut().unwrap());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return entries,
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.running.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The program without any settings of the environment.
fn program(directory: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
    command.current_dir(directory.path()).args(["--data", "data"]).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("STRONGROOM_") {
            command.env_remove(name);
        }
    }
    command
}

/// One JSON value a line.
pub(crate) fn json(text: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(text).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// An event of tenant 7 with this id.
pub(crate) fn event(event_id: impl Into<String>) -> Event {
    Event::audit("7", Actor::user("alice"), "document.read").event_id(event_id).outcome(Outcome::Success)
}

/// An event of another stream.
pub(crate) fn tool_event(event_id: impl Into<String>) -> Event {
    Event::tool("7", Actor::service("runner"), "tool.call", "search")
        .event_id(event_id)
        .outcome(Outcome::Success)
}
