//! TLS: certificate and key from PEM files, read again when the operator says so.
//!
//! TLS 1.2 and 1.3 with the algorithms that rustls thinks safe, on aws-lc-rs; HTTP/1.1 by ALPN (RFC 7301).

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};

use crate::connections::Bounded;

/// How long a handshake may take; a connection has its place while it lasts.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Bytes of a certificate or key file that are read; a chain has some kilobytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Anybody may do something with the file.
const OTHERS: u32 = 0o007;

/// Why certificate and key cannot be used: which file, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read the {what} {}: it has to be there, and readable for this process", path.display())]
    Unreadable {
        /// Certificate or key.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The key is not kept to its owner.
    #[error(
        "the TLS key {} may be used by everybody on this machine (mode {mode:03o}): run chmod 600 on it, or 640 with a \
         group of its own",
        path.display()
    )]
    Exposed {
        /// The key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// There is no certificate in the file.
    #[error(
        "{} holds no certificate: it has to be PEM (-----BEGIN CERTIFICATE-----), the server's own certificate first",
        path.display()
    )]
    NoCertificate {
        /// The certificate file.
        path: PathBuf,
    },
    /// There is no key in the file.
    #[error(
        "{} holds no private key: it has to be PEM (-----BEGIN PRIVATE KEY-----) and not encrypted",
        path.display()
    )]
    NoKey {
        /// The key file.
        path: PathBuf,
    },
    /// Both can be read and do not make a server.
    #[error(
        "the certificate {} and the key {} cannot be used together: give the key that the first certificate is for",
        certificate.display(),
        key.display()
    )]
    Mismatch {
        /// The certificate file.
        certificate: PathBuf,
        /// The key file.
        key: PathBuf,
        /// What is wrong with them.
        source: rustls::Error,
    },
}

/// Certificate and key in use. Clones share them, so one can be kept to [`Tls::reload`] while another serves.
#[derive(Clone, Debug)]
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    config: RustlsConfig,
}

impl Tls {
    /// Reads a certificate chain and its key, both PEM.
    pub fn load(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Result<Self, TlsError> {
        let (certificate, key) = (certificate.into(), key.into());
        let config = RustlsConfig::from_config(read(&certificate, &key)?);
        Ok(Self { certificate, key, config })
    }

    /// Reads both files again. Handshakes that begin from now on get the new certificate; connections that are open stay
    /// as they are. After an error everything is as it was before.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.config.reload_from_config(read(&self.certificate, &self.key)?);
        Ok(())
    }

    /// Handshakes for connections that `connections` has a place for: the place is taken before the handshake begins, or
    /// whoever never ends one would not be counted.
    pub(crate) fn acceptor(self, connections: Bounded) -> RustlsAcceptor<Bounded> {
        RustlsAcceptor::new(self.config).handshake_timeout(HANDSHAKE).acceptor(connections)
    }
}

fn read(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = certificates(certificate)?;
    let private_key = private_key(key)?;
    let mismatch =
        |source| TlsError::Mismatch { certificate: certificate.to_owned(), key: key.to_owned(), source };
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private_key))
        .map_err(mismatch)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let (pem, _) = contents("TLS certificate", path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    chain
        .ok()
        .filter(|chain| !chain.is_empty())
        .ok_or_else(|| TlsError::NoCertificate { path: path.to_owned() })
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let (pem, mode) = contents("TLS key", path)?;
    if mode & OTHERS != 0 {
        return Err(TlsError::Exposed { path: path.to_owned(), mode: mode & 0o777 });
    }
    PrivateKeyDer::from_pem_slice(&pem).map_err(|_| TlsError::NoKey { path: path.to_owned() })
}

/// A file's bytes with its mode, both of the same file, whatever happens to its name meanwhile.
fn contents(what: &'static str, path: &Path) -> Result<(Vec<u8>, u32), TlsError> {
    let read = || {
        let file = File::open(path)?;
        let mode = file.metadata()?.mode();
        let mut bytes = Vec::new();
        file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok((bytes, mode))
    };
    read().map_err(|source| TlsError::Unreadable { what, path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use axum_server::accept::Accept;
    use tempfile::TempDir;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    struct Files {
        directory: TempDir,
    }

    impl Files {
        fn new() -> Self {
            let files = Self { directory: tempfile::tempdir().unwrap() };
            let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
            files.write("cert.pem", &made.cert.pem(), 0o644);
            files.write("key.pem", &made.signing_key.serialize_pem(), 0o600);
            files
        }

        fn path(&self, name: &str) -> PathBuf {
            self.directory.path().join(name)
        }

        fn write(&self, name: &str, text: &str, mode: u32) {
            fs::write(self.path(name), text).unwrap();
            fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
        }

        fn load(&self) -> Result<Tls, TlsError> {
            Tls::load(self.path("cert.pem"), self.path("key.pem"))
        }

        #[track_caller]
        fn refused(&self, file: &str, advice: &str) {
            let message = self.load().unwrap_err().to_string();
            assert!(message.contains(file) && message.contains(advice), "{message}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_file_is_told_with_its_name_and_what_to_do() {
        let files = Files::new();
        files.load().unwrap();
        let (certificate, key) = (
            fs::read_to_string(files.path("cert.pem")).unwrap(),
            fs::read_to_string(files.path("key.pem")).unwrap(),
        );
        files.write("cert.pem", "", 0o644);
        files.refused("cert.pem", "BEGIN CERTIFICATE");
        files.write("cert.pem", &key, 0o644);
        files.refused("cert.pem", "BEGIN CERTIFICATE");
        files.write("cert.pem", &certificate, 0o644);
        files.write("key.pem", "", 0o600);
        files.refused("key.pem", "BEGIN PRIVATE KEY");
        files.write("key.pem", &certificate, 0o600);
        files.refused("key.pem", "not encrypted");
        let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        files.write("key.pem", &other.signing_key.serialize_pem(), 0o600);
        files.refused("key.pem", "the first certificate is for");
        fs::remove_file(files.path("key.pem")).unwrap();
        files.refused("key.pem", "readable");
        fs::remove_file(files.path("cert.pem")).unwrap();
        files.refused("cert.pem", "readable");
    }

    #[test]
    fn a_key_that_everybody_may_read_is_refused_and_one_for_a_group_is_taken() {
        let files = Files::new();
        for (mode, taken) in [(0o604, false), (0o644, false), (0o640, true), (0o400, true)] {
            fs::set_permissions(files.path("key.pem"), fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(files.load().is_ok(), taken, "{mode:o}");
        }
        fs::set_permissions(files.path("key.pem"), fs::Permissions::from_mode(0o644)).unwrap();
        files.refused("key.pem", "chmod 600");
    }

    #[test]
    fn a_bad_pair_leaves_the_one_in_use() {
        let files = Files::new();
        let tls = files.load().unwrap();
        let before = tls.config.get_inner();
        files.write("key.pem", "", 0o600);
        tls.reload().unwrap_err();
        assert!(Arc::ptr_eq(&before, &tls.config.get_inner()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_handshake_that_never_ends_gives_its_place_back() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Bounded::new(1);
        let acceptor = Files::new().load().unwrap().acceptor(connections.clone());
        let silent = TcpStream::connect(address).await.unwrap();
        let (arrived, _) = listener.accept().await.unwrap();
        let handshake = acceptor.accept(arrived, ());
        assert_eq!(connections.open(), 1, "it has its place from the start");
        // Time is paused: it goes on by itself as soon as nothing but time can happen.
        let error = handshake.await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(connections.open(), 0);
        drop(silent);
    }
}
