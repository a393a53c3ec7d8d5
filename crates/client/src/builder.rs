//! How a client is set up.

use std::fmt;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use event::Limits;

use crate::client::{Client, Inner};
use crate::drain;
use crate::error::{ConfigurationError, Error, SpoolError};
use crate::pem;
use crate::spool::Spool;
use crate::transport::Transport;

const DEADLINE: Duration = Duration::from_secs(30);
const ATTEMPT_MAX: Duration = Duration::from_secs(10);

/// The least bound on a spool, in bytes: room for a few events of the largest size.
pub const SPOOL_BYTES_MIN: u64 = 1 << 20;

/// Settings of a [`Client`].
#[must_use]
pub struct Builder {
    url: String,
    token: String,
    deadline: Duration,
    attempt_max: Duration,
    roots_pem: Option<Vec<u8>>,
    limits: Limits,
    spool: Option<(PathBuf, u64)>,
}

/// Without the token.
impl fmt::Debug for Builder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Builder")
            .field("url", &self.url)
            .field("deadline", &self.deadline)
            .field("spool", &self.spool)
            .finish_non_exhaustive()
    }
}

impl Builder {
    pub(crate) fn new(url: String, token: String) -> Self {
        let limits = Limits::default();
        Self {
            url,
            token,
            deadline: DEADLINE,
            attempt_max: ATTEMPT_MAX,
            roots_pem: None,
            limits,
            spool: None,
        }
    }

    /// How long a call may take with all its attempts; 30 seconds unless set.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// How long one attempt may take; 10 seconds unless set.
    pub fn attempt_timeout(mut self, attempt_max: Duration) -> Self {
        self.attempt_max = attempt_max;
        self
    }

    /// Trusts the certificates of this PEM text, and not those of the system.
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots_pem = Some(pem.into());
        self
    }

    /// The limits of the server's settings, where they are not the defaults. What is spooled is held to them.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Keeps events in this directory while the server is away, at most `bytes_max` of them, and not less than
    /// [`SPOOL_BYTES_MIN`]. It is for this client alone, on a disk that survives a restart.
    pub fn spool(mut self, directory: impl Into<PathBuf>, bytes_max: u64) -> Self {
        self.spool = Some((directory.into(), bytes_max));
        self
    }

    /// Opens the spool and begins to drain it. Does not speak to the server.
    ///
    /// To be called within the tokio runtime that the client is to live in.
    pub async fn build(self) -> Result<Client, Error> {
        let roots = self.roots_pem.as_deref().map(pem::certificates).transpose()?;
        let transport = Transport::new(&self.url, &self.token, roots, self.attempt_max)?;
        let spool = match self.spool {
            Some((_, bytes_max)) if bytes_max < SPOOL_BYTES_MIN => {
                let message = format!("a spool needs room for at least {SPOOL_BYTES_MIN} bytes");
                return Err(ConfigurationError::new(message).into());
            }
            Some((directory, bytes_max)) => {
                let opening = tokio::task::spawn_blocking(move || Spool::open(&directory, bytes_max));
                Some(opening.await.map_err(|_| SpoolError::Closed)??)
            }
            None => None,
        };
        let draining = spool
            .as_ref()
            .map(|spool| tokio::spawn(drain::run(spool.directory().clone(), transport.clone())));
        Ok(Client::new(Inner {
            transport,
            deadline: self.deadline,
            limits: self.limits,
            spool,
            draining: Mutex::new(draining),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn k5_no_secret_is_shown() {
        let builder = Client::builder("http://127.0.0.1:1", "sr_secret");
        assert!(!format!("{builder:?}").contains("secret"));
        assert!(!format!("{:?}", builder.build().await.unwrap()).contains("secret"));
    }

    #[tokio::test]
    async fn root_certificates_that_are_none_are_refused() {
        for pem in ["", "no certificate", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
            let built = Client::builder("https://h", "t").root_certificates(pem).build().await;
            assert!(matches!(built, Err(Error::Configuration(_))), "{pem:?}");
        }
    }
}
