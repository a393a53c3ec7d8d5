//! Random sequences of calls, compared with the simplest thing that keeps the contract: the store in memory. For that
//! backend itself the comparison says little; the behaviours by name hold it to the contract.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseResult, TestRunner};
use store::{
    Checkpoint, Commit, Entry, ErrorKind, Expected, ExpectedRow, Head, KeyRow, MemoryStore, Prune, Restore,
    RowChange, SeqRange, Store, Table, Tile,
};
use tokio::runtime::{Builder, Runtime};

use crate::backends::Backend;
use crate::contents::{Contents, scan};
use crate::samples::{block, commit_after, key, key_row, line, row, segment};

/// How many cases a property tries; failures are printed, not kept in a file.
pub(crate) fn config(cases: u32) -> Config {
    Config { cases, failure_persistence: None, ..Config::default() }
}

pub(crate) fn runtime() -> Runtime {
    Builder::new_current_thread().build().expect("a runtime")
}

/// One call. Sizes and versions are relative to the head, so that most calls get through.
#[derive(Debug, Clone)]
enum Call {
    Commit {
        lines: u64,
        behind: bool,
        keys: Vec<u64>,
        rows: Vec<(usize, u8, Option<u8>)>,
        expected: Option<(usize, u8, Expected)>,
        holds: bool,
    },
    Prune {
        ranges: Vec<(u64, u64)>,
        segments: Vec<u64>,
        stale: bool,
    },
    Restore {
        seqs: Vec<u64>,
        index: Option<(u64, u64)>,
    },
    Seal {
        number: u64,
        first_terms: Vec<(u8, u64)>,
    },
    DeleteKeys(Vec<u64>),
    Publish {
        tiles: Vec<(u8, u64, usize)>,
        size: u64,
    },
    PutTransient {
        table: usize,
        key: u8,
        body: u8,
        expected: Expected,
    },
    Recover,
    Reclaim(u64),
}

fn expected() -> impl Strategy<Value = Expected> {
    prop_oneof![
        2 => Just(Expected::Anything),
        1 => Just(Expected::Nothing),
        2 => (0..3_u8).prop_map(|body| Expected::Body(body.to_string())),
    ]
}

fn call() -> impl Strategy<Value = Call> {
    let change = (0..Table::ALL.len(), 0..6_u8, option::of(any::<u8>()));
    let commit = (
        0..6_u64,
        prop::bool::weighted(0.1),
        vec(0..60_u64, 0..3),
        vec(change, 0..3),
        option::weighted(0.3, (0..Table::ALL.len(), 0..6_u8, expected())),
        prop::bool::weighted(0.2),
    );
    let range = (0..60_u64, 0..12_u64);
    let tile = (0..3_u8, 0..3_u64, 1..5_usize);
    prop_oneof![
        6 => commit.prop_map(|(lines, behind, keys, rows, expected, holds)| Call::Commit { lines, behind, keys, rows, expected, holds }),
        3 => (vec(range, 0..4), vec(0..4_u64, 0..2), prop::bool::weighted(0.2))
            .prop_map(|(ranges, segments, stale)| Call::Prune { ranges, segments, stale }),
        3 => (vec(0..60_u64, 0..6), option::of((0..4_u64, 0..9_u64)))
            .prop_map(|(seqs, index)| Call::Restore { seqs, index }),
        2 => (0..4_u64, vec((0..3_u8, 0..9_u64), 0..8))
            .prop_map(|(number, first_terms)| Call::Seal { number, first_terms }),
        1 => vec(0..60_u64, 0..8).prop_map(Call::DeleteKeys),
        1 => (vec(tile, 0..4), 0..60_u64).prop_map(|(tiles, size)| Call::Publish { tiles, size }),
        1 => (0..Table::ALL.len(), 0..4_u8, 0..3_u8, expected())
            .prop_map(|(table, key, body, expected)| Call::PutTransient { table, key, body, expected }),
        1 => Just(Call::Recover),
        1 => (0..100_000_u64).prop_map(Call::Reclaim),
    ]
}

fn commit(head: &Head, lines: u64, behind: bool) -> Commit {
    let mut commit = commit_after(head.size.saturating_sub(u64::from(behind)), lines);
    commit.head.hold_version = head.hold_version;
    commit
}

/// Makes the call and answers how it ended.
async fn make(store: &dyn Store, head: &Head, call: &Call) -> Result<(), ErrorKind> {
    let result = match call.clone() {
        Call::Commit { lines, behind, keys, rows, expected, holds } => {
            let mut commit = commit(head, lines, behind);
            commit.expected_rows = expected
                .into_iter()
                .map(|(table, key, expected)| ExpectedRow {
                    table: Table::ALL[table],
                    key: key.to_string(),
                    expected,
                })
                .collect();
            commit.head.hold_version += u64::from(holds);
            commit.keys = keys.into_iter().map(|number| key_row(number, head.size)).collect();
            let changes = rows.into_iter().map(|(table, key, body)| match body {
                Some(body) => RowChange::Put(Table::ALL[table], row(&key.to_string(), &body.to_string())),
                None => RowChange::Delete(Table::ALL[table], key.to_string()),
            });
            commit.rows = changes.collect();
            store.commit(commit).await
        }
        Call::Prune { ranges, segments, stale } => {
            let mut commit = commit(head, 1, false);
            let ranges: Vec<SeqRange> =
                ranges.into_iter().map(|(start, length)| start..start + length).collect();
            let hold_version = head.hold_version + u64::from(stale);
            commit.prune = Some(Prune { ranges, hold_version, segments });
            store.commit(commit).await
        }
        Call::Restore { mut seqs, index } => {
            let mut commit = commit(head, 1, false);
            seqs.sort_unstable();
            let index = index.map(|(number, term)| (segment(number), vec![block(number, 1, 0, term)]));
            let entries = seqs.into_iter().map(|seq| Entry { seq, line: line(seq) }).collect();
            commit.restore = Some(Restore { entries, index });
            store.commit(commit).await
        }
        Call::Seal { number, mut first_terms } => {
            first_terms.sort_unstable();
            let blocks =
                first_terms.iter().zip(0..).map(|((field, term), place)| block(number, *field, place, *term));
            store.seal(segment(number), blocks.collect()).await
        }
        Call::DeleteKeys(numbers) => store.delete_keys(numbers.into_iter().map(key).collect()).await,
        Call::Publish { tiles, size } => {
            let tiles = tiles.into_iter().map(|(level, number, width)| Tile {
                key: (level, number),
                hashes: vec![size as u8; width * 32],
            });
            let note = format!("{} tiles at {size}", tiles.len());
            store.publish(tiles.collect(), Checkpoint { size, note }).await
        }
        Call::PutTransient { table, key, body, expected } => {
            let row = row(&key.to_string(), &body.to_string());
            store.put_transient(Table::ALL[table], row, expected).await
        }
        Call::Recover => store.recover().await.map(|_| ()),
        Call::Reclaim(bytes_max) => store.reclaim(bytes_max).await.map(|_| ()),
    };
    result.map_err(|error| error.kind())
}

/// The lookups whose answers are not simply what is stored.
async fn compare_lookups(store: &dyn Store, model: &dyn Store) -> TestCaseResult {
    for (field, term) in (0..3_u8).flat_map(|field| [0, 4, 8, 9].map(|term| (field, term))) {
        let segments = vec![3, 1, 0, 2];
        let found = store.postings(field, term, segments.clone()).await.unwrap();
        prop_assert_eq!(found, model.postings(field, term, segments).await.unwrap());
    }
    let backwards = store::Order::Descending;
    prop_assert_eq!(scan(store, 5, 30, backwards).await, scan(model, 5, 30, backwards).await);
    let seqs: Vec<u64> = (0..40).rev().step_by(3).collect();
    prop_assert_eq!(store.entries_at(seqs.clone()).await.unwrap(), model.entries_at(seqs).await.unwrap());
    let keys: Vec<_> = (0..60).rev().map(key).collect();
    let found: Vec<Option<KeyRow>> = store.keys(keys.clone()).await.unwrap();
    prop_assert_eq!(found, model.keys(keys).await.unwrap());
    Ok(())
}

pub(crate) fn any_sequence_of_calls_answers_like_the_model<F: Future<Output = Backend>>(open: fn() -> F) {
    let runtime = runtime();
    TestRunner::new(config(32))
        .run(&vec(call(), 1..25), |calls| {
            runtime.block_on(async {
                let (store, model) = (open().await, MemoryStore::new());
                for call in &calls {
                    let head = model.head().await.unwrap().unwrap_or_else(|| commit_after(0, 0).head);
                    let answer = make(&*store, &head, call).await;
                    prop_assert_eq!(answer, make(&model, &head, call).await, "{:?}", call);
                    prop_assert_eq!(Contents::of(&*store).await, Contents::of(&model).await, "{:?}", call);
                }
                compare_lookups(&*store, &model).await
            })
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}
