//! How the server is reached and watched: encryption, `/metrics`, log lines.

use std::path::{Path, PathBuf};

use crate::values::Values;

/// Where certificate and key for TLS are, both PEM; absolute if the working directory was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The certificate chain.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Who may read `/metrics`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metrics {
    /// Bearers of a token of role auditor or above.
    Token,
    /// Everybody.
    Open,
    /// Nobody: the route is not there.
    Off,
}

/// What `serve` writes to stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// The form of a line.
    pub format: LogFormat,
    /// The least severe lines that are written.
    pub level: LogLevel,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// A JSON object a line.
    Json,
    /// Text for people.
    Text,
}

/// How severe a log line has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Failures only.
    Error,
    /// Also what somebody should look at.
    Warn,
    /// Also what happens.
    Info,
    /// Everything, a line for each request among it.
    Debug,
}

impl Tls {
    pub(crate) fn read(values: &mut Values<'_>, working_directory: &Path) -> Option<Self> {
        let names = ["server.tls_cert", "server.tls_key"];
        match names.map(|name| values.optional_text(name)) {
            [Some(cert), Some(key)] => {
                Some(Self { cert: working_directory.join(cert), key: working_directory.join(key) })
            }
            [None, None] => None,
            [cert, _] => {
                let [given, missing] = if cert.is_some() { names } else { [names[1], names[0]] };
                values.refuse(given, format!("goes only with {missing}: give both, or neither"));
                None
            }
        }
    }
}

impl Metrics {
    pub(crate) fn read(values: &mut Values<'_>) -> Self {
        match values.text("server.metrics").as_str() {
            "open" => Self::Open,
            "off" => Self::Off,
            _ => Self::Token,
        }
    }
}

impl Log {
    pub(crate) fn read(values: &mut Values<'_>) -> Self {
        Self {
            format: match values.text("log.format").as_str() {
                "json" => LogFormat::Json,
                "text" => LogFormat::Text,
                _ => LogFormat::Auto,
            },
            level: match values.text("log.level").as_str() {
                "error" => LogLevel::Error,
                "warn" => LogLevel::Warn,
                "debug" => LogLevel::Debug,
                _ => LogLevel::Info,
            },
        }
    }
}
