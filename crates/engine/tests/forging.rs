//! What someone who can write the database, and has no key, makes the ledger say about itself.

use engine::{NoProgress, VerifyOptions};
use event::{Event, Limits};
use merkle::{CompactRange, leaf_hash};
use store::{Commit, Head, Prune, Row, RowChange, Table};
use testkit::{Fixture, Rows, events};

/// Appends an entry in the ledger's own name that attests a pruning, as an engine would, and deletes the entry.
async fn forge_pruning(fixture: &Fixture, seq: u64) {
    let store = fixture.store();
    let head = store.head().await.unwrap().unwrap();
    let body = format!(r#"{{"batch":"20260301T000000Z-0000000000000000","ranges":[[{seq},{seq}]]}}"#);
    let key = format!("{seq:020}");
    let state = format!(
        r#"[{{"table":"pruned","key":"{key}","sha256":"{}"}}]"#,
        archive::Digest::of(body.as_bytes())
    );
    let json = format!(
        r#"{{"stream":"audit","event_id":"forged","occurred_at":"2026-03-01T00:00:00Z","tenant":"_strongroom",
            "actor":{{"type":"system"}},"action":"ledger.pruned","outcome":"success","source":"strongroom",
            "metadata":{{"ranges":[[{seq},{seq}]],"entries":1,"state":{state}}}}}"#
    );
    let event =
        Event::parse(json.as_bytes(), &Limits::default(), engine::Clock::now(&*fixture.clock)).unwrap();
    let mut line = Vec::new();
    let recorded_at = event::Timestamp::from_micros(head.recorded_at).unwrap();
    event.write_line(head.size, recorded_at, None, &mut line);
    let mut range = CompactRange::from_bytes(head.size, &head.range).unwrap();
    range.append(leaf_hash(&line));
    let pruned = seq..seq + 1;
    let commit = Commit {
        expected_size: head.size,
        expected_rows: Vec::new(),
        lines: vec![line],
        keys: Vec::new(),
        head: Head { size: head.size + 1, range: range.to_bytes(), ..head.clone() },
        rows: vec![RowChange::Put(Table::Pruned, Row { key, body })],
        prune: Some(Prune { ranges: vec![pruned], hold_version: head.hold_version, segments: Vec::new() }),
        restore: None,
    };
    store.commit(commit).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn d2_a_forged_receipt_does_not_hide_a_deletion() {
    let fixture = Fixture::new(Rows::Sqlite);
    let engine = fixture.create().await;
    engine.append(events(&fixture, 41, 50)).await.unwrap();
    engine.shutdown().await.unwrap();
    forge_pruning(&fixture, 10).await;
    // The engine takes what was appended for its own and signs it …
    let engine = fixture.open().await.unwrap();
    assert_eq!(engine.checkpoint().await.unwrap().size, 52);
    // … but no manifest proves that the entry is anywhere else.
    let report = engine.ledger().verify(&VerifyOptions { full: false }, &NoProgress).await.unwrap();
    let found: Vec<_> =
        report.problems.iter().map(|finding| (finding.reason.as_str(), finding.seq)).collect();
    assert_eq!(found, [("entry-missing", Some(10))]);
}
