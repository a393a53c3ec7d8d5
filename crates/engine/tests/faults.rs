//! Archive runs that stop at every step: failed, failed but applied, killed; taken up by a retry and by a restart.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use archive::{Destination, MANIFEST_SUFFIX, StorageErrorKind};
use engine::{
    Actor, ArchiveReport, ArchiveRun, Engine, Error, NoProgress, Parts, RunResult, VerifyOptions, Window,
};
use event::HotDays;
use merkle::KeyRing;
use store::{EntryScan, Order, Store};
use testkit::{
    Fault, FaultyStorage, FaultyStore, Fixture, Rows, StorageCall, StorageFault, StorageRule, check,
    event_json,
};

/// The ledger's own first entry and 40 events.
const ENTRIES: u64 = 41;
const TRANSACTION_ENTRIES: u64 = 16;

/// A step of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The commit of the plan, the first.
    Select,
    Write,
    Reread,
    Tiles,
    Checkpoint,
    Manifest,
    /// The second commit.
    Record,
    /// The commits after it.
    Prune(usize),
}

impl Step {
    const ALL: [Self; 10] = [
        Self::Select,
        Self::Write,
        Self::Reread,
        Self::Tiles,
        Self::Checkpoint,
        Self::Manifest,
        Self::Record,
        Self::Prune(0),
        Self::Prune(1),
        Self::Prune(2),
    ];

    /// Which commit of the run it is, if it is one.
    fn commit(self) -> Option<usize> {
        match self {
            Self::Select => Some(0),
            Self::Record => Some(1),
            Self::Prune(number) => Some(2 + number),
            _ => None,
        }
    }

    /// Which calls at the destination it makes.
    fn call(self) -> (StorageCall, &'static str) {
        match self {
            Self::Write => (StorageCall::Create, "audit/"),
            Self::Reread => (StorageCall::Read, "audit/"),
            Self::Tiles => (StorageCall::Create, "log/tile/"),
            Self::Checkpoint => (StorageCall::Create, "log/checkpoint/"),
            Self::Manifest => (StorageCall::Create, MANIFEST_SUFFIX),
            Self::Select | Self::Record | Self::Prune(_) => unreachable!("{self:?} is a commit"),
        }
    }
}

/// How a step ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    Failed,
    FailedButApplied,
    /// Killed before the effect.
    Killed,
    /// Killed after it.
    KilledAfter,
}

impl Failure {
    const ALL: [Self; 4] = [Self::Failed, Self::FailedButApplied, Self::Killed, Self::KilledAfter];

    fn kills(self) -> bool {
        matches!(self, Self::Killed | Self::KilledAfter)
    }

    fn of_storage(self) -> StorageFault {
        match self {
            Self::Failed => StorageFault::Fails(StorageErrorKind::Denied),
            Self::FailedButApplied => StorageFault::AppliedUnknown,
            Self::Killed => StorageFault::HangsBefore,
            Self::KilledAfter => StorageFault::Hangs,
        }
    }

    fn of_store(self) -> Fault {
        match self {
            Self::Failed => Fault::Refused,
            Self::Killed => Fault::Lost,
            Self::FailedButApplied | Self::KilledAfter => Fault::AppliedUnknown,
        }
    }
}

/// A ledger over a store and a storage that fail.
struct Scene {
    fixture: Fixture,
    store: Arc<FaultyStore>,
    storage: Arc<FaultyStorage>,
}

impl Scene {
    fn new(failure: Failure) -> Self {
        let mut fixture = Fixture::new(Rows::Memory);
        fixture.policy.transaction_entries = TRANSACTION_ENTRIES;
        let store = Arc::new(FaultyStore::new(fixture.store(), failure.of_store()));
        let storage = Arc::new(FaultyStorage::new(fixture.destination().storage().clone()));
        Self { fixture, store, storage }
    }

    fn destination(&self) -> Destination {
        Destination::over("primary", self.storage.clone(), "").unwrap()
    }

    fn parts(&self) -> Parts {
        Parts { destinations: vec![self.destination()], ..self.fixture.parts(self.store.clone()) }
    }

    /// A ledger with entries that are old enough, of two tenants.
    async fn ledger(&self) -> Engine {
        let engine = Engine::create(self.parts(), &Actor::system()).await.unwrap();
        let event = |number: u64| {
            let tenant = format!("t{}", number % 2);
            self.fixture.event(&event_json(&format!("event-{number}"), &tenant, "ann", "a.b"))
        };
        engine.append((1..ENTRIES).map(event).collect()).await.unwrap();
        engine.checkpoint().await.unwrap();
        self.fixture.clock.advance_days(100);
        engine
    }

    /// As after the end of a process.
    async fn restart(&self) -> Engine {
        self.store.clear();
        self.store.recover().await.unwrap();
        let engine = Engine::open(self.parts()).await.unwrap();
        engine.end_earlier_leases().await.unwrap();
        engine
    }

    /// The lines of the run's entries that are hot.
    async fn hot(&self) -> BTreeMap<u64, Vec<u8>> {
        let scan =
            EntryScan { range: 0..ENTRIES, order: Order::Ascending, rows_max: 9_999, bytes_max: usize::MAX };
        let entries = self.store.entries(scan).await.unwrap();
        entries.into_iter().map(|entry| (entry.seq, entry.line)).collect()
    }

    /// One manifest for one range, everything pruned, every line where it was, and the archive verifies by itself.
    async fn check_finished(&self, engine: &Engine, lines: &BTreeMap<u64, Vec<u8>>, what: &str) {
        let batches = engine.ledger().batches().await.unwrap();
        let ranges: Vec<_> =
            batches.iter().map(|batch| (batch.first_seq, batch.last_seq, batch.state)).collect();
        assert_eq!(ranges, [(0, ENTRIES - 1, "pruned")], "{what}");
        let key = batches[0].manifest_key.as_ref().unwrap();
        let directory = self.fixture.archive_directory();
        assert_eq!(manifests(&directory), [directory.join(key)], "{what}");
        assert_eq!(self.hot().await, BTreeMap::new(), "{what}");
        for (seq, line) in lines.iter().step_by(7) {
            let shown = engine.ledger().show(*seq).await.unwrap().unwrap();
            assert_eq!((shown.tiers.as_slice(), &shown.line), (&["cold"][..], line), "{what}: entry {seq}");
        }
        engine.checkpoint().await.unwrap();
        check(engine).await;
        let keys = KeyRing::single(self.fixture.signer.verifier());
        let options =
            archive::VerifyOptions { expect_archived: Some(ENTRIES), ..archive::VerifyOptions::default() };
        let report = archive::verify(&self.destination(), &keys, &options, &Silent).await.unwrap();
        assert!(report.ok, "{what}: {:#?}", report.problems);
        assert_eq!(engine.ledger().orphans().await.unwrap(), [], "{what}");
    }
}

struct Silent;

impl archive::Progress for Silent {
    fn object(&self, _bytes: u64, _entries: u64) {}
}

async fn run(engine: &Engine) -> Result<ArchiveReport, Error> {
    let window = Window::HotDays(HotDays::new(30).unwrap());
    let run = ArchiveRun { window, limit: None, dry_run: false, forced: false };
    engine.archive_run(&run, &Actor::system(), &NoProgress).await
}

fn manifests(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
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

/// Runs into the failure. Whoever is killed does nothing more after it.
async fn run_into(scene: &Scene, engine: &Engine, step: Step, failure: Failure, what: &str) {
    match step.commit() {
        Some(commit) => scene.store.fail_commit_after(commit),
        None => {
            let (call, key) = step.call();
            scene.storage.rule(StorageRule::once(call, key, failure.of_storage()));
        }
    }
    if failure.kills() && step.commit().is_none() {
        tokio::select! {
            outcome = run(engine) => panic!("{what}: was not killed: {outcome:?}"),
            () = scene.storage.hung() => {}
        }
    } else {
        match run(engine).await {
            // A write whose answer was lost is told by reading back, so the run goes on.
            Ok(report) => assert!(report.ok && failure == Failure::FailedButApplied, "{what}: {report:?}"),
            Err(_) => assert_ne!(scene.storage.struck() + scene.store.failures().len(), 0, "{what}"),
        }
    }
}

async fn fails_and_is_taken_up(step: Step, failure: Failure, restarts: bool) {
    let what = format!("{failure:?} at {step:?}, restarted: {restarts}");
    let scene = Scene::new(failure);
    let engine = scene.ledger().await;
    let lines = scene.hot().await;
    assert_eq!(lines.len() as u64, ENTRIES);
    run_into(&scene, &engine, step, failure, &what).await;

    // Whatever is left verifies, and nothing went that no manifest covers.
    for full in [false, true] {
        let report = engine.ledger().verify(&VerifyOptions { full }, &NoProgress).await.unwrap();
        assert!(report.ok, "{what}: {:#?}", report.problems);
    }
    let hot = scene.hot().await;
    if manifests(&scene.fixture.archive_directory()).is_empty() {
        assert_eq!(hot, lines, "{what}");
    }
    assert!(hot.iter().all(|(seq, line)| lines[seq] == *line), "{what}");

    let engine = if restarts {
        drop(engine);
        scene.restart().await
    } else {
        engine
    };
    assert!(run(&engine).await.unwrap().ok, "{what}");
    scene.check_finished(&engine, &lines, &what).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_stops_at_any_step_in_any_way_is_taken_up_by_a_retry_and_by_a_restart() {
    for step in Step::ALL {
        for failure in Failure::ALL {
            for restarts in [false, true] {
                Box::pin(fails_and_is_taken_up(step, failure, restarts)).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn d2_what_a_bad_destination_holds_stays_hot_and_the_status_says_which_object_and_why() {
    let of = |call, key: &'static str, fault| (call, key, fault);
    let fails = StorageFault::Fails;
    let cases = [
        of(StorageCall::Read, "audit/org_t0/", StorageFault::OtherBytes),
        of(StorageCall::Read, "audit/org_t1/", StorageFault::Truncated),
        of(StorageCall::Read, "audit/org_t0/", fails(StorageErrorKind::Unavailable)),
        of(StorageCall::Read, "audit/org_t0/", fails(StorageErrorKind::Denied)),
        of(StorageCall::Read, MANIFEST_SUFFIX, StorageFault::OtherBytes),
        of(StorageCall::Create, "audit/org_t0/", StorageFault::Forgotten),
        of(StorageCall::Create, "audit/org_t0/", fails(StorageErrorKind::Denied)),
        of(StorageCall::Create, "audit/org_t1/", fails(StorageErrorKind::Full)),
        of(StorageCall::Create, "audit/org_t1/", fails(StorageErrorKind::Failed)),
        of(StorageCall::Create, "log/tile/", fails(StorageErrorKind::Unavailable)),
        of(StorageCall::Create, "log/checkpoint/", StorageFault::AppliedUnknown),
        of(StorageCall::Create, MANIFEST_SUFFIX, fails(StorageErrorKind::Denied)),
    ];
    for (call, key, fault) in cases {
        let what = format!("{fault:?} on {call:?} of {key}");
        let scene = Scene::new(Failure::Failed);
        let engine = scene.ledger().await;
        let lines = scene.hot().await;
        scene.storage.rule(StorageRule::always(call, key, fault));
        if fault == StorageFault::AppliedUnknown {
            // Reading back tells that it was written: nothing is wrong.
            run(&engine).await.unwrap();
            scene.check_finished(&engine, &lines, &what).await;
            continue;
        }
        for _ in 0..2 {
            run(&engine).await.expect_err(&what);
            assert_eq!(scene.hot().await, lines, "{what}");
        }
        let status = engine.retention_status().await.unwrap();
        let last = status.last_run.unwrap();
        assert_eq!((last.result, last.report.pruned), (RunResult::Failed, 0), "{what}");
        let error =
            status.destinations[0].error.clone().unwrap_or_else(|| panic!("{what}: {:?}", last.error));
        assert!(error.object.as_ref().is_some_and(|object| object.contains(key)), "{what}: {error:?}");
        assert!(error.reason.len() > 20, "{what}: {error:?}");
        scene.storage.clear();
        run(&engine).await.unwrap();
        scene.check_finished(&engine, &lines, &what).await;
        assert_eq!(engine.retention_status().await.unwrap().destinations[0].error, None, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn d2_a_copy_of_other_bytes_under_our_key_is_left_alone_and_nothing_is_pruned() {
    for fault in [StorageFault::OtherBytes, StorageFault::Truncated] {
        let scene = Scene::new(Failure::Failed);
        let engine = scene.ledger().await;
        let lines = scene.hot().await;
        scene.storage.rule(StorageRule::once(StorageCall::Create, "audit/org_t0/", fault));
        for _ in 0..2 {
            let error = run(&engine).await.unwrap_err();
            assert!(error.to_string().contains("archive"), "{error}");
            assert_eq!(scene.hot().await, lines);
        }
        let state = engine.retention_status().await.unwrap().destinations.remove(0);
        assert!(state.error.unwrap().object.unwrap().starts_with("audit/org_t0/"));
        check(&engine).await;
    }
}

/// A destination that confirms another object than the one that was written: entries of an earlier batch.
#[tokio::test(flavor = "multi_thread")]
async fn d2_a_receipt_that_names_entries_outside_the_run_prunes_nothing_outside_it() {
    let scene = Scene::new(Failure::Failed);
    let engine = scene.ledger().await;
    run(&engine).await.unwrap();
    let more =
        (0..5).map(|number| scene.fixture.event(&event_json(&format!("later-{number}"), "t0", "ann", "a.b")));
    engine.append(more.collect()).await.unwrap();
    engine.checkpoint().await.unwrap();
    let size = engine.ledger().tree_size();
    scene.fixture.clock.advance_days(100);
    engine.append(vec![scene.fixture.event(&event_json("young", "t0", "ann", "a.b"))]).await.unwrap();
    let hot = async || {
        let range = 0..size + 999;
        let scan = EntryScan { range, order: Order::Ascending, rows_max: 9_999, bytes_max: usize::MAX };
        let entries = scene.store.entries(scan).await.unwrap();
        entries.into_iter().map(|entry| entry.seq).collect::<Vec<u64>>()
    };
    let before = hot().await;
    scene.storage.rule(StorageRule::always(StorageCall::Read, "audit/org_t0/", StorageFault::FirstObject));
    run(&engine).await.unwrap_err();
    // What the run planned was added, and nothing went.
    let planned = engine.ledger().tree_size() - 1;
    assert_eq!(hot().await, before.iter().copied().chain([planned]).collect::<Vec<_>>());
    scene.storage.clear();
    let report = run(&engine).await.unwrap();
    let left = hot().await;
    let gone: Vec<u64> = before.iter().copied().filter(|seq| !left.contains(seq)).collect();
    assert_eq!(gone, (ENTRIES..size).collect::<Vec<_>>());
    assert_eq!(report.pruned, size - ENTRIES);
    engine.checkpoint().await.unwrap();
    check(&engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_manifest_names_is_an_orphan_unless_its_batch_is_in_the_making() {
    let scene = Scene::new(Failure::Failed);
    let engine = scene.ledger().await;
    scene.storage.rule(StorageRule::once(
        StorageCall::Create,
        MANIFEST_SUFFIX,
        StorageFault::Fails(StorageErrorKind::Denied),
    ));
    run(&engine).await.unwrap_err();
    assert_eq!(engine.ledger().orphans().await.unwrap(), []);
    let put = |key: &str| {
        let path = scene.fixture.archive_directory().join(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "12345").unwrap();
    };
    let stray = "audit/org_t0/2026/03/01T000001Z-0123456789abcdef.jsonl.gz";
    for key in [stray, "notes.txt", "probe/1/x", "audit/org_t0/a.jsonl.gz.expired"] {
        put(key);
    }
    for _ in 0..2 {
        let orphans = engine.ledger().orphans().await.unwrap();
        let found: Vec<_> = orphans.iter().map(|orphan| (orphan.key.as_str(), orphan.bytes)).collect();
        assert_eq!(found, [(stray, 5), ("notes.txt", 5)]);
        assert!(orphans.iter().all(|orphan| orphan.last_modified.is_some()));
        run(&engine).await.unwrap();
    }
}
