//! `GET /v1/audit/verify`: the last report. `POST`: verify now.

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use engine::{Finding, NoProgress, VerifyOptions};
use event::{Timestamp, Violation, rule};
use serde::Serialize;

use crate::answer::{Answer, json};
use crate::failure::Failure;
use crate::query;
use crate::routes::App;

pub(crate) async fn last(State(app): State<App>, uri: Uri) -> Answer {
    query::refuse_unknown(&query::pairs(&uri)?, "")?;
    let ledger = app.engine.ledger();
    match ledger.last_verification().await? {
        Some(report) => json(StatusCode::OK, &report),
        None => json(StatusCode::OK, &NeverVerified { tree_size: ledger.tree_size(), ..Default::default() }),
    }
}

/// The members of a `VerifyReport`, in its order, of a ledger that nobody has verified. What nobody has looked at is
/// `null`, because `false` and 0 would be findings; counts of what was checked are 0, and lists stay lists.
#[derive(Default, Serialize)]
struct NeverVerified {
    ok: Option<bool>,
    full: Option<bool>,
    tree_size: u64,
    signed_size: Option<u64>,
    oldest_hot_seq: Option<u64>,
    highest_archived_seq: Option<u64>,
    discarded: u64,
    entries_checked: u64,
    archived_checked: u64,
    archived_unread: u64,
    expired: u64,
    verified_at: Option<Timestamp>,
    last_full_verified_at: Option<Timestamp>,
    problems: Vec<Finding>,
    warnings: Vec<Finding>,
}

pub(crate) async fn run(State(app): State<App>, uri: Uri) -> Answer {
    let options = options(&uri)?;
    let Ok(_one_at_a_time) = app.verifying.try_lock() else {
        return Err(Failure::new(
            StatusCode::CONFLICT,
            "verification_running",
            "a verification is running: its report will be at GET /v1/audit/verify",
        ));
    };
    // On the heap: its state is many times what every other request needs.
    let report = Box::pin(app.engine.verify(&options, &NoProgress)).await?;
    json(StatusCode::OK, &report)
}

fn options(uri: &Uri) -> Result<VerifyOptions, Failure> {
    let mut pairs = query::pairs(uri)?;
    let given: Vec<String> =
        pairs.extract_if(.., |(name, _)| name == "full").map(|(_, value)| value).collect();
    query::refuse_unknown(&pairs, "full")?;
    match given.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] | ["false"] => Ok(VerifyOptions { full: false }),
        ["true"] => Ok(VerifyOptions { full: true }),
        _ => Err(Failure::query(vec![Violation::new("full", rule::CHOICE, "is true or false, given once")])),
    }
}
