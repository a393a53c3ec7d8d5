//! Numbers that the store and the disk have to be asked for: within a bound of time, and not for every caller.

use std::time::Duration;

use engine::Upkeep;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::machine::Disk;
use crate::routes::App;

/// How long an answer is used again.
const KEPT: Duration = Duration::from_secs(5);

/// Metrics have to come also when the store hangs, and then above all.
const ASKING_TIME_MAX: Duration = Duration::from_secs(2);

/// What was found; what could not be found is left out of the metrics.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    pub(super) upkeep: Option<Upkeep>,
    pub(super) disk: Option<Disk>,
}

/// The last answer.
#[derive(Debug, Default)]
pub(crate) struct Slow {
    last: Mutex<Option<(Instant, Found)>>,
}

impl Slow {
    /// The numbers, at most five seconds old. Callers at the same time wait for one answer.
    pub(super) async fn read(&self, app: &App) -> Found {
        let mut last = self.last.lock().await;
        if let Some((at, found)) = last.as_ref()
            && at.elapsed() < KEPT
        {
            return found.clone();
        }
        let (upkeep, disk) = tokio::join!(upkeep(app), disk(app));
        let found = Found { upkeep, disk };
        *last = Some((Instant::now(), found.clone()));
        found
    }
}

async fn upkeep(app: &App) -> Option<Upkeep> {
    match timeout(ASKING_TIME_MAX, app.engine.upkeep()).await {
        Ok(Ok(upkeep)) => Some(upkeep),
        Ok(Err(error)) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "metrics: the store could not be asked");
            None
        }
        Err(_) => {
            tracing::warn!("metrics: the store did not answer in time");
            None
        }
    }
}

async fn disk(app: &App) -> Option<Disk> {
    let directory = app.watch.data_directory.clone()?;
    let asking = tokio::task::spawn_blocking(move || Disk::holding(&directory));
    match timeout(ASKING_TIME_MAX, asking).await {
        Ok(Ok(Ok(disk))) => Some(disk),
        Ok(Ok(Err(error))) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "metrics: the disk could not be asked");
            None
        }
        Ok(Err(_)) | Err(_) => {
            tracing::warn!("metrics: the disk did not answer in time");
            None
        }
    }
}
