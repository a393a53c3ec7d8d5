//! The server's operating surface: TLS with SIGHUP, readiness, and what is in its log.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::{ChildStderr, Command};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;

use crate::running::Running;
use crate::workplace::{Workplace, event};

/// Longer than anything here takes; only a hang comes to it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Stderr's lines as they come.
struct Log {
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Log {
    fn of(stderr: ChildStderr) -> Self {
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { lines, seen: Vec::new() }
    }

    /// Waits for a line with this text.
    #[track_caller]
    fn wait_for(&mut self, text: &str) -> Value {
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|error| panic!("{error}: no {text:?} in {:#?}", self.seen));
            self.seen.push(line.clone());
            if line.contains(text) {
                return serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
            }
        }
    }

    /// Everything up to the end of the process.
    fn rest(mut self) -> Vec<String> {
        self.seen.extend(self.lines.iter());
        self.seen
    }
}

fn start(command: Command) -> (Running, Log) {
    let mut running = Running::start(command);
    let log = Log::of(running.stderr());
    (running, log)
}

/// Writes a new certificate with its key and answers the certificate.
fn renew(place: &Workplace) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    place.write("cert.pem", &made.cert.pem());
    let key = place.write("key.pem", &made.signing_key.serialize_pem());
    fs::set_permissions(key, fs::Permissions::from_mode(0o600)).unwrap();
    made.cert.der().clone()
}

/// A finished handshake with a server that shows this certificate.
fn connect(
    address: &str,
    trusted: &CertificateDer<'static>,
) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    while connection.is_handshaking() {
        connection.complete_io(&mut socket)?;
    }
    Ok(StreamOwned::new(connection, socket))
}

/// One request on a connection of its own; answers the whole response.
fn ask(mut stream: impl Read + Write, head: &str, body: &str) -> String {
    let length = body.len();
    write!(
        stream,
        "{head}\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

#[test]
fn sighup_takes_a_new_certificate_and_keeps_the_old_one_where_the_new_one_is_bad() {
    let place = Workplace::with_ledger();
    let old = renew(&place);
    place.write("strongroom.toml", "[server]\ntls_cert = \"cert.pem\"\ntls_key = \"key.pem\"\n");
    let (mut running, mut log) = start(place.command(&["serve", "--listen", "127.0.0.1:0"]));
    let line = running.line_with("Listening on https://");
    let address = line.rsplit_once("https://").unwrap().1;
    let health = |trusted| connect(address, trusted).map(|stream| ask(stream, "GET /healthz HTTP/1.1", ""));
    assert!(health(&old).unwrap().starts_with("HTTP/1.1 200"));
    assert!(ask(connect(address, &old).unwrap(), "GET /readyz HTTP/1.1", "").contains(r#"{"ok":true,"#));

    let new = renew(&place);
    running.signal("HUP");
    assert_eq!(log.wait_for("SIGHUP")["level"], "info");
    assert!(health(&new).unwrap().starts_with("HTTP/1.1 200"));
    assert!(health(&old).is_err());

    fs::write(place.path("key.pem"), "").unwrap();
    running.signal("HUP");
    let told = log.wait_for("SIGHUP");
    assert_eq!(told["level"], "error");
    assert!(told["error"].as_str().unwrap().contains("key.pem"), "{told}");
    assert!(health(&new).unwrap().starts_with("HTTP/1.1 200"));

    running.signal("TERM");
    assert_eq!(running.end(), Some(0));
    assert!(log.rest().iter().any(|line| line.contains("stopped: ")));
}

#[test]
fn sighup_without_tls_does_not_end_the_process() {
    let place = Workplace::with_ledger();
    let (mut running, mut log) = start(place.command(&["serve", "--listen", "127.0.0.1:0"]));
    let line = running.line_with("Listening on http://");
    running.signal("HUP");
    log.wait_for("SIGHUP");
    let address = line.rsplit_once("http://").unwrap().1;
    assert!(
        ask(TcpStream::connect(address).unwrap(), "GET /healthz HTTP/1.1", "").starts_with("HTTP/1.1 200")
    );
    running.signal("TERM");
    assert_eq!(running.end(), Some(0));
}

#[test]
fn a_certificate_that_cannot_be_served_stops_the_start_and_makes_nothing() {
    let place = Workplace::empty();
    renew(&place);
    place.write("strongroom.toml", "[server]\ntls_cert = \"cert.pem\"\ntls_key = \"key.pem\"\n");
    fs::set_permissions(place.path("key.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    let refused = |advice: &str| {
        let ran = place.run(&["serve", "--listen", "127.0.0.1:0"]).exits(2).says("key.pem").says(advice);
        let told: Value = serde_json::from_str(ran.stderr.trim_end()).unwrap();
        assert_eq!(told["level"], "error", "stderr is no terminal, so this is JSON too");
    };
    refused("chmod 600");
    fs::remove_file(place.path("key.pem")).unwrap();
    refused("server.tls_key");
    assert!(!place.data().exists());
    place.write("strongroom.toml", "[server]\ntls_cert = \"cert.pem\"\n");
    place.run(&["serve"]).exits(2).says("goes only with server.tls_key");
}

/// K5, with everything that is ever logged switched on.
#[test]
fn k5_no_secret_and_no_content_is_in_any_log_line() {
    let place = Workplace::empty();
    let arguments = ["-vv", "serve", "--listen", "127.0.0.1:0"];
    let (mut running, mut log) = start(place.command(&arguments));
    let token = running.line_with("token").split_whitespace().last().unwrap().to_owned();
    let line = running.line_with("Listening on");
    let address = line.rsplit_once("http://").unwrap().1;
    let request = |head: &str, body: &str| ask(TcpStream::connect(address).unwrap(), head, body);
    let post = |token: &str, headers: &str, body: &str| {
        let head = format!("POST /v1/events HTTP/1.1\r\nAuthorization: Bearer {token}\r\n{headers}");
        request(&head, body)
    };
    let json = "Content-Type: application/json\r\nX-Request-Id: given-1";
    assert!(post(&token, json, &event(1)).starts_with("HTTP/1.1 201"));
    let conflicting = event(1).replace("alice", "mallory");
    assert!(post(&token, json, &conflicting).starts_with("HTTP/1.1 409"));
    let unknown = event(2).replace("\"tenant\"", "\"swordfish\":\"hunter2\",\"tenant\"");
    assert!(post(&token, json, &unknown).starts_with("HTTP/1.1 422"));
    assert!(post(&token, json, "{\"swordfish\":").starts_with("HTTP/1.1 400"));
    assert!(post("sr_not-a-token-at-all", json, &event(3)).starts_with("HTTP/1.1 401"));
    assert!(post(&token, "Content-Type: text/swordfish", &event(3)).starts_with("HTTP/1.1 415"));
    let search = |query: &str| {
        request(&format!("GET /v1/audit/events?{query} HTTP/1.1\r\nAuthorization: Bearer {token}"), "")
    };
    assert!(search("actor=alice&tenant=7").starts_with("HTTP/1.1 200"));
    assert!(search("cursor=swordfish").starts_with("HTTP/1.1 400"));
    assert!(search(&format!("token={token}")).starts_with("HTTP/1.1 400"));
    let answered = log.wait_for("given-1");
    assert_eq!((&answered["level"], &answered["request_id"]), (&"debug".into(), &"given-1".into()));
    running.signal("TERM");
    assert_eq!(running.end(), Some(0));

    let lines = log.rest();
    for line in &lines {
        let read: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        for member in ["timestamp", "level", "message"] {
            assert!(read[member].is_string(), "{line}");
        }
    }
    let hash = token_hash(&place);
    let all = lines.join("\n");
    assert!(all.matches("request answered").count() >= 9, "{all}");
    let secret = [token.as_str(), &token["sr_".len()..], &hash, "not-a-token", "Bearer", "actor=", "cursor="];
    let content = ["alice", "mallory", "swordfish", "hunter2", "document.read", "event-1"];
    for kept in secret.into_iter().chain(content) {
        assert!(!all.contains(kept), "{kept:?} is in the log:\n{all}");
    }
}

/// The hash of the one token of a new ledger, as the store has it.
fn token_hash(place: &Workplace) -> String {
    use store::{SqliteOptions, SqliteStore, Store, Table};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let file = SqliteStore::file_in(&place.data());
        let store = SqliteStore::open_read_only(&file, &SqliteOptions::default()).unwrap();
        let rows = store.rows(Table::Token, "", None, 9).await.unwrap();
        assert_eq!(rows.len(), 1);
        let row: Value = serde_json::from_str(&rows[0].body).unwrap();
        row["sha256"].as_str().unwrap().to_owned()
    })
}

#[test]
fn settings_choose_the_form_and_the_level_of_log_lines_and_flags_the_level() {
    let place = Workplace::with_ledger();
    place.write("strongroom.toml", "[log]\nformat = \"text\"\n");
    let logged = |flags: &[&str]| {
        let arguments: Vec<&str> =
            flags.iter().copied().chain(["serve", "--listen", "127.0.0.1:0"]).collect();
        let (mut running, log) = start(place.command(&arguments));
        running.line_with("Listening on");
        running.signal("TERM");
        assert_eq!(running.end(), Some(0));
        log.rest().join("\n")
    };
    let text = logged(&[]);
    assert!(text.contains("INFO") && text.contains("started") && !text.contains('{'), "{text}");
    assert_eq!(logged(&["-q"]), "");
    place.write("strongroom.toml", "[log]\nformat = \"json\"\nlevel = \"error\"\n");
    assert_eq!(logged(&[]), "");
    assert!(logged(&["-v"]).contains(r#""message":"started""#));
}
