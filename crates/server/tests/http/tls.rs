//! The server over TLS.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use engine::Role;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion, version};
use server::{Options, Tls};
use tempfile::TempDir;

use crate::harness::{JSON, Server, event};

/// Longer than anything here takes; only a hang comes to it.
const PATIENCE: Duration = Duration::from_secs(30);

/// A certificate and its key in files.
struct Identity {
    directory: TempDir,
}

impl Identity {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a new pair and answers its certificate.
    fn renew(&self) -> CertificateDer<'static> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(self.path("cert.pem"), made.cert.pem()).unwrap();
        fs::write(self.path("key.pem"), made.signing_key.serialize_pem()).unwrap();
        fs::set_permissions(self.path("key.pem"), fs::Permissions::from_mode(0o600)).unwrap();
        made.cert.der().clone()
    }

    fn load(&self) -> Tls {
        Tls::load(self.path("cert.pem"), self.path("key.pem")).unwrap()
    }
}

struct Client {
    stream: StreamOwned<ClientConnection, TcpStream>,
}

impl Client {
    /// A finished handshake with a server that shows this certificate.
    fn connect(
        address: SocketAddr,
        trusted: &CertificateDer<'static>,
        protocols: &[&str],
        versions: &[&'static SupportedProtocolVersion],
    ) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(trusted.clone()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let name = ServerName::try_from("localhost").unwrap();
        let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut socket = TcpStream::connect(address)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        while connection.is_handshaking() {
            connection.complete_io(&mut socket)?;
        }
        Ok(Self { stream: StreamOwned::new(connection, socket) })
    }

    fn of(address: SocketAddr, trusted: &CertificateDer<'static>) -> io::Result<Self> {
        Self::connect(address, trusted, &["http/1.1"], &[&version::TLS13])
    }

    /// Sends a request; answers the head of what comes back, with as much of its body as is announced.
    fn ask(&mut self, head: &str, body: &str) -> String {
        let length = body.len();
        write!(self.stream, "{head}\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
        let mut answer = Vec::new();
        let mut byte = [0];
        while !answer.ends_with(b"\r\n\r\n") {
            self.stream.read_exact(&mut byte).unwrap();
            answer.push(byte[0]);
        }
        let text = String::from_utf8(answer).unwrap();
        let announced = text.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; announced.map_or(0, |length| length.parse().unwrap())];
        self.stream.read_exact(&mut body).unwrap();
        text + &String::from_utf8(body).unwrap()
    }
}

fn serve(identity: &Identity) -> (Server, Tls) {
    let tls = identity.load();
    (Server::start_as(Options { tls: Some(tls.clone()), ..Options::default() }, |_| {}), tls)
}

#[test]
fn requests_are_answered_over_tls_1_2_and_1_3_by_http_1_1_only() {
    let identity = Identity::new();
    let certificate = identity.renew();
    let (server, _) = serve(&identity);
    let writer = server.token(Role::Writer, None);
    for (number, version) in [&version::TLS13, &version::TLS12].into_iter().enumerate() {
        let mut client =
            Client::connect(server.address, &certificate, &["h2", "http/1.1"], &[version]).unwrap();
        assert_eq!(client.stream.conn.alpn_protocol(), Some(b"http/1.1".as_slice()));
        assert_eq!(client.stream.conn.protocol_version(), Some(version.version));
        let head =
            format!("POST /v1/events HTTP/1.1\r\nAuthorization: Bearer {writer}\r\nContent-Type: {JSON}");
        let answer = client.ask(&head, &event(&format!("e-{number}")));
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    }
    assert!(Client::connect(server.address, &certificate, &["h2"], &[&version::TLS13]).is_err());
    // Without encryption nobody is answered.
    let mut plain = TcpStream::connect(server.address).unwrap();
    plain.set_read_timeout(Some(PATIENCE)).unwrap();
    plain.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    // The connection may be reset, since the server reads nothing more of it.
    let _ = plain.read_to_end(&mut answer);
    assert!(!String::from_utf8_lossy(&answer).contains("HTTP/1.1"), "{answer:?}");
}

#[test]
fn a_new_certificate_is_for_new_connections_and_a_bad_one_for_none() {
    let identity = Identity::new();
    let old = identity.renew();
    let (server, tls) = serve(&identity);
    let mut open = Client::of(server.address, &old).unwrap();
    assert!(open.ask("GET /healthz HTTP/1.1", "").starts_with("HTTP/1.1 200"));

    let new = identity.renew();
    tls.reload().unwrap();
    let mut renewed = Client::of(server.address, &new).unwrap();
    assert!(renewed.ask("GET /healthz HTTP/1.1", "").starts_with("HTTP/1.1 200"));
    assert!(Client::of(server.address, &old).is_err(), "the old one is not shown any more");
    assert!(open.ask("GET /healthz HTTP/1.1", "").starts_with("HTTP/1.1 200"), "what is open stays");

    fs::write(identity.path("cert.pem"), "no certificate").unwrap();
    tls.reload().unwrap_err();
    Client::of(server.address, &new).unwrap();
}

#[test]
fn k3_a_stop_ends_connections_over_tls_too() {
    let identity = Identity::new();
    let certificate = identity.renew();
    let (mut server, _) = serve(&identity);
    let mut client = Client::of(server.address, &certificate).unwrap();
    assert!(client.ask("GET /healthz HTTP/1.1", "").starts_with("HTTP/1.1 200"));
    server.stop.take().unwrap().send(()).unwrap();
    let running = server.running.take().unwrap();
    let ended = server.runtime.block_on(async { tokio::time::timeout(PATIENCE, running).await });
    ended.unwrap().unwrap().unwrap();
}
