//! Reading the hot window.

use store::{Entry, EntryScan, Order, Store};

use crate::contents::scan;
use crate::samples::{commit_after, fill, line, prune_after};

fn seqs(entries: &[Entry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.seq).collect()
}

async fn bounded(store: &dyn Store, order: Order, rows_max: usize, bytes_max: usize) -> Vec<u64> {
    let scan = EntryScan { range: 2..8, order, rows_max, bytes_max };
    seqs(&store.entries(scan).await.unwrap())
}

pub(crate) async fn a_scan_is_half_open(store: &dyn Store) {
    fill(store, 10).await;
    assert_eq!(seqs(&scan(store, 3, 6, Order::Ascending).await), [3, 4, 5]);
    assert_eq!(seqs(&scan(store, 8, 100, Order::Ascending).await), [8, 9]);
    assert_eq!(seqs(&scan(store, 9, u64::MAX, Order::Ascending).await), [9]);
}

pub(crate) async fn a_descending_scan_begins_at_the_end(store: &dyn Store) {
    fill(store, 10).await;
    assert_eq!(seqs(&scan(store, 3, 6, Order::Descending).await), [5, 4, 3]);
    assert_eq!(seqs(&scan(store, 8, u64::MAX, Order::Descending).await), [9, 8]);
}

pub(crate) async fn rows_bound_a_scan(store: &dyn Store) {
    fill(store, 10).await;
    assert_eq!(bounded(store, Order::Ascending, 2, usize::MAX).await, [2, 3]);
    assert_eq!(bounded(store, Order::Descending, 2, usize::MAX).await, [7, 6]);
    assert_eq!(bounded(store, Order::Ascending, 6, usize::MAX).await, [2, 3, 4, 5, 6, 7]);
}

pub(crate) async fn a_scan_stops_after_the_entry_that_reaches_the_bytes(store: &dyn Store) {
    fill(store, 10).await;
    let bytes = line(2).len();
    for order in [Order::Ascending, Order::Descending] {
        assert_eq!(bounded(store, order, 10, bytes * 2 - 1).await.len(), 2);
        assert_eq!(bounded(store, order, 10, bytes * 2).await.len(), 2);
        assert_eq!(bounded(store, order, 10, bytes * 2 + 1).await.len(), 3);
    }
}

pub(crate) async fn a_scan_answers_at_least_one_entry(store: &dyn Store) {
    fill(store, 10).await;
    assert_eq!(bounded(store, Order::Ascending, 10, 0).await, [2]);
    assert_eq!(bounded(store, Order::Descending, 0, 10).await, [7]);
    assert_eq!(bounded(store, Order::Ascending, 0, 0).await, [2]);
}

pub(crate) async fn a_scan_of_an_empty_or_far_range_is_empty(store: &dyn Store) {
    fill(store, 10).await;
    for order in [Order::Ascending, Order::Descending] {
        for (start, end) in
            [(4, 4), (6, 4), (10, 20), (1 << 63, u64::MAX), (u64::MAX, u64::MAX), (u64::MAX, 0)]
        {
            assert_eq!(scan(store, start, end, order).await, [], "{start}..{end} {order:?}");
        }
    }
}

pub(crate) async fn scanning_page_by_page_reads_everything(store: &dyn Store) {
    fill(store, 20).await;
    store.commit(prune_after(20, vec![5..9, 12..13, 19..20], vec![])).await.unwrap();
    let (mut next, mut seen) = (0, Vec::new());
    loop {
        let scan = EntryScan { range: next..20, order: Order::Ascending, rows_max: 3, bytes_max: 60 };
        let page = store.entries(scan).await.unwrap();
        let Some(last) = page.last() else { break };
        next = last.seq + 1;
        seen.extend(seqs(&page));
    }
    assert_eq!(seen, [0, 1, 2, 3, 4, 9, 10, 11, 13, 14, 15, 16, 17, 18]);
}

pub(crate) async fn entries_at_keeps_the_order_asked(store: &dyn Store) {
    fill(store, 10).await;
    let found = store.entries_at(vec![7, 2, 9, 2]).await.unwrap();
    assert_eq!(seqs(&found), [7, 2, 9, 2]);
    assert!(found.iter().all(|entry| entry.line == line(entry.seq)));
}

pub(crate) async fn entries_at_leaves_out_what_is_not_hot(store: &dyn Store) {
    fill(store, 10).await;
    store.commit(prune_after(10, std::iter::once(3..5).collect(), vec![])).await.unwrap();
    let found = store.entries_at(vec![10, 4, 5, 3, 2, u64::MAX, 1 << 63]).await.unwrap();
    assert_eq!(seqs(&found), [5, 2]);
    assert_eq!(store.entries_at(Vec::new()).await.unwrap(), []);
}

pub(crate) async fn lines_come_back_byte_for_byte(store: &dyn Store) {
    let lines = ["{}".to_owned(), String::new(), r#"{"a":"é ‰ 😀 \u0000"}"#.into(), "x".repeat(300_000)];
    let mut commit = commit_after(0, lines.len() as u64);
    commit.lines = lines.iter().map(|line| line.clone().into_bytes()).collect();
    store.commit(commit).await.unwrap();
    let found = scan(store, 0, 9, Order::Ascending).await;
    let found: Vec<_> = found.into_iter().map(|entry| String::from_utf8(entry.line).unwrap()).collect();
    assert_eq!(found, lines);
}
