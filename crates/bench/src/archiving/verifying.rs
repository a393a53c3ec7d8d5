//! Verification: of the hot ledger, and of its archive offline.

use engine::{NoProgress, VerifyOptions};
use merkle::KeyRing;

use crate::Failure;
use crate::measurement::{Measurement, Stopwatch};
use crate::step::StepCall;
use crate::subject::Subject;

/// The hot ledger, as `verify` checks it.
pub(crate) async fn hot(call: &StepCall, full: bool) -> Result<Measurement, Failure> {
    let ledger = Subject::of(&call.directory)?.reader().await?;
    let stopwatch = Stopwatch::start();
    // Boxed because it is large, and what awaits it here would be as large.
    let report = Box::pin(ledger.verify(&VerifyOptions { full }, &NoProgress)).await?;
    let measurement = stopwatch.stop(report.entries_checked);
    if !report.ok || report.entries_checked < call.entries {
        return Err(format!("the ledger does not verify: {report:?}").into());
    }
    Ok(measurement)
}

/// The archive, from nothing but its files and the public key.
pub(crate) async fn offline(call: &StepCall) -> Result<Measurement, Failure> {
    let subject = Subject::of(&call.directory)?;
    let (destination, keys) = (subject.destination()?, KeyRing::single(subject.signer().verifier()));
    let stopwatch = Stopwatch::start();
    let report = archive::verify(&destination, &keys, &archive::VerifyOptions::default(), &()).await?;
    let measurement = stopwatch.stop(report.entries);
    if !report.ok || report.entries < call.entries {
        return Err(format!("the archive does not verify: {report:?}").into());
    }
    Ok(measurement)
}
