//! Commits: all or nothing, one after the other.

use store::{Commit, Error, ErrorKind, Head, Order, Prune, RowChange, Store, Table};

use crate::contents::{Contents, hot, scan};
use crate::samples::{block, commit_after, fill, key_row, line, refused, row, segment};

pub(crate) async fn an_empty_store_has_no_head_and_no_rows(store: &dyn Store) {
    let contents = Contents::of(store).await;
    assert_eq!(contents.head, None);
    assert_eq!(contents.checkpoint, None);
    assert!(contents.entries.is_empty() && contents.keys.is_empty() && contents.segments.is_empty());
    assert!(contents.tiles.is_empty() && contents.rows.iter().all(|(_, rows)| rows.is_empty()));
}

pub(crate) async fn a_first_commit_makes_the_head(store: &dyn Store) {
    let commit = commit_after(0, 3);
    store.commit(commit.clone()).await.unwrap();
    assert_eq!(store.head().await.unwrap(), Some(commit.head));
}

pub(crate) async fn a_first_commit_may_be_empty(store: &dyn Store) {
    store.commit(commit_after(0, 0)).await.unwrap();
    assert_eq!(store.head().await.unwrap().map(|head| head.size), Some(0));
    store.commit(commit_after(0, 1)).await.unwrap();
    assert_eq!(hot(store).await, [0]);
}

pub(crate) async fn entries_follow_each_other_over_commits(store: &dyn Store) {
    for (size, count) in [(0, 2), (2, 1), (3, 0), (3, 4)] {
        store.commit(commit_after(size, count)).await.unwrap();
    }
    let entries = scan(store, 0, u64::MAX, Order::Ascending).await;
    assert_eq!(entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 6]);
    assert!(entries.iter().all(|entry| entry.line == line(entry.seq)));
}

/// A commit after `size` that touches everything a commit can touch.
fn full_commit(size: u64) -> Commit {
    let mut commit = commit_after(size, 2);
    commit.keys = vec![key_row(100, size), key_row(101, size + 1)];
    commit.rows = vec![
        RowChange::Put(Table::Batch, row("new", "{}")),
        RowChange::Put(Table::Token, row("old", "changed")),
        RowChange::Delete(Table::Identity, "old".into()),
    ];
    commit.prune = Some(Prune { ranges: vec![0..2, 4..5], hold_version: 0, segments: vec![0] });
    commit.head =
        Head { size: size + 2, range: b"new range".to_vec(), recorded_at: i64::MAX, hold_version: 7 };
    commit
}

/// Six entries, keys, rows and a sealed segment, so that a commit left half done would show.
async fn furnish(store: &dyn Store) {
    let mut commit = commit_after(0, 6);
    commit.keys = vec![key_row(1, 0), key_row(2, 1)];
    commit.rows = vec![
        RowChange::Put(Table::Token, row("old", "first")),
        RowChange::Put(Table::Identity, row("old", "first")),
    ];
    store.commit(commit).await.unwrap();
    store.seal(segment(0), vec![block(0, 1, 0, 5)]).await.unwrap();
}

pub(crate) async fn one_commit_does_everything_it_says(store: &dyn Store) {
    furnish(store).await;
    let commit = full_commit(6);
    store.commit(commit.clone()).await.unwrap();
    let contents = Contents::of(store).await;
    assert_eq!(contents.head, Some(commit.head));
    assert_eq!(hot(store).await, [2, 3, 5, 6, 7]);
    assert_eq!(contents.keys, [key_row(1, 0), key_row(2, 1), key_row(100, 6), key_row(101, 7)]);
    assert!(contents.blocks.is_empty());
    let rows = |table| contents.rows.iter().find(|(name, _)| *name == table).unwrap().1.clone();
    assert_eq!(rows(Table::Batch), [row("new", "{}")]);
    assert_eq!(rows(Table::Token), [row("old", "changed")]);
    assert_eq!(rows(Table::Identity), []);
}

/// The commit is refused for this reason, what is stored stays as it was, and a right commit still goes through.
async fn refused_without_a_trace(store: &dyn Store, spoil: impl FnOnce(&mut Commit), kind: ErrorKind) {
    furnish(store).await;
    let before = Contents::of(store).await;
    let mut commit = full_commit(6);
    spoil(&mut commit);
    refused(store.commit(commit).await, kind);
    assert_eq!(Contents::of(store).await, before);
    store.commit(full_commit(6)).await.unwrap();
}

pub(crate) async fn a_moved_head_refuses_and_leaves_nothing(store: &dyn Store) {
    let spoil = |commit: &mut Commit| *commit = full_commit(5);
    refused_without_a_trace(store, spoil, ErrorKind::HeadMoved).await;
}

pub(crate) async fn a_first_commit_to_a_ledger_that_exists_is_refused(store: &dyn Store) {
    fill(store, 3).await;
    refused(store.commit(commit_after(0, 3)).await, ErrorKind::HeadMoved);
    refused(store.commit(commit_after(4, 1)).await, ErrorKind::HeadMoved);
    assert_eq!(hot(store).await, [0, 1, 2]);
}

pub(crate) async fn moved_holds_refuse_and_leave_nothing(store: &dyn Store) {
    let spoil = |commit: &mut Commit| commit.prune.as_mut().unwrap().hold_version = 1;
    refused_without_a_trace(store, spoil, ErrorKind::HoldsMoved).await;
}

pub(crate) async fn a_known_key_refuses_and_leaves_nothing(store: &dyn Store) {
    let spoil = |commit: &mut Commit| commit.keys.push(key_row(2, 7));
    refused_without_a_trace(store, spoil, ErrorKind::Conflict).await;
}

pub(crate) async fn a_key_twice_in_a_commit_refuses_and_leaves_nothing(store: &dyn Store) {
    let spoil = |commit: &mut Commit| commit.keys.push(key_row(100, 7));
    refused_without_a_trace(store, spoil, ErrorKind::Conflict).await;
}

pub(crate) async fn a_line_that_is_not_utf8_refuses_and_leaves_nothing(store: &dyn Store) {
    let spoil = |commit: &mut Commit| commit.lines[1] = vec![b'{', 0xff, b'}'];
    refused_without_a_trace(store, spoil, ErrorKind::Invalid).await;
}

pub(crate) async fn a_head_that_contradicts_the_lines_is_refused(store: &dyn Store) {
    let spoil = |commit: &mut Commit| commit.head.size += 1;
    refused_without_a_trace(store, spoil, ErrorKind::Invalid).await;
}

pub(crate) async fn of_commits_at_the_same_size_one_wins(store: &dyn Store) {
    fill(store, 1).await;
    let results = tokio::join!(
        store.commit(commit_after(1, 1)),
        store.commit(commit_after(1, 2)),
        store.commit(commit_after(1, 3)),
    );
    let results = [results.0, results.1, results.2];
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    let refusals = results.iter().filter_map(|result| result.as_ref().err().map(Error::kind));
    assert_eq!(refusals.collect::<Vec<_>>(), [ErrorKind::HeadMoved, ErrorKind::HeadMoved]);
    let winner = results.iter().position(Result::is_ok).unwrap() as u64;
    assert_eq!(store.head().await.unwrap().unwrap().size, 1 + winner + 1);
    assert_eq!(hot(store).await, (0..winner + 2).collect::<Vec<_>>());
}

pub(crate) async fn commits_apply_in_the_order_they_were_called(store: &dyn Store) {
    let results = tokio::join!(
        store.commit(commit_after(0, 2)),
        store.commit(commit_after(2, 2)),
        store.commit(commit_after(4, 2)),
    );
    assert!(results.0.is_ok() && results.1.is_ok() && results.2.is_ok());
    assert_eq!(store.head().await.unwrap().unwrap().size, 6);
}
