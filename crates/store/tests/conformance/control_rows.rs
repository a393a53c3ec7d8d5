//! Control tables.

use proptest::collection::btree_set;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestRunner;
use store::{ErrorKind, Expected, ExpectedRow, KeyRow, RowChange, Store, Table};

use crate::backends::Backend;
use crate::model::{config, runtime};
use crate::samples::{commit_after, refused, row};

async fn change(store: &dyn Store, changes: Vec<RowChange>) {
    let size = store.head().await.unwrap().map_or(0, |head| head.size);
    let mut commit = commit_after(size, 1);
    commit.rows = changes;
    store.commit(commit).await.unwrap();
}

async fn put(store: &dyn Store, table: Table, keys: &[&str]) {
    change(store, keys.iter().map(|key| RowChange::Put(table, row(key, key))).collect()).await;
}

async fn keys(store: &dyn Store, prefix: &str, after: Option<&str>, limit: usize) -> Vec<String> {
    let rows = store.rows(Table::Object, prefix, after, limit).await.unwrap();
    rows.into_iter().map(|row| row.key).collect()
}

pub(crate) async fn rows_are_put_replaced_and_deleted(store: &dyn Store) {
    put(store, Table::Token, &["a", "b"]).await;
    let changes = vec![
        RowChange::Put(Table::Token, row("a", "again")),
        RowChange::Delete(Table::Token, "b".into()),
        RowChange::Put(Table::Token, row("c", "")),
    ];
    change(store, changes).await;
    let rows = store.rows(Table::Token, "", None, 9).await.unwrap();
    assert_eq!(rows, [row("a", "again"), row("c", "")]);
}

pub(crate) async fn deleting_a_row_that_is_not_there_is_no_error(store: &dyn Store) {
    change(store, vec![RowChange::Delete(Table::Batch, "nothing".into())]).await;
    assert_eq!(store.head().await.unwrap().unwrap().size, 1);
}

pub(crate) async fn tables_do_not_mix(store: &dyn Store) {
    for table in Table::ALL {
        change(store, vec![RowChange::Put(table, row("same", table.name()))]).await;
    }
    change(store, vec![RowChange::Delete(Table::Pruned, "same".into())]).await;
    for table in Table::ALL {
        let rows = store.rows(table, "", None, 9).await.unwrap();
        let expected = if table == Table::Pruned { vec![] } else { vec![row("same", table.name())] };
        assert_eq!(rows, expected);
    }
}

pub(crate) async fn changes_apply_in_their_order(store: &dyn Store) {
    let changes = vec![
        RowChange::Put(Table::Batch, row("kept", "1")),
        RowChange::Delete(Table::Batch, "kept".into()),
        RowChange::Put(Table::Batch, row("kept", "2")),
        RowChange::Put(Table::Batch, row("gone", "1")),
        RowChange::Delete(Table::Batch, "gone".into()),
    ];
    change(store, changes).await;
    assert_eq!(store.rows(Table::Batch, "", None, 9).await.unwrap(), [row("kept", "2")]);
}

pub(crate) async fn rows_page_in_key_order(store: &dyn Store) {
    put(store, Table::Object, &["10", "9", "1", "a", "B", "b"]).await;
    assert_eq!(keys(store, "", None, usize::MAX).await, ["1", "10", "9", "B", "a", "b"]);
    assert_eq!(keys(store, "", None, 2).await, ["1", "10"]);
    assert_eq!(keys(store, "", Some("10"), 2).await, ["9", "B"]);
    assert_eq!(keys(store, "", Some("b"), 2).await, Vec::<String>::new());
    assert_eq!(keys(store, "", None, 0).await, Vec::<String>::new());
}

pub(crate) async fn a_prefix_is_taken_letter_by_letter(store: &dyn Store) {
    let all = ["%", "%a", "*", "[a]", "_", "_a", "a%b", "a%bc", "a\\b", "a_b", "aXb", "A_b", "it's"];
    put(store, Table::Object, &all).await;
    for prefix in ["%", "_", "a%", "a_", "a\\", "*", "[", "A", "it'", "a%bcd"] {
        let mut expected: Vec<_> = all.iter().filter(|key| key.starts_with(prefix)).copied().collect();
        expected.sort_unstable();
        assert_eq!(keys(store, prefix, None, 99).await, expected, "{prefix}");
    }
}

pub(crate) async fn a_prefix_ends_before_its_successor(store: &dyn Store) {
    put(store, Table::Object, &["b1", "b1/1", "b1/2", "b10/1", "b2/1", "b"]).await;
    assert_eq!(keys(store, "b1/", None, 99).await, ["b1/1", "b1/2"]);
    assert_eq!(keys(store, "b1/", None, 1).await, ["b1/1"]);
    assert_eq!(keys(store, "b1", None, 99).await, ["b1", "b1/1", "b1/2", "b10/1"]);
}

pub(crate) async fn unicode_keys_sort_by_their_bytes(store: &dyn Store) {
    let all =
        ["z", "é", "é1", "ß", "\u{d7ff}", "\u{e000}", "\u{ffff}x", "😀", "😀b", "\u{10ffff}", "\u{10ffff}z"];
    put(store, Table::Object, &all).await;
    let mut ordered = all;
    ordered.sort_unstable();
    assert_eq!(keys(store, "", None, 99).await, ordered);
    assert_eq!(keys(store, "é", None, 99).await, ["é", "é1"]);
    assert_eq!(keys(store, "😀", None, 99).await, ["😀", "😀b"]);
    assert_eq!(keys(store, "\u{d7ff}", None, 99).await, ["\u{d7ff}"]);
    assert_eq!(keys(store, "\u{10ffff}", None, 99).await, ["\u{10ffff}", "\u{10ffff}z"]);
    assert_eq!(keys(store, "😀", Some("😀"), 99).await, ["😀b"]);
}

pub(crate) async fn after_bounds_a_prefix_from_both_sides(store: &dyn Store) {
    put(store, Table::Object, &["a", "b", "ba", "bb", "c"]).await;
    assert_eq!(keys(store, "b", Some("a"), 99).await, ["b", "ba", "bb"]);
    assert_eq!(keys(store, "b", Some("b"), 99).await, ["ba", "bb"]);
    assert_eq!(keys(store, "b", Some("b0"), 99).await, ["ba", "bb"]);
    assert_eq!(keys(store, "b", Some("bb"), 99).await, Vec::<String>::new());
    assert_eq!(keys(store, "b", Some("c"), 99).await, Vec::<String>::new());
}

pub(crate) async fn an_empty_key_is_a_key(store: &dyn Store) {
    put(store, Table::Object, &["", "a"]).await;
    assert_eq!(keys(store, "", None, 99).await, ["", "a"]);
    assert_eq!(keys(store, "", Some(""), 99).await, ["a"]);
}

pub(crate) async fn only_transient_tables_take_rows_without_an_entry(store: &dyn Store) {
    for table in Table::ALL {
        let result = store.put_transient(table, row("task", "1"), Expected::Anything).await;
        if table.is_transient() {
            result.unwrap();
            store.put_transient(table, row("task", "2"), Expected::Anything).await.unwrap();
            assert_eq!(store.rows(table, "", None, 9).await.unwrap(), [row("task", "2")]);
        } else {
            refused(result, ErrorKind::Invalid);
            assert_eq!(store.rows(table, "", None, 9).await.unwrap(), []);
        }
    }
    assert_eq!(store.head().await.unwrap(), None);
}

pub(crate) async fn a_transient_row_is_put_only_where_the_row_is_as_expected(store: &dyn Store) {
    let put = async |body: &str, expected: Expected| {
        store.put_transient(Table::Lease, row("archive", body), expected).await
    };
    let body = |body: &str| Expected::Body(body.into());
    refused(put("1", body("0")).await, ErrorKind::RowMoved);
    put("1", Expected::Nothing).await.unwrap();
    refused(put("2", Expected::Nothing).await, ErrorKind::RowMoved);
    refused(put("2", body("")).await, ErrorKind::RowMoved);
    put("2", body("1")).await.unwrap();
    refused(put("3", body("1")).await, ErrorKind::RowMoved);
    // Other tables and keys do not count.
    refused(store.put_transient(Table::Lease, row("other", "3"), body("2")).await, ErrorKind::RowMoved);
    refused(store.put_transient(Table::TaskRun, row("archive", "3"), body("2")).await, ErrorKind::RowMoved);
    assert_eq!(store.rows(Table::Lease, "", None, 9).await.unwrap(), [row("archive", "2")]);
}

pub(crate) async fn of_callers_that_expect_the_same_row_one_puts_its_own(store: &dyn Store) {
    store.put_transient(Table::Lease, row("archive", "free"), Expected::Nothing).await.unwrap();
    let put = async |body: &str| {
        store.put_transient(Table::Lease, row("archive", body), Expected::Body("free".into())).await
    };
    let answers = tokio::join!(put("0"), put("1"), put("2"));
    let answers = [answers.0, answers.1, answers.2];
    let won: Vec<usize> = (0..3).filter(|number| answers[*number].is_ok()).collect();
    assert_eq!(won.len(), 1, "{answers:?}");
    let expected = [row("archive", &won[0].to_string())];
    assert_eq!(store.rows(Table::Lease, "", None, 9).await.unwrap(), expected);
}

pub(crate) async fn a_commit_goes_through_only_where_the_rows_are_as_expected(store: &dyn Store) {
    put(store, Table::Batch, &["there"]).await;
    let head = store.head().await.unwrap();
    let expect =
        |key: &str, expected: Expected| ExpectedRow { table: Table::Batch, key: key.into(), expected };
    let mut commit = commit_after(1, 1);
    commit.rows = vec![RowChange::Put(Table::Batch, row("there", "changed"))];
    for moved in [
        expect("there", Expected::Nothing),
        expect("there", Expected::Body("other".into())),
        expect("absent", Expected::Body("there".into())),
    ] {
        commit.expected_rows = vec![expect("there", Expected::Anything), moved];
        refused(store.commit(commit.clone()).await, ErrorKind::RowMoved);
        assert_eq!(store.head().await.unwrap(), head);
        assert_eq!(store.rows(Table::Batch, "", None, 9).await.unwrap(), [row("there", "there")]);
    }
    commit.expected_rows = vec![
        expect("there", Expected::Body("there".into())),
        expect("absent", Expected::Nothing),
        expect("absent", Expected::Anything),
    ];
    store.commit(commit).await.unwrap();
    assert_eq!(store.rows(Table::Batch, "", None, 9).await.unwrap(), [row("there", "changed")]);
}

pub(crate) async fn a_commit_without_entries_changes_rows_and_nothing_else(store: &dyn Store) {
    put(store, Table::Token, &["a"]).await;
    let head = store.head().await.unwrap().unwrap();
    let mut begun = commit_after(head.size, 0);
    begun.head = head.clone();
    begun.rows = vec![
        RowChange::Put(Table::Operation, row("op|1", "body")),
        RowChange::Put(Table::Operation, row("due|00000000000000000007|1", "{}")),
    ];
    store.commit(begun.clone()).await.unwrap();
    assert_eq!(store.head().await.unwrap(), Some(head));
    let due = store.rows(Table::Operation, "due|", None, 9).await.unwrap();
    assert_eq!(due, [row("due|00000000000000000007|1", "{}")]);
    begun.expected_size += 1;
    begun.head.size += 1;
    refused(store.commit(begun).await, ErrorKind::HeadMoved);
}

pub(crate) async fn transient_rows_go_with_the_entry_of_their_commit_or_stay(store: &dyn Store) {
    let (op, due) = (row("op|1", "body"), row("due|00000000000000000007|1", "{}"));
    let all = [due.clone(), op.clone()];
    change(store, all.iter().map(|row| RowChange::Put(Table::Operation, row.clone())).collect()).await;
    let mut ended = commit_after(1, 1);
    ended.keys = vec![KeyRow { key: [7; 16], seq: 1, content: [1; 16] }];
    ended.rows = all.iter().map(|row| RowChange::Delete(Table::Operation, row.key.clone())).collect();
    let mut conflicting = ended.clone();
    conflicting.keys = vec![KeyRow { key: [7; 16], seq: 1, content: [1; 16] }; 2];
    refused(store.commit(conflicting).await, ErrorKind::Conflict);
    assert_eq!(store.rows(Table::Operation, "", None, 9).await.unwrap(), all);
    store.commit(ended).await.unwrap();
    assert_eq!(store.rows(Table::Operation, "", None, 9).await.unwrap(), []);
    assert_eq!(store.keys(vec![[7; 16]]).await.unwrap()[0].map(|row| row.seq), Some(1));
}

fn any_key() -> impl Strategy<Value = String> {
    let letters = select(vec!['a', 'b', '%', '_', '\\', '/', 'é', '\u{ffff}', '😀', '\u{10ffff}']);
    proptest::collection::vec(letters, 0..4).prop_map(String::from_iter)
}

pub(crate) fn prefix_pages_agree_with_a_plain_filter<F: Future<Output = Backend>>(open: fn() -> F) {
    let runtime = runtime();
    let queries = proptest::collection::vec((any_key(), option::of(any_key()), 0..6_usize), 20);
    TestRunner::new(config(24))
        .run(&(btree_set(any_key(), 0..40), queries), |(all, queries)| {
            runtime.block_on(async {
                let store = open().await;
                let all: Vec<&str> = all.iter().map(String::as_str).collect();
                put(&*store, Table::Object, &all).await;
                for (prefix, after, limit) in queries {
                    let after = after.as_deref();
                    let matching = all
                        .iter()
                        .filter(|key| key.starts_with(&prefix) && after.is_none_or(|after| **key > after));
                    let expected: Vec<_> = matching.take(limit).copied().collect();
                    let answer = keys(&*store, &prefix, after, limit).await;
                    prop_assert_eq!(answer, expected, "{:?} after {:?}", prefix, after);
                }
                Ok(())
            })
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}
