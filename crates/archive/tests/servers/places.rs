//! The servers' buckets as destinations.

use std::sync::OnceLock;
use std::time::Duration;

use archive::{CredentialSource, Credentials, Destination, DestinationOptions, Timeouts};
use testservers::{Container, GcsBucket, GcsDouble, S3Bucket};

/// Short enough for a test that waits for the end of patience.
pub(crate) fn impatient() -> Timeouts {
    Timeouts {
        connect: Duration::from_secs(2),
        request: Duration::from_millis(1_500),
        retry: Duration::from_millis(500),
    }
}

pub(crate) fn credentials(pairs: &[(&str, &str)]) -> CredentialSource {
    CredentialSource::Given(Credentials::from_pairs(pairs.iter().copied()).unwrap())
}

pub(crate) fn s3(bucket: &S3Bucket) -> DestinationOptions {
    DestinationOptions {
        endpoint: Some(bucket.endpoint().to_owned()),
        region: Some(bucket.region().to_owned()),
        credentials: credentials(&[
            ("AWS_ACCESS_KEY_ID", bucket.access_key_id()),
            ("AWS_SECRET_ACCESS_KEY", bucket.secret_access_key()),
        ]),
        ..DestinationOptions::new(&format!("{}/some/prefix", bucket.url()))
    }
}

pub(crate) fn azure(container: &Container) -> DestinationOptions {
    DestinationOptions {
        endpoint: Some(container.endpoint().to_owned()),
        credentials: credentials(&[
            ("AZURE_STORAGE_ACCOUNT_NAME", container.account()),
            ("AZURE_STORAGE_ACCOUNT_KEY", container.access_key()),
        ]),
        ..DestinationOptions::new(&format!("{}/some/prefix", container.url()))
    }
}

pub(crate) fn gcs(bucket: &GcsBucket) -> DestinationOptions {
    DestinationOptions {
        endpoint: Some(bucket.endpoint().to_owned()),
        credentials: credentials(&[("GOOGLE_BEARER_TOKEN", bucket.bearer_token())]),
        ..DestinationOptions::new(&format!("{}/some/prefix", bucket.url()))
    }
}

pub(crate) fn open(options: &DestinationOptions) -> Destination {
    Destination::open_with("far", options).unwrap()
}

/// The one double of this test program.
pub(crate) fn gcs_double() -> &'static GcsDouble {
    static DOUBLE: OnceLock<GcsDouble> = OnceLock::new();
    DOUBLE.get_or_init(GcsDouble::start)
}
