//! Destinations on test servers.

use archive::{
    CredentialSource, Credentials, Destination, DestinationOptions, ProbeReport, Timeouts, Verdict,
};
use std::time::Duration;
use testservers::{Container, GcsBucket, S3Bucket};

/// Every finding as `check verdict`, in order.
pub(crate) fn findings(report: &ProbeReport) -> Vec<String> {
    let verdict = |verdict| match verdict {
        Verdict::Pass => "pass",
        Verdict::Warning => "warning",
        Verdict::Fail => "fail",
        Verdict::Unknown => "unknown",
    };
    let findings = report.findings.iter();
    findings.map(|finding| format!("{} {}", finding.check, verdict(finding.verdict))).collect()
}

/// Without the race: `LocalStack` lets several creates of one key win where a bucket keeps versions, and s3s anywhere.
/// Whether a probe hits upon it is chance.
pub(crate) fn without_race(found: Vec<String>) -> Vec<String> {
    found.into_iter().filter(|finding| !finding.starts_with("create-race")).collect()
}

fn options(url: &str, endpoint: &str, credentials: &[(&str, &str)]) -> DestinationOptions {
    DestinationOptions {
        endpoint: Some(endpoint.to_owned()),
        credentials: CredentialSource::Given(Credentials::from_pairs(credentials.iter().copied()).unwrap()),
        timeouts: Timeouts { retry: Duration::ZERO, ..Timeouts::default() },
        ..DestinationOptions::new(&format!("{url}/audit"))
    }
}

pub(crate) fn s3_options(bucket: &S3Bucket) -> DestinationOptions {
    let keys = [
        ("AWS_ACCESS_KEY_ID", bucket.access_key_id()),
        ("AWS_SECRET_ACCESS_KEY", bucket.secret_access_key()),
    ];
    options(&bucket.url(), bucket.endpoint(), &keys)
}

pub(crate) fn s3(bucket: &S3Bucket) -> Destination {
    open(&s3_options(bucket))
}

pub(crate) fn gcs_options(bucket: &GcsBucket) -> DestinationOptions {
    options(&bucket.url(), bucket.endpoint(), &[("GOOGLE_BEARER_TOKEN", bucket.bearer_token())])
}

pub(crate) fn azure(container: &Container) -> Destination {
    let keys = [
        ("AZURE_STORAGE_ACCOUNT_NAME", container.account()),
        ("AZURE_STORAGE_ACCOUNT_KEY", container.access_key()),
    ];
    open(&options(&container.url(), container.endpoint(), &keys))
}

pub(crate) fn open(options: &DestinationOptions) -> Destination {
    Destination::open_with("primary", options).unwrap()
}
