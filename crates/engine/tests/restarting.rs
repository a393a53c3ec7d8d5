//! Opening a ledger again: what is taken up, and what is refused.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use engine::{Actor, CheckpointFile, Engine, ErrorKind, NoProgress, VerifyOptions, VerifySubject, verify};
use event::Event;
use merkle::NoteSigner;
use store::{SqliteOptions, SqliteStore};
use testkit::{Fault, FaultyStore, Fixture, Rows, check, event_json, events};

fn named(fixture: &Fixture, name: &str, count: usize) -> Vec<Event> {
    (0..count)
        .map(|number| fixture.event(&event_json(&format!("{name}-{number}"), "t", "ann", "a.b")))
        .collect()
}

fn copy_files(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// The rows of a fixture go back to those in `from`.
fn restore_rows(fixture: &Fixture, from: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let name = format!("ledger.sqlite{suffix}");
        let (old, now) = (from.join(&name), fixture.path().join(&name));
        if now.exists() {
            fs::remove_file(&now).unwrap();
        }
        if old.exists() {
            fs::copy(old, now).unwrap();
        }
    }
}

async fn refusal(fixture: &Fixture) -> (ErrorKind, String) {
    match fixture.open().await {
        Ok(_) => panic!("the ledger opened"),
        Err(error) => (error.kind(), error.to_string()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_is_created_once() {
    let fixture = Fixture::new(Rows::Memory);
    let engine = fixture.create().await;
    let size = engine.ledger().tree_size();
    let error = Engine::create(fixture.parts(fixture.store()), &Actor::system()).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(engine.ledger().tree_size(), size);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_key_is_refused_even_under_the_same_name() {
    let mut fixture = Fixture::new(Rows::Memory);
    fixture.create().await.shutdown().await.unwrap();
    let own = fixture.signer.clone();
    fixture.signer = Arc::new(NoteSigner::generate(own.name(), &mut rand::rng()).unwrap());
    let (kind, message) = refusal(&fixture).await;
    assert_eq!(kind, ErrorKind::Invalid);
    assert!(message.contains(&own.verifier().to_string()), "{message}");
    fixture.signer = own;
    check(&fixture.open().await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_backup_is_refused_and_the_way_out_is_said() {
    let fixture = Fixture::new(Rows::Sqlite);
    let engine = fixture.create().await;
    engine.append(named(&fixture, "before", 300)).await.unwrap();
    engine.checkpoint().await.unwrap();
    let (backup, newest) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    copy_files(fixture.path(), backup.path());
    engine.append(named(&fixture, "after", 300)).await.unwrap();
    engine.checkpoint().await.unwrap();
    copy_files(fixture.path(), newest.path());
    engine.shutdown().await.unwrap();

    restore_rows(&fixture, backup.path());
    let (kind, message) = refusal(&fixture).await;
    assert_eq!(kind, ErrorKind::Truncated);
    assert!(message.starts_with("log-truncated: the ledger holds 301 entries"), "{message}");
    assert!(message.contains("601") && message.contains("Restore the newest copy"), "{message}");

    restore_rows(&fixture, newest.path());
    assert_eq!(check(&fixture.open().await.unwrap()).await.tree_size, 601);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_of_another_history_is_refused_shorter_equal_and_longer() {
    let fixture = Fixture::new(Rows::Sqlite);
    let engine = fixture.create().await;
    engine.append(named(&fixture, "common", 100)).await.unwrap();
    engine.checkpoint().await.unwrap();
    let fork = tempfile::tempdir().unwrap();
    copy_files(fixture.path(), fork.path());
    let mut notes = Vec::new();
    for _ in 0..3 {
        engine.append(named(&fixture, &format!("one-{}", notes.len()), 50)).await.unwrap();
        notes.push(engine.checkpoint().await.unwrap().note);
    }
    engine.shutdown().await.unwrap();

    restore_rows(&fixture, fork.path());
    fs::copy(fork.path().join("checkpoint"), fixture.checkpoint_file()).unwrap();
    let engine = fixture.open().await.unwrap();
    engine.append(named(&fixture, "other", 100)).await.unwrap();
    let own = engine.checkpoint().await.unwrap().note;
    engine.shutdown().await.unwrap();

    let outcomes = [
        (&notes[0], "up to 151 entries the ledger is not the one that the checkpoint file beside it says"),
        (&notes[1], "up to 201 entries the ledger is not the one that the checkpoint file beside it says"),
        (&notes[2], "the ledger holds 201 entries, the checkpoint file beside it covers 251"),
    ];
    for (note, expected) in outcomes {
        fs::write(fixture.checkpoint_file(), note).unwrap();
        let (kind, message) = refusal(&fixture).await;
        assert_eq!(kind, ErrorKind::Truncated);
        assert!(message.starts_with("log-truncated") && message.contains(expected), "{message}");
    }
    fs::write(fixture.checkpoint_file(), own).unwrap();
    check(&fixture.open().await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_the_checkpoint_file_and_the_store_is_taken_up() {
    for fault in Fault::ALL {
        let fixture = Fixture::new(Rows::Memory);
        let faulty = Arc::new(FaultyStore::new(fixture.store(), fault));
        let engine = Engine::create(fixture.parts(faulty.clone()), &Actor::system()).await.unwrap();
        faulty.fail_publish(true);
        engine.append(events(&fixture, 1, 700)).await.unwrap();
        engine.checkpoint().await.unwrap_err();
        let reason = engine.state().signing_stopped.expect("an operator can see that signing stopped");
        assert!(!reason.is_empty());
        drop(engine);

        let engine = fixture.open().await.unwrap();
        assert_eq!(engine.ledger().checkpoint().await.unwrap().unwrap().size, 701);
        check(&engine).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_that_fails_is_made_up_for_without_a_restart() {
    for fault in Fault::ALL {
        let fixture = Fixture::new(Rows::Memory);
        let faulty = Arc::new(FaultyStore::new(fixture.store(), fault));
        let engine = Engine::create(fixture.parts(faulty.clone()), &Actor::system()).await.unwrap();
        engine.append(events(&fixture, 1, 300)).await.unwrap();
        faulty.fail_publish(true);
        engine.checkpoint().await.err();
        engine.append(events(&fixture, 2, 300)).await.unwrap();
        engine.checkpoint().await.unwrap_err();
        // The next event is taken although the store has to recover first.
        engine.append(events(&fixture, 3, 300)).await.unwrap();
        faulty.fail_publish(false);
        assert_eq!(engine.checkpoint().await.unwrap().size, 901);
        assert_eq!(engine.state().signing_stopped, None);
        check(&engine).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_of_unknown_outcome_is_in_the_ledger_once_after_a_retry() {
    for fault in Fault::ALL {
        let fixture = Fixture::new(Rows::Memory);
        let faulty = Arc::new(FaultyStore::new(fixture.store(), fault));
        let engine = Engine::create(fixture.parts(faulty.clone()), &Actor::system()).await.unwrap();
        engine.append(events(&fixture, 1, 100)).await.unwrap();
        faulty.fail_commit_after(0);
        let error = engine.append(events(&fixture, 2, 100)).await.unwrap_err();
        let expected = if fault == Fault::Refused { ErrorKind::DiskFull } else { ErrorKind::OutcomeUnknown };
        assert_eq!(error.kind(), expected);
        let again = engine.append(events(&fixture, 2, 100)).await.unwrap();
        let seqs: Vec<u64> = again.receipts.iter().map(|receipt| receipt.seq).collect();
        assert_eq!(seqs, (101..201).collect::<Vec<_>>());
        let duplicate = fault == Fault::AppliedUnknown;
        assert!(again.receipts.iter().all(|receipt| receipt.duplicate == duplicate));
        assert_eq!(again.tree_size, 201);
        engine.checkpoint().await.unwrap();
        check(&engine).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_of_a_killed_process_verify_and_open() {
    let fixture = Fixture::new(Rows::Sqlite);
    let engine = fixture.create().await;
    engine.append(events(&fixture, 1, 1_000)).await.unwrap();
    engine.checkpoint().await.unwrap();
    let mut killed = Fixture::new(Rows::Sqlite);
    killed.signer = fixture.signer.clone();
    copy_files(fixture.path(), killed.path());
    assert!(killed.path().join("ledger.sqlite-wal").exists(), "the process has not ended");

    for full in [false, true] {
        let store = SqliteStore::open_read_only(&killed.database(), &SqliteOptions::default()).unwrap();
        let subject = VerifySubject {
            store: Arc::new(store),
            destinations: vec![killed.destination()],
            last_checkpoint: Arc::new(CheckpointFile::new(killed.checkpoint_file())),
            clock: killed.clock.clone(),
            key: killed.signer.verifier().clone(),
        };
        let report = verify(&subject, &VerifyOptions { full }, &NoProgress).await.unwrap();
        assert!(report.ok, "{:#?}", report.problems);
        assert_eq!((report.tree_size, report.signed_size), (1_001, 1_001));
    }
    let reopened = killed.open().await.unwrap();
    assert_eq!(reopened.append(events(&fixture, 1, 1_000)).await.unwrap().tree_size, 1_001);
    check(&reopened).await;
}
