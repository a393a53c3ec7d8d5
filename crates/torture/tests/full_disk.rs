//! A disk that fills up under a ledger, and gets room again.

use std::path::Path;
use std::sync::Arc;

use engine::{Actor, CheckpointFile, Engine, ErrorKind, Parts, Policy};
use faultvfs::{Disk, Ending};
use merkle::NoteSigner;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use store::{SqliteOptions, SqliteStore};
use testkit::{ManualClock, Oracle, Submission, check, ledger_lines};

fn batch(number: usize) -> Vec<Submission> {
    let submission = |event| Submission {
        mark: format!("m{number}-{event}"),
        tenant: "t".into(),
        event_id: Some(format!("event-{number}-{event}")),
        external_id: None,
        padding: 2_000,
    };
    (0..20).map(submission).collect()
}

/// Offers a batch and tells the oracle; the kind of the failure, if any.
async fn offer(engine: &Engine, oracle: &mut Oracle, batch: Vec<Submission>) -> Option<ErrorKind> {
    let now = engine.ledger().now();
    let events = batch.iter().map(|submission| submission.event(now)).collect();
    let offer = oracle.offer(0, batch);
    match engine.append(events).await {
        Ok(appended) => {
            oracle.succeeded(offer, &appended).unwrap();
            None
        }
        Err(error) => {
            oracle.failed(offer, error.kind()).unwrap();
            Some(error.kind())
        }
    }
}

/// A runtime of its own for each process: when it goes, whatever still has a file open goes too.
fn in_a_process<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

#[test]
fn a8_a_full_disk_is_told_as_such_and_the_ledger_goes_on_by_itself_when_there_is_room() {
    let directory = tempfile::tempdir().unwrap();
    let disk = Disk::mount(directory.path(), 1).unwrap();
    let path = SqliteStore::file_in(directory.path());
    let options = SqliteOptions { wal_pages_max: 40, ..SqliteOptions::default() };
    let parts = |store| Parts {
        store,
        signer: Arc::new(NoteSigner::generate("example.com/t", &mut StdRng::seed_from_u64(1)).unwrap()),
        last_checkpoint: Arc::new(CheckpointFile::new(directory.path().join("checkpoint"))),
        destinations: Vec::new(),
        staging: directory.path().join("staging"),
        clock: Arc::new(ManualClock::at("2026-03-01T00:00:00Z")),
        policy: Policy::default(),
    };
    let mut oracle = Oracle::default();
    in_a_process(async {
        let store = Arc::new(SqliteStore::create(&path, &options).unwrap());
        let engine = Engine::create(parts(store.clone()), &Actor::system()).await.unwrap();
        fill_three_times(&disk, &engine, store.as_ref(), &mut oracle, directory.path()).await;
        engine.shutdown().await.unwrap();
    });

    disk.restart(Ending::PowerCut).unwrap();
    in_a_process(async {
        let store = Arc::new(SqliteStore::open(&path, &options).unwrap());
        let engine = Engine::open(parts(store.clone())).await.unwrap();
        let lines = ledger_lines(store.as_ref(), directory.path()).await.unwrap();
        oracle.check(&lines, engine.ledger().tree_size()).unwrap();
        check(&engine).await;
    });
}

/// The same process meets a full disk three times, and goes on each time.
async fn fill_three_times(
    disk: &Disk,
    engine: &Engine,
    store: &SqliteStore,
    oracle: &mut Oracle,
    archive: &Path,
) {
    let (mut refused, mut offered) = (Vec::new(), 0);
    for _ in 0..3 {
        disk.limit_bytes(Some(disk.used_bytes() + 600_000));
        while refused.len() < 3 {
            offered += 1;
            match offer(engine, oracle, batch(offered)).await {
                None => assert!(offered < 200, "the disk fills up"),
                Some(kind) => {
                    assert_eq!(kind, ErrorKind::DiskFull);
                    refused.push(offered);
                }
            }
        }
        // Refused for sure: nothing of it is there.
        let lines = ledger_lines(store, archive).await.unwrap();
        oracle.check(&lines, engine.ledger().tree_size()).unwrap();
        disk.clear();
        for number in refused.drain(..) {
            assert_eq!(offer(engine, oracle, batch(number)).await, None);
        }
    }
    assert_eq!(engine.state().failed, None);
    engine.checkpoint().await.unwrap();
    check(engine).await;
}
