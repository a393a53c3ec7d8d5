//! `GET /readyz`: whether an event would be taken in now. Shown by doing it: a row is written durably, by the commits
//! that entries go through, at most once a second whoever asks.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::Response;
use engine::{Engine, ErrorKind};
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use crate::answer::json;
use crate::failure::Failure;
use crate::routes::App;

/// How long what a write showed is believed.
const BELIEVED: Duration = Duration::from_secs(1);

/// How long a write may take before the server counts as not ready.
const WRITE_TIME_MAX: Duration = Duration::from_secs(5);

/// Seconds after which a caller may ask again.
const RETRY_AFTER_SECONDS: u16 = 1;

/// What one look found. Fixed texts: whoever may ask this may not know anything about the ledger.
#[derive(Clone, Copy, Debug, Serialize, PartialEq, Eq)]
#[serde(tag = "state", content = "message", rename_all = "lowercase")]
pub(crate) enum Check {
    Ok,
    /// Somebody should look; events are taken all the same.
    Warning(&'static str),
    /// Events are not taken, or not as they have to be.
    Failed(&'static str),
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Checks {
    write: Check,
    engine: Check,
    signing: Check,
    clock: Check,
    archive: Check,
    stopping: Check,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Ready {
    ok: bool,
    checks: Checks,
}

/// The last write, and the one that is under way.
#[derive(Debug, Default)]
pub(crate) struct Readiness {
    probe: Mutex<Probe>,
}

#[derive(Debug, Default)]
struct Probe {
    /// Outlives the request that began it, so that impatient callers do not pile writes up.
    under_way: Option<JoinHandle<Check>>,
    seen: Option<(Instant, Check)>,
}

impl Readiness {
    /// What a durable write says, by one at most a second old. Callers at the same time share one write.
    async fn write(&self, engine: &Engine) -> Check {
        let mut probe = self.probe.lock().await;
        if let Some((at, check)) = probe.seen
            && at.elapsed() < BELIEVED
        {
            return check;
        }
        let writing = probe.under_way.get_or_insert_with(|| {
            let engine = engine.clone();
            tokio::spawn(async move { check_of(engine.write_readiness().await) })
        });
        let check = match timeout(WRITE_TIME_MAX, writing).await {
            Ok(ended) => {
                probe.under_way = None;
                ended.unwrap_or(Check::Failed("the write was interrupted"))
            }
            Err(_) => Check::Failed("a write has not ended within 5 seconds"),
        };
        probe.seen = Some((Instant::now(), check));
        check
    }
}

fn check_of(written: engine::Result<()>) -> Check {
    let Err(error) = written else { return Check::Ok };
    tracing::warn!(error = &error as &dyn std::error::Error, "the readiness row could not be written");
    Check::Failed(match error.kind() {
        ErrorKind::DiskFull => "the disk is full",
        ErrorKind::Overloaded => "too much waits to be written",
        ErrorKind::OutcomeUnknown => "whether the write is durable is not known",
        _ => "the store takes no writes",
    })
}

pub(crate) async fn ready(State(app): State<App>) -> Result<Response, Failure> {
    let write = app.watch.readiness.write(&app.engine).await;
    let state = app.engine.state();
    let failed = |is_so: bool, message| if is_so { Check::Failed(message) } else { Check::Ok };
    let checks = Checks {
        write,
        engine: failed(state.failed.is_some(), "the ledger has to be started again: see the log"),
        signing: failed(state.signing_stopped.is_some(), "nothing is signed any more: see the log"),
        clock: match state.clock_in_doubt {
            // Events are taken whatever the clock says, so a node is not taken out of service for it.
            Some(_) => Check::Warning("the clock is in doubt, archive runs wait: see the log"),
            None => Check::Ok,
        },
        archive: if app.engine.ledger().unproven_destinations().await.is_empty() {
            Check::Ok
        } else {
            Check::Warning("an archive destination breaks a promise and is used: run strongroom doctor")
        },
        stopping: failed(app.watch.stopping.load(Ordering::Relaxed), "the server is stopping"),
    };
    let all = [checks.write, checks.engine, checks.signing, checks.clock, checks.archive, checks.stopping];
    let ok = !all.iter().any(|check| matches!(check, Check::Failed(_)));
    let status = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut response = json(status, &Ready { ok, checks })?;
    if !ok {
        response.headers_mut().insert(RETRY_AFTER, RETRY_AFTER_SECONDS.into());
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_says_its_state_and_what_to_do() {
        let text = |check| serde_json::to_string(&check).unwrap();
        assert_eq!(text(Check::Ok), r#"{"state":"ok"}"#);
        assert_eq!(text(Check::Failed("x")), r#"{"state":"failed","message":"x"}"#);
    }
}
