//! Many schedules, on as many threads as the machine has.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use testkit::Finding;

use crate::schedule::run_schedule;
use crate::tally::Tally;

/// A schedule that found something.
#[derive(Debug, Clone)]
pub struct Failed {
    /// What runs it again.
    pub seed: u64,
    /// What was found.
    pub finding: Finding,
}

/// Schedules with consecutive seeds.
#[derive(Debug, Clone)]
pub struct Campaign {
    /// The first seed.
    pub seed: u64,
    /// Whether the combination that once lost entries is among them, see [`crate::run_schedule`].
    pub with_known: bool,
    /// At most so many schedules.
    pub schedules: u64,
    /// None is begun after this.
    pub until: Option<Instant>,
    /// How many run at once.
    pub threads: usize,
    /// It ends after so many findings.
    pub findings_max: usize,
}

impl Campaign {
    /// Runs them, and tells of the progress now and then.
    pub fn run(&self, progress: impl Fn(u64) + Sync) -> (Tally, Vec<Failed>) {
        let next = AtomicU64::new(0);
        let stop = AtomicBool::new(false);
        let results = Mutex::new((Tally::default(), Vec::new()));
        std::thread::scope(|scope| {
            for _ in 0..self.threads.max(1) {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed)
                        && self.until.is_none_or(|until| Instant::now() < until)
                    {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= self.schedules {
                            return;
                        }
                        let seed = self.seed.wrapping_add(number);
                        let mut tally = Tally::default();
                        let outcome = run_schedule(seed, self.with_known, &mut tally);
                        let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                        results.0.add(tally);
                        if let Err(finding) = outcome {
                            results.1.push(Failed { seed, finding });
                        }
                        stop.store(results.1.len() >= self.findings_max, Ordering::Relaxed);
                        drop(results);
                        progress(number);
                    }
                });
            }
        });
        results.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}
