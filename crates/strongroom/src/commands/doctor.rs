mod clock;
mod diagnosis;
mod place;

use archive::{Destination, Kind, ProbeReport};
use event::RetainDays;
use futures::future::join_all;
use settings::Settings;

use crate::arguments::Global;
use crate::configuration::Configuration;
use crate::failure::{Exit, Failure};
use crate::ledger_access::destinations_for_reading;
use crate::output::Output;
use diagnosis::Diagnosis;

/// Looks at everything around the ledger that can be wrong, changes nothing but probe objects of its own, and says what
/// to do.
pub(super) async fn run(global: &Global) -> Result<Exit, Failure> {
    let configuration = Configuration::load(global, Vec::new())?;
    configuration.directory.require_ledger()?;
    let mut diagnosis = Diagnosis::default();
    place::check(&configuration.directory, &mut diagnosis);
    let mut reports = Vec::new();
    match destinations_for_reading(&configuration) {
        Ok(destinations) => {
            let retain_days_max = retain_days_max(&configuration.settings);
            reports = join_all(destinations.iter().map(|place| examine(place, retain_days_max))).await;
        }
        Err(failure) => {
            let message = failure.to_string().replace('\n', " ");
            diagnosis.fail(
                "archive",
                "destination",
                message,
                "correct the [[archive]] section of the settings",
            );
        }
    }
    clock::check(&reports, &mut diagnosis);
    for report in reports {
        diagnosis.take(report);
    }
    diagnosis.print(global, &mut Output::new())?;
    Ok(if diagnosis.found_something() { Exit::Found } else { Exit::Done })
}

/// A directory is always deletable by its owner and has nothing to inspect, so it is only probed.
async fn examine(destination: &Destination, retain_days_max: Option<u32>) -> ProbeReport {
    let mut report = archive::probe(destination).await;
    if !matches!(destination.kind(), Kind::File | Kind::Null) {
        report.findings.extend(archive::inspect(destination, retain_days_max).await.findings);
    }
    report
}

/// The longest that an entry of any stream is to be kept; `None` is for ever.
fn retain_days_max(settings: &Settings) -> Option<u32> {
    let streams = [&settings.streams.audit, &settings.streams.discovery, &settings.streams.tool];
    let days = streams.map(|stream| match stream.retain_days {
        RetainDays::Never => None,
        RetainDays::Days(days) => Some(days),
    });
    days.into_iter().collect::<Option<Vec<u32>>>()?.into_iter().max()
}
