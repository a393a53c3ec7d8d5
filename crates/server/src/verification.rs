//! `GET /v1/audit/verify`: the last report. `POST`: verify now.

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use engine::{NoProgress, VerifyOptions, VerifyReport};
use event::{Violation, rule};
use serde_json::{Value, json};

use crate::answer::{Answer, json};
use crate::failure::Failure;
use crate::query;
use crate::routes::App;

pub(crate) async fn last(State(app): State<App>, uri: Uri) -> Answer {
    query::refuse_unknown(&query::pairs(&uri)?, "")?;
    let ledger = app.engine.ledger();
    if let Some(report) = ledger.last_verification().await? {
        return json(StatusCode::OK, &report);
    }
    // `ok` is neither true nor false as long as nobody has looked.
    let report = VerifyReport { tree_size: ledger.tree_size(), ..VerifyReport::default() };
    let mut unknown = json!(report);
    unknown["ok"] = Value::Null;
    json(StatusCode::OK, &unknown)
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
