//! Google Cloud Storage, through its XML API.

use std::sync::Arc;

use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::{HeaderMap, HeaderValue};

use super::{Ends, FixedWriter, client_options, refused, retry_config};
use crate::destination::credentials::Credentials;
use crate::destination::options::DestinationOptions;
use crate::destination::redaction::Redaction;
use crate::destination::start_error::StartError;
use crate::error::{Error, Result};

pub(super) fn ends(
    bucket: &str,
    options: &DestinationOptions,
    credentials: &Credentials,
    redaction: &Arc<Redaction>,
) -> Result<Ends> {
    let mut headers = HeaderMap::new();
    if let Some(project) = &options.project {
        headers.insert("x-goog-user-project", header("project", project)?);
    }
    let build = |headers| {
        let built = builder(bucket, options, credentials, headers).build();
        built.map_err(|error| refused(&error, redaction))
    };
    let reader = Arc::new(build(headers.clone())?);
    let writer = match &options.kms_key {
        // On writes only: which key an object has is the server's knowledge when it is read.
        Some(key) => {
            headers.insert("x-goog-encryption-kms-key-name", header("kms_key", key)?);
            Some(Arc::new(FixedWriter(Arc::new(build(headers)?))) as _)
        }
        None => None,
    };
    Ok(Ends { reader, writer })
}

fn builder(
    bucket: &str,
    options: &DestinationOptions,
    credentials: &Credentials,
    headers: HeaderMap,
) -> GoogleCloudStorageBuilder {
    let endpoint = options.endpoint.as_deref();
    let mut builder = GoogleCloudStorageBuilder::new()
        .with_bucket_name(bucket)
        .with_client_options(client_options(&options.timeouts, endpoint, headers))
        .with_retry(retry_config(&options.timeouts));
    if let Some(endpoint) = endpoint {
        builder = builder.with_base_url(endpoint.trim_end_matches('/'));
    }
    if let Some(path) = credentials.value("GOOGLE_APPLICATION_CREDENTIALS") {
        builder = builder.with_application_credentials(path);
    }
    if let Some(key) = credentials.value("GOOGLE_SERVICE_ACCOUNT_KEY") {
        builder = builder.with_config(GoogleConfigKey::ServiceAccountKey, key);
    }
    if let Some(token) = credentials.value("GOOGLE_BEARER_TOKEN") {
        builder = builder.with_bearer_token(token);
    }
    builder
}

fn header(setting: &str, value: &str) -> Result<HeaderValue> {
    HeaderValue::from_str(value).map_err(|_| {
        Error::start(StartError::Encryption, format!("`{setting}` holds what no request can carry"))
    })
}
