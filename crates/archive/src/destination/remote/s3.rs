//! Amazon S3, and what speaks its protocol.

use std::sync::Arc;

use event::Timestamp;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey, Checksum, S3ConditionalPut};
use object_store::{HeaderMap, HeaderValue};

use super::daily_writer::{DailyWriter, MICROS_PER_DAY};
use super::{Ends, client_options, refused, retry_config};
use crate::destination::credentials::Credentials;
use crate::destination::options::{DestinationOptions, Encryption, LockMode, ObjectLock};
use crate::destination::redaction::Redaction;
use crate::destination::start_error::StartError;
use crate::error::{Error, Result};

/// What servers that have no regions are told.
const REGION_OF_OTHERS: &str = "us-east-1";

/// Credentials by their name here and in the client library.
const KEYS: [(&str, AmazonS3ConfigKey); 11] = [
    ("AWS_ACCESS_KEY_ID", AmazonS3ConfigKey::AccessKeyId),
    ("AWS_SECRET_ACCESS_KEY", AmazonS3ConfigKey::SecretAccessKey),
    ("AWS_SESSION_TOKEN", AmazonS3ConfigKey::Token),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", AmazonS3ConfigKey::WebIdentityTokenFile),
    ("AWS_ROLE_ARN", AmazonS3ConfigKey::RoleArn),
    ("AWS_ROLE_SESSION_NAME", AmazonS3ConfigKey::RoleSessionName),
    ("AWS_ENDPOINT_URL_STS", AmazonS3ConfigKey::StsEndpoint),
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", AmazonS3ConfigKey::ContainerCredentialsRelativeUri),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", AmazonS3ConfigKey::ContainerCredentialsFullUri),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", AmazonS3ConfigKey::ContainerAuthorizationTokenFile),
    ("AWS_REGION", AmazonS3ConfigKey::Region),
];

pub(super) fn ends(
    bucket: &str,
    options: &DestinationOptions,
    credentials: &Credentials,
    redaction: &Arc<Redaction>,
) -> Result<Ends> {
    check_credentials(credentials)?;
    let reader = builder(bucket, options, credentials, redaction, HeaderMap::new())?
        .build()
        .map_err(|error| refused(&error, redaction))?;
    let writer = match options.object_lock {
        Some(lock) => Some(locking(lock, &reader, bucket, options, credentials, redaction)?),
        None => None,
    };
    Ok(Ends { reader: Arc::new(reader), writer })
}

fn builder(
    bucket: &str,
    options: &DestinationOptions,
    credentials: &Credentials,
    redaction: &Redaction,
    headers: HeaderMap,
) -> Result<AmazonS3Builder> {
    let value = |name| credentials.value(name);
    let endpoint = options
        .endpoint
        .as_deref()
        .or_else(|| value("AWS_ENDPOINT_URL_S3"))
        .or_else(|| value("AWS_ENDPOINT_URL"));
    if let Some(endpoint) = endpoint {
        super::check_endpoint(endpoint)?;
    }
    let region = options
        .region
        .as_deref()
        .or_else(|| value("AWS_REGION"))
        .or_else(|| value("AWS_DEFAULT_REGION"))
        .or(endpoint.map(|_| REGION_OF_OTHERS));
    let region = region.ok_or_else(|| {
        let message = format!("the region of the bucket {bucket} is not known: set `region`, or AWS_REGION");
        Error::start(StartError::Region, message)
    })?;
    let mut builder = AmazonS3Builder::new();
    for (name, key) in KEYS {
        if let Some(value) = value(name) {
            builder = builder.with_config(key, value);
        }
    }
    // The checksum is computed here and compared there: what was damaged on the way is not stored.
    builder = builder
        .with_bucket_name(bucket)
        .with_region(region)
        .with_client_options(client_options(&options.timeouts, endpoint, headers))
        .with_retry(retry_config(&options.timeouts))
        .with_checksum_algorithm(Checksum::SHA256)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_disable_bulk_delete(true);
    let path_style = options.path_style.unwrap_or(endpoint.is_some());
    builder = builder.with_virtual_hosted_style_request(!path_style);
    if let Some(endpoint) = endpoint {
        // With the bucket in the host, the client library takes the endpoint as it is.
        let endpoint = if path_style { endpoint.to_owned() } else { with_bucket(endpoint, bucket) };
        builder = builder.with_endpoint(endpoint.trim_end_matches('/'));
    }
    encrypted(builder, options, redaction)
}

fn encrypted(
    builder: AmazonS3Builder,
    options: &DestinationOptions,
    redaction: &Redaction,
) -> Result<AmazonS3Builder> {
    match (options.encryption, &options.kms_key) {
        (Encryption::BucketDefault, None) => Ok(builder),
        (Encryption::S3, None) => {
            let key: AmazonS3ConfigKey =
                "aws_server_side_encryption".parse().map_err(|error| refused(&error, redaction))?;
            Ok(builder.with_config(key, "AES256"))
        }
        (Encryption::Kms, Some(key)) => Ok(builder.with_sse_kms_encryption(key)),
        (Encryption::Kms, None) => {
            Err(Error::start(StartError::Encryption, "sse = \"kms\" needs `kms_key`: the key's id or ARN"))
        }
        (_, Some(_)) => Err(Error::start(StartError::Encryption, "`kms_key` goes only with sse = \"kms\"")),
    }
}

/// `https://host:port` as `https://bucket.host:port`.
fn with_bucket(endpoint: &str, bucket: &str) -> String {
    match endpoint.split_once("://") {
        Some((scheme, host)) => format!("{scheme}://{bucket}.{host}"),
        None => endpoint.to_owned(),
    }
}

fn check_credentials(credentials: &Credentials) -> Result<()> {
    let pair = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    let given = pair.map(|name| credentials.value(name).is_some());
    if given[0] == given[1] {
        return Ok(());
    }
    let [there, missing] = if given[0] { pair } else { [pair[1], pair[0]] };
    Err(Error::start(StartError::Credentials, format!("{there} is given without {missing}")))
}

/// Default headers go with every request of a client, and a server refuses lock headers on a read; so writes have a
/// client of their own. The lock's end moves, so that client is made anew every day.
fn locking(
    lock: ObjectLock,
    reader: &AmazonS3,
    bucket: &str,
    options: &DestinationOptions,
    credentials: &Credentials,
    redaction: &Arc<Redaction>,
) -> Result<Arc<dyn super::Writer>> {
    // One provider for both: tokens that a role gives out are fetched once.
    let provider = Arc::clone(reader.credentials());
    let (bucket, options) = (bucket.to_owned(), options.clone());
    let (credentials, redaction) = (credentials.clone(), Arc::clone(redaction));
    let build = move |day: i64| {
        let builder = builder(&bucket, &options, &credentials, &redaction, lock_headers(lock, day)?)?;
        let store = builder.with_credentials(Arc::clone(&provider)).build();
        Ok(Arc::new(store.map_err(|error| refused(&error, &redaction))?) as _)
    };
    Ok(Arc::new(DailyWriter::new(Box::new(build))?))
}

/// The headers of a lock that is set on a day, counted from 1970-01-01: until the first midnight that is at least the
/// lock's days away from any time on it.
fn lock_headers(lock: ObjectLock, day: i64) -> Result<HeaderMap> {
    let mode = match lock.mode {
        LockMode::Governance => "GOVERNANCE",
        LockMode::Compliance => "COMPLIANCE",
    };
    let invalid = || Error::start(StartError::Client, "an object lock that ends at no date");
    let end = day.checked_add(i64::from(lock.days)).and_then(|day| day.checked_add(1));
    let end = end.and_then(|day| day.checked_mul(MICROS_PER_DAY)).ok_or_else(invalid)?;
    let end = Timestamp::from_micros(end).ok_or_else(invalid)?.to_string();
    let mut headers = HeaderMap::new();
    headers.insert("x-amz-object-lock-mode", HeaderValue::from_static(mode));
    let until = HeaderValue::from_str(&end).map_err(|_| invalid())?;
    headers.insert("x-amz-object-lock-retain-until-date", until);
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_lasts_its_days_from_any_time_on_the_day() {
        let lock = ObjectLock { mode: LockMode::Compliance, days: 1_095 };
        // 2026-11-22
        let headers = lock_headers(lock, 20_779).unwrap();
        assert_eq!(headers["x-amz-object-lock-mode"], "COMPLIANCE");
        assert_eq!(headers["x-amz-object-lock-retain-until-date"], "2029-11-22T00:00:00.000000Z");
    }
}
