//! The table: one fixed small workload, and one blow at every step of it in every way.

use std::collections::BTreeMap;

use engine::{NoProgress, VerifyOptions};
use faultvfs::{Ending, Failure, Operation, Rule};
use testkit::{Fault, Finding, Submission, WriteCall};

use crate::life::{Process, Witness, runtime, settle};
use crate::place::Place;
use crate::workload::Workload;

/// A blow strikes once, so a trial that needs more processes than this never comes to its end.
const LIVES_MAX: usize = 6;
/// In so many of them, from the first on, the power goes.
const POWER_CUTS_MAX: usize = 3;
/// Tries of one action by one process.
const TRIES_MAX: usize = 4;

/// What goes wrong, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blow {
    /// Nothing: for counting what there is to strike.
    None,
    /// A call of the store, the how-many-eth of its kind.
    Call(WriteCall, usize, Fault),
    /// A step of the disk.
    Step(u64, Failure),
}

/// What is done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aftermath {
    /// The same process tries again, unless it has given up.
    Retry,
    /// The process ends and closes its files; another one goes on.
    Restart,
    /// The process is killed; another one goes on.
    Killed,
    /// The power goes; another process goes on.
    PowerCut,
}

/// One run of the workload.
#[derive(Debug, Clone, Copy)]
pub struct Trial {
    /// What goes wrong.
    pub blow: Blow,
    /// What is done about it.
    pub aftermath: Aftermath,
    /// Whether the power goes, too, so many steps after the step that the blow struck.
    pub power_cut_after: Option<u64>,
}

/// What there was to strike.
#[derive(Debug, Clone, Default)]
pub struct Struck {
    /// The steps of the disk, in order.
    pub steps: Vec<Operation>,
    /// Calls of the store by the first process.
    pub calls: BTreeMap<WriteCall, usize>,
}

enum Action {
    Offer(usize, Vec<Submission>),
    Sign,
    Archive,
    Verify,
    /// Days go by.
    Wait(i64),
}

impl Trial {
    /// Runs the workload to its end, whatever it takes, and checks what is left.
    pub fn run(&self) -> Result<Struck, Finding> {
        self.run_workload().map_err(|Finding(what)| Finding(format!("{self:?}: {what}")))
    }

    fn run_workload(&self) -> Result<Struck, Finding> {
        let mut place = Place::new(if let Blow::Step(step, _) = self.blow { step } else { 0 });
        place.options.wal_pages_max = 12;
        place.options.write_cache_kib = 100;
        place.policy.transaction_entries = 20;
        let witness = Witness::default();
        if let Blow::Step(step, failure) = self.blow {
            place.disk.inject(Rule { operation: None, steps: step..step + 1, failure });
        }
        self.plan_power_cut(&place);
        let script = script();
        let (mut next, mut struck, mut lives) = (0, Struck::default(), 0);
        while next < script.len() {
            lives += 1;
            if lives > LIVES_MAX {
                return Err(Finding(format!("action {next} does not come to its end")));
            }
            let runtime = runtime();
            let calls = runtime.block_on(self.live(&place, &witness, &script, &mut next, lives == 1))?;
            if lives == 1 {
                struck.calls = calls;
            }
            let ending = match self.aftermath {
                _ if place.disk.has_ended() && self.power_cut_after.is_some() => Ending::PowerCut,
                Aftermath::Retry | Aftermath::Restart => Ending::Killed,
                Aftermath::Killed | Aftermath::PowerCut => {
                    place.disk.end();
                    if self.aftermath == Aftermath::Killed { Ending::Killed } else { Ending::PowerCut }
                }
            };
            drop(runtime);
            place.disk.restart(ending).map_err(|error| Finding(format!("the rig: {error}")))?;
            // Not for ever: an action may take more steps than a process has until then.
            if lives < POWER_CUTS_MAX {
                self.plan_power_cut(&place);
            }
        }
        struck.steps = place.disk.operations();
        place.disk.clear();
        // Keys whose time is up make another replay new entries, so nothing is offered again.
        let runtime = runtime();
        runtime.block_on(settle(&place, &witness, false))?;
        drop(runtime);
        Ok(struck)
    }

    /// The step at which the power goes may be one of this process, or of a later one.
    fn plan_power_cut(&self, place: &Place) {
        if let (Blow::Step(step, _), Some(after)) = (self.blow, self.power_cut_after) {
            let steps = step + after..step + after + 1;
            place.disk.inject(Rule { operation: None, steps, failure: Failure::End });
        }
    }

    /// One process: goes through the script until its end, or until something fails that it does not try again.
    async fn live(
        &self,
        place: &Place,
        witness: &Witness,
        script: &[Action],
        next: &mut usize,
        is_first: bool,
    ) -> Result<BTreeMap<WriteCall, usize>, Finding> {
        let blow = self.blow;
        let begun = Process::begin(place, |store| {
            if is_first && let Blow::Call(call, after, fault) = blow {
                store.fail(call, after, fault);
            }
        });
        let Ok(process) = begun.await else { return Ok(BTreeMap::new()) };
        while let Some(action) = script.get(*next) {
            let mut done = false;
            for _ in 0..TRIES_MAX {
                done = act(place, witness, &process, action).await?;
                let is_over = process.engine.state().failed.is_some() || place.disk.has_ended();
                if done || is_over || self.aftermath != Aftermath::Retry {
                    break;
                }
            }
            if !done {
                break;
            }
            *next += 1;
        }
        Ok(WriteCall::ALL.map(|call| (call, process.store.calls(call))).into())
    }
}

/// Whether it is done; where it is not, nobody knows how much of it is.
async fn act(place: &Place, witness: &Witness, process: &Process, action: &Action) -> Result<bool, Finding> {
    match action {
        Action::Offer(submitter, batch) => {
            Ok(process.offer(witness, *submitter, batch.clone()).await?.is_none())
        }
        Action::Sign => process.sign().await,
        Action::Archive => process.archive(60).await,
        Action::Verify => {
            let verified = process.engine.verify(&VerifyOptions { full: false }, &NoProgress).await;
            match verified {
                Ok(report) if !report.ok => {
                    Err(Finding(format!("the ledger does not verify: {:?}", report.problems)))
                }
                outcome => Ok(outcome.is_ok()),
            }
        }
        Action::Wait(days) => {
            place.clock.advance_days(*days);
            Ok(true)
        }
    }
}

fn script() -> Vec<Action> {
    let mut workload = Workload::default();
    let first = workload.plain(3);
    let mut second = workload.plain(25);
    second.push(first[0].clone());
    vec![
        Action::Offer(0, first),
        Action::Offer(1, second),
        Action::Sign,
        Action::Wait(1),
        Action::Archive,
        Action::Offer(0, workload.plain(40)),
        Action::Verify,
        Action::Wait(120),
        Action::Archive,
        Action::Offer(1, workload.plain(1)),
        Action::Sign,
    ]
}
