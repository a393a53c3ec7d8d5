use std::sync::Arc;

use engine::{CheckpointFile, Finding, NoProgress, VerifyOptions, VerifyReport, VerifySubject, verify};
use store::{SqliteOptions, SqliteStore};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::sample::{Sample, Scene};

/// Cases at once: each holds a copy of the ledger on disk.
const CASES_AT_ONCE: usize = 2;

/// One change and everything that verification says about it.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// Whether it takes the index and the keys to find it.
    pub(crate) full: bool,
    pub(crate) tamper: fn(&Scene),
    /// All problems: reason and seq.
    pub(crate) problems: Findings,
    pub(crate) warnings: Findings,
}

pub(crate) type Findings = &'static [(&'static str, Option<u64>)];

impl Case {
    /// Found by reading the rows.
    pub(crate) fn by_rows(name: &'static str, tamper: fn(&Scene), problems: Findings) -> Self {
        Self { name, full: false, tamper, problems, warnings: &[] }
    }

    /// Found by rebuilding the index and the keys, or by reading the archive again.
    pub(crate) fn by_full(name: &'static str, tamper: fn(&Scene), problems: Findings) -> Self {
        Self { full: true, ..Self::by_rows(name, tamper, problems) }
    }

    async fn run(self, sample: &Sample) -> Result<(), String> {
        let scene = sample.scene();
        (self.tamper)(&scene);
        let report = verify_scene(sample, &scene, self.full).await.map_err(|error| {
            let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            format!("{}: the check could not be made: {error}: {source}", self.name)
        })?;
        let same = told(&report.problems) == wanted(self.problems)
            && told(&report.warnings) == wanted(self.warnings)
            && report.ok == self.problems.is_empty();
        if same {
            return Ok(());
        }
        let listed = report.problems.iter().chain(&report.warnings).take(12);
        let listed: Vec<String> = listed
            .map(|finding| format!("  {} {:?} {}", finding.reason, finding.seq, finding.message))
            .collect();
        Err(format!("{}: found\n{}", self.name, listed.join("\n")))
    }
}

/// Verifies a copy as the command line does: reading only, with the key from outside.
pub(crate) async fn verify_scene(sample: &Sample, scene: &Scene, full: bool) -> engine::Result<VerifyReport> {
    let options = SqliteOptions::default();
    let store =
        SqliteStore::open_read_only(&scene.database_file(), &options).expect("the copy can be opened");
    let subject = VerifySubject {
        store: Arc::new(store),
        destinations: vec![scene.destination()],
        last_checkpoint: Arc::new(CheckpointFile::new(scene.checkpoint_file())),
        clock: sample.fixture.clock.clone(),
        key: sample.fixture.signer.verifier().clone(),
    };
    verify(&subject, &VerifyOptions { full }, &NoProgress).await
}

fn told(findings: &[Finding]) -> Vec<(String, Option<u64>)> {
    let mut told: Vec<_> = findings.iter().map(|finding| (finding.reason.clone(), finding.seq)).collect();
    told.sort();
    told.dedup();
    told
}

fn wanted(findings: Findings) -> Vec<(String, Option<u64>)> {
    let mut wanted: Vec<_> = findings.iter().map(|(reason, seq)| ((*reason).to_owned(), *seq)).collect();
    wanted.sort();
    wanted
}

/// Runs every case and reports all that went otherwise.
pub(crate) async fn run_all(sample: Arc<Sample>, cases: Vec<Case>) {
    let permits = Arc::new(Semaphore::new(CASES_AT_ONCE));
    let mut running = JoinSet::new();
    for case in cases {
        let (sample, permits) = (sample.clone(), permits.clone());
        running.spawn(async move {
            let _one_of_few = permits.acquire_owned().await.expect("the semaphore stays open");
            case.run(&sample).await
        });
    }
    let outcomes = running.join_all().await;
    let failures: Vec<String> = outcomes.into_iter().filter_map(Result::err).collect();
    assert!(failures.is_empty(), "{} cases:\n{}", failures.len(), failures.join("\n"));
}
