//! The last run and what the destinations said in it, for whoever wants to know later.

use archive::Destination;
use event::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Expected, Row, Table};

use super::ArchiveReport;
use crate::actor::Actor;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result, corrupt_row};
use crate::ledger::Ledger;

/// The row of the last run.
const LAST_RUN_KEY: &str = "archive";

/// How a run ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunResult {
    /// It came to its end.
    #[default]
    Completed,
    /// It stopped; what was not proven is still hot, and the next run goes on.
    Failed,
    /// Retention is frozen.
    Frozen,
}

/// The last run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRun {
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// How.
    #[serde(default)]
    pub result: RunResult,
    /// Why it did not come to its end, with the causes.
    pub error: Option<String>,
    /// Who asked for it; `None` is the schedule.
    #[serde(default)]
    pub by: Option<String>,
    /// What it did, also where it did not come to its end.
    #[serde(default)]
    pub report: ArchiveReport,
    /// What is known of each destination.
    #[serde(default)]
    pub destinations: Vec<DestinationState>,
}

/// What is known of a destination.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestinationState {
    /// Its name.
    pub name: String,
    /// When it last confirmed all of a batch.
    pub confirmed_at: Option<Timestamp>,
    /// What went wrong there since.
    pub error: Option<DestinationError>,
}

/// What went wrong at a destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestinationError {
    /// When.
    pub at: Timestamp,
    /// The object it was about, relative to the destination, where it was about one.
    pub object: Option<String>,
    /// Why.
    pub reason: String,
}

impl Ledger {
    /// The last archive run.
    pub async fn last_archive_run(&self) -> Result<Option<LastRun>> {
        let Some(body) = self.row_body(Table::TaskRun, LAST_RUN_KEY).await? else { return Ok(None) };
        serde_json::from_str(&body).map(Some).map_err(|error| corrupt_row("task_run", LAST_RUN_KEY, error))
    }

    /// What is known of each destination that is configured.
    pub(crate) fn destination_states(&self, last: Option<&LastRun>) -> Vec<DestinationState> {
        let known = |destination: &Destination| {
            let mut states = last.into_iter().flat_map(|last| &last.destinations);
            let new =
                || DestinationState { name: destination.name().to_owned(), ..DestinationState::default() };
            states.find(|state| state.name == destination.name()).cloned().unwrap_or_else(new)
        };
        self.inner.destinations.iter().map(known).collect()
    }
}

impl Engine {
    /// Notes a run as the last. What a run did stands in the ledger; should this fail, only the note is missing.
    pub(super) async fn note_run(
        &self,
        started_at: Timestamp,
        by: Option<&Actor>,
        outcome: &Result<()>,
        report: &ArchiveReport,
    ) {
        if let Err(error) = self.put_last_run(started_at, by, outcome, report).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the archive run could not be noted");
        }
    }

    async fn put_last_run(
        &self,
        started_at: Timestamp,
        by: Option<&Actor>,
        outcome: &Result<()>,
        report: &ArchiveReport,
    ) -> Result<()> {
        let ledger = self.ledger();
        let ended_at = ledger.now();
        let earlier = ledger.last_archive_run().await.unwrap_or_default();
        let mut destinations = ledger.destination_states(earlier.as_ref());
        let error = outcome.as_ref().err();
        for state in &mut destinations {
            let place = error.and_then(Error::place).filter(|place| place.destination == state.name);
            if let (Some(place), Some(error)) = (place, error) {
                let reason = error.with_causes();
                state.error = Some(DestinationError { at: ended_at, object: place.object.clone(), reason });
            } else if error.is_none() && report.batches > 0 {
                (state.confirmed_at, state.error) = (Some(ended_at), None);
            }
        }
        let last = LastRun {
            started_at,
            ended_at,
            result: RunResult::of(outcome),
            error: error.map(Error::with_causes),
            by: by.map(ToString::to_string),
            report: report.clone(),
            destinations,
        };
        let body = serde_json::to_string(&last)
            .map_err(|error| Error::with_source(ErrorKind::Internal, "a run cannot be written", error))?;
        let row = Row { key: LAST_RUN_KEY.into(), body };
        Ok(ledger.store().put_transient(Table::TaskRun, row, Expected::Anything).await?)
    }
}

impl RunResult {
    fn of(outcome: &Result<()>) -> Self {
        match outcome {
            Ok(()) => Self::Completed,
            Err(error) if error.kind() == ErrorKind::Refused => Self::Frozen,
            Err(_) => Self::Failed,
        }
    }
}
