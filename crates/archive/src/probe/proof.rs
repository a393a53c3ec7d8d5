//! What a probe found, remembered for as long as the process uses the destination.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::{ProbeReport, probe};
use crate::destination::{Destination, Kind};
use crate::error::{Error, Result};

/// Shared by every clone of a destination.
#[derive(Debug, Default)]
pub(crate) struct Proof(Mutex<Option<Arc<ProbeReport>>>);

impl Destination {
    /// Probes a destination that is far away, once, and remembers what was found; a probe that could not be done to its
    /// end is done again the next time. A directory is believed, and nowhere has nothing to prove.
    ///
    /// [`Error::Unproven`] if the destination breaks a promise, unless it was let in as
    /// [`Destination::accepting_unproven`].
    pub async fn prove(&self) -> Result<Option<Arc<ProbeReport>>> {
        if !matches!(self.kind(), Kind::S3 | Kind::Gcs | Kind::Azure) {
            return Ok(None);
        }
        let mut known = self.proof().0.lock().await;
        let report = if let Some(report) = known.as_ref() {
            Arc::clone(report)
        } else {
            let report = Arc::new(probe(self).await);
            if report.doubt().is_none() || report.refusal().is_some() {
                *known = Some(Arc::clone(&report));
            }
            report
        };
        match report.refusal() {
            Some(reason) if !self.accepts_unproven() => {
                Err(Error::Unproven { destination: self.name().to_owned(), reason })
            }
            _ => Ok(Some(report)),
        }
    }

    /// Why the destination is used although it breaks a promise. `None` where it keeps them, or was not probed yet.
    pub async fn unproven(&self) -> Option<String> {
        self.proof().0.lock().await.as_ref().and_then(|report| report.refusal())
    }
}
