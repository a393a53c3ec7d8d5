//! Every step of a small workload fails, or fails and was done, and is retried or survived by a restart.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use faultvfs::Failure;
use testkit::{Fault, WriteCall};
use torture::{Aftermath, Blow, Struck, Trial};

fn untroubled() -> Struck {
    Trial { blow: Blow::None, aftermath: Aftermath::Restart }.run().unwrap()
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
                    trials.push(Trial { blow: Blow::Call(call, number, fault), aftermath });
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
            for aftermath in [Aftermath::Retry, Aftermath::PowerCut] {
                trials.push(Trial { blow: Blow::Step(step, failure), aftermath });
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
        (0..steps).map(move |step| Trial { blow: Blow::Step(step, Failure::End), aftermath })
    };
    run_all(&ends(Aftermath::Killed).chain(ends(Aftermath::PowerCut)).collect::<Vec<_>>());
}
