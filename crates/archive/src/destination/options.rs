//! How a destination is described.

use std::path::PathBuf;
use std::time::Duration;

use super::credentials::Credentials;

/// A destination, before it is opened. What its kind has no use for is not looked at; refusing it is the business of
/// whoever reads settings.
#[derive(Clone, Debug, Default)]
pub struct DestinationOptions {
    /// Where: `file:///path`, an absolute path, `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix` or
    /// `null:`.
    pub url: String,
    /// The server to talk to, where that is not the provider's own: `http://` or `https://`.
    pub endpoint: Option<String>,
    /// S3: the region of the bucket.
    pub region: Option<String>,
    /// S3: the bucket in the path of a URL, not in its host. `None`: in the path wherever there is an endpoint.
    pub path_style: Option<bool>,
    /// S3: what the server encrypts with.
    pub encryption: Encryption,
    /// S3 with [`Encryption::Kms`], and GCS: the key, as the provider names it.
    pub kms_key: Option<String>,
    /// GCS: the project that requests are billed to.
    pub project: Option<String>,
    /// S3: how long each object is locked when it is written.
    pub object_lock: Option<ObjectLock>,
    /// Who asks.
    pub credentials: CredentialSource,
    /// How long to wait.
    pub timeouts: Timeouts,
}

impl DestinationOptions {
    /// This place, everything else as it comes.
    pub fn new(url: &str) -> Self {
        Self { url: url.to_owned(), ..Self::default() }
    }
}

/// What the server encrypts objects with, over what the bucket's own default says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encryption {
    /// Whatever the bucket's default is.
    #[default]
    BucketDefault,
    /// Keys of the object store (SSE-S3).
    S3,
    /// A key of the key service (SSE-KMS).
    Kms,
}

/// A lock on each object (S3 Object Lock): nobody may delete or replace this version before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectLock {
    /// Whether some may lift it.
    pub mode: LockMode,
    /// Days it lasts, at least; up to one more, because it ends at midnight UTC.
    pub days: u32,
}

/// Whether some may lift a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockMode {
    /// Those with a special permission.
    Governance,
    /// Nobody.
    Compliance,
}

/// Where credentials come from.
#[derive(Clone, Debug, Default)]
pub enum CredentialSource {
    /// The environment, the AWS profile, the machine's role, in the order of `docs/destinations.md`.
    #[default]
    Environment,
    /// A file of `NAME=VALUE` lines that only its owner may read; it stands in place of the environment.
    File(PathBuf),
    /// These.
    Given(Credentials),
}

/// How long to wait for a place that is far away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// To be connected.
    pub connect: Duration,
    /// For one request and all of its answer: 128 MiB at 1 MB/s take 135 s.
    pub request: Duration,
    /// From the first request on, further ones are tried for so long, three times at most.
    pub retry: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            request: Duration::from_secs(180),
            retry: Duration::from_secs(15),
        }
    }
}
