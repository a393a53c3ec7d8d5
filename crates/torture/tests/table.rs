//! Every step of a small workload fails, or fails and was done, and is retried or survived by a restart.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use faultvfs::{Failure, Operation};
use testkit::{Fault, WriteCall};
use torture::{Aftermath, Blow, Struck, Trial};

/// Recovering takes about so many steps of the disk.
const AFTER_MAX: u64 = 40;
/// Every trial of so many is run: neighbouring steps meet each of them in turn.
const AFTER_STRIDE: u64 = 29;
/// Opening again takes so many steps until the database file is whole; each of them is tried.
const OPENING_STEPS: u64 = 10;

fn untroubled() -> Struck {
    Trial { blow: Blow::None, aftermath: Aftermath::Restart, power_cut_after: None }.run().unwrap()
}

/// Runs all of them, on every core; fails with all findings.
fn run_all(trials: &[Trial]) {
    let (next, findings) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, std::num::NonZero::get) {
            scope.spawn(|| {
                while let Some(trial) = trials.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(finding) = trial.run() {
                        findings.lock().unwrap().push(finding.to_string());
                    }
                }
            });
        }
    });
    let findings = findings.into_inner().unwrap();
    assert!(findings.is_empty(), "{} of {}:\n{}", findings.len(), trials.len(), findings.join("\n"));
}

#[test]
fn a1_a_call_of_the_store_that_fails_or_only_seems_to_loses_and_doubles_nothing() {
    let calls = untroubled().calls;
    let mut trials = Vec::new();
    for (call, count) in calls.into_iter().filter(|(call, _)| *call != WriteCall::Recover) {
        // A segment is sealed by the test beside this one.
        assert!(count > 0 || call == WriteCall::Seal, "{call:?} is part of the workload");
        for number in 0..count {
            for fault in Fault::EVERY {
                for aftermath in [Aftermath::Retry, Aftermath::Restart, Aftermath::PowerCut] {
                    trials.push(Trial {
                        blow: Blow::Call(call, number, fault),
                        aftermath,
                        power_cut_after: None,
                    });
                }
            }
        }
    }
    run_all(&trials);
}

#[test]
fn k3_a_disk_that_fails_at_any_step_loses_and_doubles_nothing() {
    let mut trials = Vec::new();
    for (step, operation) in (0..).zip(untroubled().steps) {
        let failures = [Failure::Io, Failure::IoAndForgotten, Failure::IoAfterwards, Failure::FullAfterPart];
        for failure in failures.into_iter().filter(|failure| failure.is_possible_for(operation)) {
            // Each failure meets either aftermath at every other step of its kind.
            let aftermaths = [Aftermath::Retry, Aftermath::PowerCut];
            for aftermath in aftermaths.into_iter().skip(usize::from(step % 2 == 0)).take(1) {
                trials.push(Trial { blow: Blow::Step(step, failure), aftermath, power_cut_after: None });
            }
        }
    }
    run_all(&trials);
}

#[test]
fn k3_a_process_that_ends_at_any_step_of_the_disk_loses_and_doubles_nothing() {
    let steps = untroubled().steps.len() as u64;
    assert!(steps > 100, "{steps}");
    let ends = |aftermath| {
        (0..steps).map(move |step| Trial {
            blow: Blow::Step(step, Failure::End),
            aftermath,
            power_cut_after: None,
        })
    };
    run_all(&ends(Aftermath::Killed).chain(ends(Aftermath::PowerCut)).collect::<Vec<_>>());
}

/// A ledger whose first commit could not be synced did not open any more where the power went while the next process
/// copied the WAL, of which the disk held nothing.
#[test]
fn k3_the_power_may_go_while_a_ledger_opens_after_a_failed_sync() {
    let syncs = (0..).zip(untroubled().steps).filter(|(_, operation)| *operation == Operation::Sync);
    let trials: Vec<Trial> = syncs
        .flat_map(|(step, _)| {
            (1..=OPENING_STEPS).map(move |after| Trial {
                blow: Blow::Step(step, Failure::Io),
                aftermath: Aftermath::Restart,
                power_cut_after: Some(after),
            })
        })
        .collect();
    run_all(&trials);
}

/// After a sync that failed, what is read back is not what the disk holds. Nothing may be built on it before it is
/// written again: the power may go at any step of doing so.
#[test]
fn k3_the_power_may_go_while_a_failed_sync_is_recovered_from() {
    let mut trials = Vec::new();
    let steps = (0..).zip(untroubled().steps);
    for (step, _) in steps.filter(|(_, operation)| *operation == Operation::Sync) {
        for failure in [Failure::Io, Failure::IoAndForgotten] {
            for aftermath in [Aftermath::Retry, Aftermath::Restart] {
                for power_cut_after in (1..=AFTER_MAX).filter(|after| (step + after) % AFTER_STRIDE == 0) {
                    let (blow, power_cut_after) = (Blow::Step(step, failure), Some(power_cut_after));
                    trials.push(Trial { blow, aftermath, power_cut_after });
                }
            }
        }
    }
    run_all(&trials);
}
