//! Places far away: one client to read, and another to write where writes carry headers of their own.

mod azure;
mod daily_writer;
mod gcs;
mod s3;

use std::sync::Arc;

use object_store::{BackoffConfig, ClientOptions, HeaderMap, ObjectStore, RetryConfig};

use super::credentials::Credentials;
use super::object_storage::{ObjectStorage, Writer};
use super::options::{CredentialSource, DestinationOptions, Timeouts};
use super::redaction::Redaction;
use super::start_error::StartError;
use super::storage::{Kind, Storage, StorageResult};
use crate::error::{Error, Result};

/// Idle connections that are kept to one place.
const IDLE_CONNECTIONS_MAX: usize = 16;

/// Further attempts of one request, within [`Timeouts::retry`].
const RETRIES_MAX: usize = 3;

/// Opens a bucket or container. Nothing is sent yet: a place that does not answer is found by the first call.
pub(super) fn open(kind: Kind, bucket: &str, options: &DestinationOptions) -> Result<Arc<dyn Storage>> {
    if let Some(endpoint) = &options.endpoint {
        check_endpoint(endpoint)?;
    }
    let mut credentials = match &options.credentials {
        CredentialSource::Environment => Credentials::from_environment(),
        CredentialSource::File(path) => Credentials::from_file(path)?,
        CredentialSource::Given(credentials) => credentials.clone(),
    };
    if kind == Kind::S3 {
        super::profile::add(&mut credentials)?;
    }
    let redaction = Arc::new(Redaction::of(credentials.secrets()));
    let ends = match kind {
        Kind::S3 => s3::ends(bucket, options, &credentials, &redaction)?,
        Kind::Gcs => gcs::ends(bucket, options, &credentials, &redaction)?,
        _ => azure::ends(bucket, options, &credentials, &redaction)?,
    };
    let storage = ObjectStorage::new(ends.reader, kind).with_redaction(redaction);
    Ok(Arc::new(match ends.writer {
        Some(writer) => storage.with_writer(writer),
        None => storage,
    }))
}

/// The two ends of a place.
struct Ends {
    reader: Arc<dyn ObjectStore>,
    /// `None`: writes go the same way.
    writer: Option<Arc<dyn Writer>>,
}

/// A client for writes that never changes.
#[derive(Debug)]
struct FixedWriter(Arc<dyn ObjectStore>);

impl Writer for FixedWriter {
    fn store(&self) -> StorageResult<Arc<dyn ObjectStore>> {
        Ok(Arc::clone(&self.0))
    }
}

/// An endpoint is told in messages, so it holds no password.
fn check_endpoint(endpoint: &str) -> Result<()> {
    let host = endpoint.strip_prefix("https://").or_else(|| endpoint.strip_prefix("http://"));
    if host.is_some_and(|host| !host.is_empty() && !host.contains(['@', '?', '#', ' '])) {
        return Ok(());
    }
    let message = "the endpoint of a destination begins with https:// or http:// and has no user name, password, \
                   query or fragment";
    Err(Error::start(StartError::Url, message))
}

fn client_options(timeouts: &Timeouts, endpoint: Option<&str>, headers: HeaderMap) -> ClientOptions {
    ClientOptions::new()
        .with_connect_timeout(timeouts.connect)
        .with_timeout(timeouts.request)
        .with_pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
        .with_allow_http(endpoint.is_some_and(|endpoint| endpoint.starts_with("http://")))
        .with_default_headers(headers)
}

fn retry_config(timeouts: &Timeouts) -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig { max_backoff: timeouts.retry / 4, ..BackoffConfig::default() },
        max_retries: RETRIES_MAX,
        retry_timeout: timeouts.retry,
    }
}

/// The client library's refusal, without what it may quote.
fn refused(error: &object_store::Error, redaction: &Redaction) -> Error {
    Error::start(StartError::Client, format!("the destination cannot be used: {}", redaction.text(error)))
}
