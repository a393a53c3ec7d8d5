//! How a bucket is set up, as far as whoever archives may see it.

mod azure;
mod gcs;
mod s3;

pub(super) use azure::check as azure;
pub(super) use gcs::check as gcs;
pub(super) use s3::check as s3;

use super::inspector::Answer;

/// What stands against an answer that is no success.
fn reason(answer: &Answer) -> String {
    match answer.status {
        401 | 403 => "the credentials may not ask".to_owned(),
        405 | 501 => "the server does not know the question".to_owned(),
        status => format!("the server answered {status}"),
    }
}

/// A rule that removes objects after so many days, against how long they are to be kept.
fn is_too_soon(days: u64, retain_days_max: Option<u32>) -> bool {
    retain_days_max.is_none_or(|retain| days < u64::from(retain))
}

/// How long that is, for people.
fn kept_for(retain_days_max: Option<u32>) -> String {
    retain_days_max.map_or("for ever".to_owned(), |days| format!("{days} days"))
}
