//! Archive runs that fail at every step, in every way, and are taken up again.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use archive::MANIFEST_SUFFIX;
use engine::{Actor, ArchiveReport, ArchiveRun, Engine, Error, NoProgress, VerifyOptions, Window};
use event::HotDays;
use testkit::{Fault, FaultyStore, Fixture, Rows, check, event_json};

/// Entries that a run archives: the ledger's own first one and 900 events.
const ENTRIES: u64 = 901;

async fn run(engine: &Engine) -> Result<ArchiveReport, Error> {
    let window = Window::HotDays(HotDays::new(30).unwrap());
    let run = ArchiveRun { window, limit: None, dry_run: false, forced: false };
    engine.archive_run(&run, &Actor::system(), &NoProgress).await
}

/// A ledger with 901 entries that are old enough, and what the lines of some are.
async fn ledger(fixture: &mut Fixture, faulty: &Arc<FaultyStore>) -> (Engine, BTreeMap<u64, Vec<u8>>) {
    fixture.policy.transaction_entries = 400;
    let engine = Engine::create(fixture.parts(faulty.clone()), &Actor::system()).await.unwrap();
    let event = |number: u64| {
        let tenant = format!("t{}", number % 2);
        fixture.event(&event_json(&format!("event-{number}"), &tenant, "ann", "a.b"))
    };
    engine.append((1..ENTRIES).map(event).collect()).await.unwrap();
    engine.checkpoint().await.unwrap();
    fixture.clock.advance_days(100);
    let mut lines = BTreeMap::new();
    for seq in (0..ENTRIES).step_by(60) {
        lines.insert(seq, engine.ledger().show(seq).await.unwrap().unwrap().line);
    }
    (engine, lines)
}

fn manifests(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.to_str().unwrap().ends_with(MANIFEST_SUFFIX) {
                found.push(path);
            }
        }
    }
    found
}

/// Whatever the failure left: it verifies, rows and index.
async fn check_after_failure(engine: &Engine, what: &str) {
    for full in [false, true] {
        let report = engine.ledger().verify(&VerifyOptions { full }, &NoProgress).await.unwrap();
        assert!(report.ok, "{what}: {:#?}", report.problems);
    }
}

/// The run has come to its end: one manifest for one range, everything pruned, every line where it was.
async fn check_finished(fixture: &Fixture, engine: &Engine, lines: &BTreeMap<u64, Vec<u8>>, what: &str) {
    let batches = engine.ledger().batches().await.unwrap();
    let ranges: Vec<_> = batches.iter().map(|batch| (batch.first_seq, batch.last_seq, batch.state)).collect();
    assert_eq!(ranges, [(0, ENTRIES - 1, "pruned")], "{what}");
    let key = batches[0].manifest_key.as_ref().unwrap();
    assert_eq!(manifests(&fixture.archive_directory()), [fixture.archive_directory().join(key)], "{what}");
    for (seq, line) in lines {
        let shown = engine.ledger().show(*seq).await.unwrap().unwrap();
        assert_eq!((shown.tiers.as_slice(), &shown.line), (&["cold"][..], line), "{what}: entry {seq}");
    }
    engine.checkpoint().await.unwrap();
    check(engine).await;
    let staged = fs::read_dir(fixture.path().join("staging")).map_or(0, Iterator::count);
    assert_eq!(staged, 0, "{what}: staged files are left behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_fails_at_any_commit_is_taken_up_by_a_retry_and_by_a_restart() {
    for fault in Fault::ALL {
        for restarts in [false, true] {
            let mut steps = 0;
            while fails_and_is_taken_up(fault, steps, restarts).await {
                steps += 1;
            }
            // Planned, recorded, and three transactions of pruning.
            assert_eq!(steps, 5, "{fault:?}");
        }
    }
}

/// Whether there was a commit to fail.
async fn fails_and_is_taken_up(fault: Fault, step: usize, restarts: bool) -> bool {
    let what = format!("{fault:?} at commit {step}, restarted: {restarts}");
    let mut fixture = Fixture::new(Rows::Memory);
    let faulty = Arc::new(FaultyStore::new(fixture.store(), fault));
    let (engine, lines) = ledger(&mut fixture, &faulty).await;
    let before = faulty.commits();
    faulty.fail_commit_after(step);
    let outcome = run(&engine).await;
    if faulty.commits() - before <= step {
        outcome.unwrap();
        return false;
    }
    outcome.expect_err(&what);
    check_after_failure(&engine, &what).await;
    let engine = if restarts {
        drop(engine);
        fixture.open().await.unwrap()
    } else {
        engine
    };
    let report = run(&engine).await.unwrap();
    assert!(report.ok);
    check_finished(&fixture, &engine, &lines, &what).await;
    true
}

/// A way to break the destination, and to mend it.
struct Breakage {
    name: &'static str,
    breaks: fn(&Fixture, &str),
    mends: fn(&Fixture, &str),
}

fn manifest_path(fixture: &Fixture, batch: &str) -> PathBuf {
    let (year, month) = (&batch[..4], &batch[4..6]);
    fixture.archive_directory().join(format!("batches/{year}/{month}/{}{MANIFEST_SUFFIX}", &batch[6..]))
}

fn put(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

const BREAKAGES: &[Breakage] = &[
    Breakage {
        name: "the audit directory is a file",
        breaks: |fixture, _| put(&fixture.archive_directory().join("audit"), b"in the way"),
        mends: |fixture, _| fs::remove_file(fixture.archive_directory().join("audit")).unwrap(),
    },
    Breakage {
        name: "staging is a file",
        breaks: |fixture, _| {
            fs::remove_dir_all(fixture.path().join("staging")).ok();
            put(&fixture.path().join("staging"), b"in the way");
        },
        mends: |fixture, _| fs::remove_file(fixture.path().join("staging")).unwrap(),
    },
    Breakage {
        name: "staging has gone",
        breaks: |fixture, _| {
            fs::remove_dir_all(fixture.path().join("staging")).ok();
            put(&fixture.archive_directory().join("log/checkpoint"), b"in the way");
        },
        mends: |fixture, _| {
            fs::remove_file(fixture.archive_directory().join("log/checkpoint")).unwrap();
            fs::remove_dir_all(fixture.path().join("staging")).ok();
        },
    },
    Breakage {
        name: "a tile is another",
        breaks: |fixture, _| put(&fixture.archive_directory().join("log/tile/0/000"), b"in the way"),
        mends: |fixture, _| fs::remove_file(fixture.archive_directory().join("log/tile/0/000")).unwrap(),
    },
    Breakage {
        name: "the manifest is another",
        breaks: |fixture, batch| put(&manifest_path(fixture, batch), b"in the way"),
        mends: |fixture, batch| fs::remove_file(manifest_path(fixture, batch)).unwrap(),
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_on_once_its_destination_is_mended() {
    let mut fixture = Fixture::new(Rows::Memory);
    let faulty = Arc::new(FaultyStore::new(fixture.store(), Fault::Refused));
    let (mut engine, lines) = ledger(&mut fixture, &faulty).await;
    // The first breakage comes before there is a batch, the others know its name.
    let mut batch = String::new();
    for breakage in BREAKAGES {
        (breakage.breaks)(&fixture, &batch);
        run(&engine).await.expect_err(breakage.name);
        let batches = engine.ledger().batches().await.unwrap();
        assert_eq!(batches.len(), 1, "{}", breakage.name);
        assert_eq!(batches[0].state, "writing", "{}", breakage.name);
        if !batch.is_empty() {
            assert_eq!(batches[0].batch, batch, "{}: the plan stays", breakage.name);
        }
        batch.clone_from(&batches[0].batch);
        (breakage.mends)(&fixture, &batch);
        check_after_failure(&engine, breakage.name).await;
        for seq in lines.keys() {
            let tiers = engine.ledger().show(*seq).await.unwrap().unwrap().tiers;
            assert_eq!(tiers, ["hot"], "{}: entry {seq}", breakage.name);
        }
        drop(engine);
        fixture.clock.advance_days(1);
        engine = fixture.open().await.unwrap();
    }
    assert!(run(&engine).await.unwrap().ok);
    check_finished(&fixture, &engine, &lines, "mended").await;
}
