//! This machine's clock against those of the destinations.

use archive::ProbeReport;

use super::diagnosis::Diagnosis;

const ABOUT: &str = "clock";
const CHECK: &str = "clock-skew";

/// Seconds that may lie between two clocks that are kept in step; servers tell whole seconds only.
const SKEW_SECONDS_MAX: i64 = 5;
/// Seconds from which on archive runs would go by a wrong time.
const WRONG_SECONDS: i64 = 300;

pub(super) fn check(reports: &[ProbeReport], diagnosis: &mut Diagnosis) {
    const SYNCHRONISE: &str =
        "synchronise this machine's clock (NTP); if it is right, look at the destination's";
    let far_away: Vec<&ProbeReport> = reports.iter().filter(|report| report.kind != "file").collect();
    let skews = far_away.iter().filter_map(|report| Some((report.destination.as_str(), skew(report)?)));
    let Some((destination, seconds)) = skews.max_by_key(|(_, seconds)| seconds.abs()) else {
        let message =
            "no destination tells the time, so there is nothing to compare this machine's clock with";
        return diagnosis.unknown(ABOUT, CHECK, message, "see to it that NTP keeps the clock right");
    };
    let way = if seconds < 0 { "behind" } else { "ahead of" };
    let message = format!("the clock of archive {destination} is {} s {way} this machine's", seconds.abs());
    if seconds.abs() >= WRONG_SECONDS {
        diagnosis.fail(ABOUT, CHECK, message, SYNCHRONISE);
    } else if seconds.abs() > SKEW_SECONDS_MAX {
        diagnosis.warn(ABOUT, CHECK, message, SYNCHRONISE);
    } else {
        diagnosis.pass(ABOUT, CHECK, message);
    }
}

/// How far the server's clock is outside the time that the request took; nothing where it is within.
fn skew(report: &ProbeReport) -> Option<i64> {
    let (before, there, after) = report.clock?;
    let (since_before, since_after) =
        (archive::skew_seconds(before, there), archive::skew_seconds(after, there));
    // It tells whole seconds: up to one less than it is.
    Some(if since_before < -1 { since_before + 1 } else { since_after.max(0) })
}
