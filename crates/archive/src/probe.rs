//! What a destination promises, tried out: real servers say yes to what they do not do.
//!
//! Create-only is tried one after the other and at the same time; what was written is read back, found in a listing, and
//! carries the lock and the encryption that were asked for; deleting it is tried, because the credentials that archive
//! should not be able to. It takes about a dozen requests and leaves two objects of less than 100 bytes under `probe/`
//! where they cannot be deleted.

mod behaviour;
mod bucket;
mod document;
mod finding;
mod inspector;
mod object;
mod proof;

use event::Timestamp;

use crate::destination::{Destination, Kind};
pub use finding::{Finding, ProbeReport, Verdict};
pub(crate) use inspector::{Inspector, Signer};
pub(crate) use proof::Proof;

/// Where the objects of probes are. Verification does not look there.
pub const PROBE_DIRECTORY: &str = "probe/";

/// Tries out what the destination promises. It never fails: what could not be tried is a finding, too.
pub async fn probe(destination: &Destination) -> ProbeReport {
    let mut report = ProbeReport::new(destination.name(), destination.kind());
    if destination.is_null() {
        return report;
    }
    let written = behaviour::check(destination, &mut report).await;
    if let Some(key) = &written
        && let Some(inspector) = destination.inspector()
    {
        object::check(inspector, key, &mut report).await;
    }
    if let Some(key) = written {
        behaviour::check_deletion(destination, &key, &mut report).await;
    }
    report
}

/// Looks at how the bucket is set up, against what the settings say: `retain_days_max` is the longest time in days that
/// an entry is to be kept, `None` is for ever. Nothing is written.
pub async fn inspect(destination: &Destination, retain_days_max: Option<u32>) -> ProbeReport {
    let mut report = ProbeReport::new(destination.name(), destination.kind());
    if let Some(inspector) = destination.inspector() {
        match destination.kind() {
            Kind::S3 => bucket::s3(inspector, retain_days_max, &mut report).await,
            Kind::Gcs => bucket::gcs(inspector, retain_days_max, &mut report).await,
            Kind::Azure => bucket::azure(inspector, &mut report).await,
            Kind::File | Kind::Null | Kind::Other => {}
        }
    }
    report
}

/// The difference between two clocks in seconds, rounded towards zero; positive where `there` is ahead.
pub fn skew_seconds(here: Timestamp, there: Timestamp) -> i64 {
    (there.micros() - here.micros()) / 1_000_000
}
