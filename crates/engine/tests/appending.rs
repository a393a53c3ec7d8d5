//! Taking events: order, idempotence, all-or-nothing.

use engine::ErrorKind;
use event::Filter;
use testkit::{Fixture, Rows, check, event_json, events};

#[tokio::test(flavor = "multi_thread")]
async fn receipts_are_dense_and_name_the_stored_lines() {
    let fixture = Fixture::new(Rows::Sqlite);
    let engine = fixture.create().await;
    let first = engine.ledger().tree_size();
    let appended = engine.append(events(&fixture, 1, 500)).await.unwrap();
    let seqs: Vec<u64> = appended.receipts.iter().map(|receipt| receipt.seq).collect();
    assert_eq!(seqs, (first..first + 500).collect::<Vec<_>>());
    assert_eq!(appended.tree_size, first + 500);
    for receipt in &appended.receipts {
        let shown = engine.ledger().show(receipt.seq).await.unwrap().unwrap();
        assert_eq!(shown.leaf_hash, receipt.leaf_hash);
        assert!(String::from_utf8(shown.line).unwrap().contains(receipt.event_id.as_ref().unwrap()));
    }
    engine.checkpoint().await.unwrap();
    check(&engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a3_the_same_event_again_answers_the_original_entry_and_burns_no_seq() {
    let fixture = Fixture::new(Rows::Sqlite);
    let engine = fixture.create().await;
    let once = engine.append(events(&fixture, 2, 50)).await.unwrap();
    let again = engine.append(events(&fixture, 2, 50)).await.unwrap();
    assert_eq!(again.tree_size, once.tree_size);
    for (once, again) in once.receipts.iter().zip(&again.receipts) {
        assert_eq!(
            (&once.event_id, once.seq, &once.leaf_hash),
            (&again.event_id, again.seq, &again.leaf_hash)
        );
        assert!(!once.duplicate && again.duplicate);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a3_other_content_under_the_same_id_is_a_conflict_and_stores_nothing_of_its_batch() {
    let fixture = Fixture::new(Rows::Memory);
    let engine = fixture.create().await;
    engine.append(vec![fixture.event(&event_json("e-1", "t", "ann", "a.b"))]).await.unwrap();
    let size = engine.ledger().tree_size();
    let batch = vec![
        fixture.event(&event_json("e-2", "t", "ann", "a.b")),
        fixture.event(&event_json("e-1", "t", "bob", "a.b")),
    ];
    let error = engine.append(batch).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(error.violations()[0].position, Some(1));
    assert_eq!(engine.ledger().tree_size(), size);
    // What was refused with its batch is free again.
    let after = engine.append(vec![fixture.event(&event_json("e-2", "t", "ann", "a.b"))]).await.unwrap();
    assert!(!after.receipts[0].duplicate);
    // The same id in another tenant is another event.
    let other = engine.append(vec![fixture.event(&event_json("e-1", "u", "bob", "a.b"))]).await.unwrap();
    assert!(!other.receipts[0].duplicate);
}

#[tokio::test(flavor = "multi_thread")]
async fn a3_duplicates_inside_one_batch_become_one_entry() {
    let fixture = Fixture::new(Rows::Memory);
    let engine = fixture.create().await;
    let json = event_json("e-1", "t", "ann", "a.b");
    let appended = engine.append(vec![fixture.event(&json), fixture.event(&json)]).await.unwrap();
    assert_eq!(appended.receipts[0].seq, appended.receipts[1].seq);
    assert_eq!([false, true], [appended.receipts[0].duplicate, appended.receipts[1].duplicate]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a3_source_and_external_id_are_unique_too() {
    let fixture = Fixture::new(Rows::Memory);
    let engine = fixture.create().await;
    let json = |actor: &str| {
        format!(
            r#"{{"stream":"audit","occurred_at":"2026-02-01T00:00:00Z","tenant":"t","actor":{{"type":"user","id":"{actor}"}},"action":"a.b","outcome":"success","source":"s","external_id":"x-1"}}"#
        )
    };
    let once = engine.append(vec![fixture.event(&json("ann"))]).await.unwrap();
    let again = engine.append(vec![fixture.event(&json("ann"))]).await.unwrap();
    assert!(again.receipts[0].duplicate);
    assert_eq!(once.receipts[0].event_id, again.receipts[0].event_id);
    let error = engine.append(vec![fixture.event(&json("bob"))]).await.unwrap_err();
    assert_eq!((error.kind(), error.violations()[0].member.as_str()), (ErrorKind::Conflict, "external_id"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledgers_own_tenant_and_source_are_refused() {
    let fixture = Fixture::new(Rows::Memory);
    let engine = fixture.create().await;
    let error =
        engine.append(vec![fixture.event(&event_json("e", "_strongroom", "a", "a.b"))]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Forbidden);
}

#[tokio::test(flavor = "multi_thread")]
async fn retention_is_never_shorter_than_the_streams_policy() {
    let fixture = Fixture::new(Rows::Memory);
    let engine = fixture.create().await;
    let json = |until: &str| {
        event_json(until, "t", "ann", "a.b")
            .replace("}}", &format!(r#"}},"retention_until":"{until}"}}"#))
            .replace(r#""source":"test"}"#, &format!(r#""source":"test","retention_until":"{until}"}}"#))
    };
    let error = engine.append(vec![fixture.event(&json("2026-04-01T00:00:00Z"))]).await.unwrap_err();
    assert_eq!(error.violations()[0].member, "retention_until");
    engine.append(vec![fixture.event(&json("2036-04-01T00:00:00Z"))]).await.unwrap();
    let page = engine.ledger().search(&Filter::default(), &engine::Page::default()).await.unwrap();
    let newest = String::from_utf8(page.entries[0].clone()).unwrap();
    assert!(newest.contains(r#""retention_until":"2036-04-01T00:00:00.000000Z""#), "{newest}");
    let oldest = String::from_utf8(page.entries.last().unwrap().clone()).unwrap();
    assert!(oldest.contains(r#""retention_until":"2029-02-28T00:00:00.000000Z""#), "{oldest}");
}

#[tokio::test(flavor = "multi_thread")]
async fn recorded_at_never_falls_even_when_the_clock_does() {
    let fixture = Fixture::new(Rows::Memory);
    let engine = fixture.create().await;
    engine.append(vec![fixture.event(&event_json("e-1", "t", "ann", "a.b"))]).await.unwrap();
    fixture.clock.advance_micros(-3_000_000);
    engine.append(vec![fixture.event(&event_json("e-2", "t", "ann", "a.b"))]).await.unwrap();
    let page = engine.ledger().search(&Filter::default(), &engine::Page::default()).await.unwrap();
    assert!(page.entries.iter().all(|line| {
        event::EntryFields::parse(line).unwrap().recorded_at.to_string() == "2026-03-01T00:00:00.000000Z"
    }));
    check(&engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_callers_with_the_same_events_leave_each_event_once() {
    let fixture = Fixture::new(Rows::Sqlite);
    let engine = fixture.create().await;
    let before = engine.ledger().tree_size();
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (engine, batch) = (engine.clone(), events(&fixture, 9, 200));
            tokio::spawn(async move { engine.append(batch).await.unwrap() })
        })
        .collect();
    let mut fresh = 0;
    for task in tasks {
        fresh += task.await.unwrap().receipts.iter().filter(|receipt| !receipt.duplicate).count();
    }
    assert_eq!(fresh, 200);
    assert_eq!(engine.ledger().tree_size(), before + 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a3_a_retry_is_recognised_although_it_would_be_refused_as_new() {
    let fixture = Fixture::new(Rows::Memory);
    let engine = fixture.create().await;
    // One minute longer than the policy asks for now; less than it asks for two minutes later.
    let json = event_json("e-1", "t", "ann", "a.b")
        .replace(r#""source":"test"}"#, r#""source":"test","retention_until":"2029-02-28T00:01:00Z"}"#);
    let once = engine.append(vec![fixture.event(&json)]).await.unwrap();
    fixture.clock.advance_micros(120_000_000);
    let again = engine.append(vec![fixture.event(&json)]).await.unwrap();
    assert_eq!((again.receipts[0].seq, again.receipts[0].duplicate), (once.receipts[0].seq, true));
    let new = json.replace("e-1", "e-2");
    let error = engine.append(vec![fixture.event(&new)]).await.unwrap_err();
    assert_eq!((error.kind(), error.violations()[0].rule), (ErrorKind::Invalid, "shorter_than_policy"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reserved_source_is_named_as_such() {
    let fixture = Fixture::new(Rows::Memory);
    let engine = fixture.create().await;
    let json = event_json("e", "t", "a", "a.b").replace(r#""source":"test""#, r#""source":"strongroom""#);
    let error = engine.append(vec![fixture.event(&json)]).await.unwrap_err();
    assert_eq!(error.violations()[0].member, "source");
}
