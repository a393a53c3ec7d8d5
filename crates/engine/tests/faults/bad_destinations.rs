//! Destinations that hold something else than what was written, or nothing: the range stays hot.

use archive::{MANIFEST_SUFFIX, StorageErrorKind};
use engine::RunResult;
use store::{EntryScan, Order, Store};
use testkit::{StorageCall, StorageFault, StorageRule, check, event_json};

use crate::scene::{ENTRIES, Scene, run};
use crate::steps::Failure;

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
