//! Search against brute force: every page of every filter, over sealed segments and the tail.

use std::sync::Arc;

use engine::{Actor, ArchiveRun, Engine, ErrorKind, NoProgress, Order, Page, Window};
use event::{EntryFields, Field, Filter};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use store::{EntryScan, Store};
use testkit::{Fixture, Rows, events};

/// Two sealed segments and a tail.
const SIZE: u64 = 140_000;
const SEGMENT: u64 = 65_536;
const FILTERS: usize = 200;

/// Every line, by seq.
type Lines = Vec<Vec<u8>>;

async fn ledger() -> (Fixture, Engine, Lines) {
    let mut fixture = Fixture::new(Rows::Memory);
    fixture.policy.entries_max = u64::MAX;
    let engine = fixture.create().await;
    for seed in 0..14 {
        let missing = usize::from(seed == 0);
        engine.append(events(&fixture, 100 + seed, 10_000 - missing)).await.unwrap();
        // Times spread over the ledger, so that ranges of time choose segments.
        fixture.clock.advance_micros(3_600 * 1_000_000);
    }
    sealed(&fixture.store(), 2).await;
    let lines = all_lines(&fixture.store()).await;
    assert_eq!(lines.len() as u64, SIZE);
    (fixture, engine, lines)
}

/// Waits until so many segments are sealed.
async fn sealed(store: &Arc<dyn Store>, segments: usize) {
    while store.segments().await.unwrap().len() < segments {
        tokio::task::yield_now().await;
    }
}

async fn all_lines(store: &Arc<dyn Store>) -> Lines {
    let scan =
        EntryScan { range: 0..SIZE, order: Order::Ascending, rows_max: usize::MAX, bytes_max: usize::MAX };
    store.entries(scan).await.unwrap().into_iter().map(|entry| entry.line).collect()
}

/// A filter of one to three conditions whose values occur together in one entry.
fn random_filter(entries: &[EntryFields<'_>], random: &mut StdRng) -> Filter {
    loop {
        let fields = &entries[random.random_range(0..entries.len())];
        let mut pairs: Vec<(&str, String)> = Vec::new();
        for _ in 0..random.random_range(1..=3) {
            let (name, value) = condition(fields, entries, random);
            if let Some(value) = value
                && pairs.iter().all(|(other, _)| *other != name)
            {
                pairs.push((name, value));
            }
        }
        // An empty range of time is refused; another draw is not.
        if let Ok(filter) = Filter::from_pairs(pairs.iter().map(|(name, value)| (*name, value.as_str()))) {
            return filter;
        }
    }
}

fn condition(
    fields: &EntryFields<'_>,
    entries: &[EntryFields<'_>],
    random: &mut StdRng,
) -> (&'static str, Option<String>) {
    let other = &entries[random.random_range(0..entries.len())];
    match random.random_range(0..Field::COUNT + 7) {
        field if field < Field::COUNT => {
            let field = Field::ALL[field];
            (field.as_str(), fields.value(field).map(str::to_owned))
        }
        field => match field - Field::COUNT {
            0 => ("action", fields.action.split_once('.').map(|(first, _)| format!("{first}.*"))),
            1 => ("actor_like", fields.actor_id.as_ref().map(|id| id[..id.len().min(4)].to_owned())),
            2 => ("text", fields.request_id.as_ref().map(|id| id[..id.len().min(8)].to_owned())),
            3 => ("from", Some(fields.occurred_at.min(other.occurred_at).to_string())),
            4 => {
                ("to", fields.occurred_at.max(other.occurred_at).checked_add_days(0).map(|to| to.to_string()))
            }
            5 => ("recorded_from", Some(fields.recorded_at.min(other.recorded_at).to_string())),
            _ => ("recorded_to", Some(fields.recorded_at.max(other.recorded_at).to_string())),
        },
    }
}

fn parsed(lines: &Lines) -> Vec<EntryFields<'_>> {
    lines.iter().map(|line| EntryFields::parse(line).unwrap()).collect()
}

/// The seqs of the entries that match, ascending.
fn brute_force(filter: &Filter, lines: &Lines, entries: &[EntryFields<'_>]) -> Vec<u64> {
    let matching = entries.iter().zip(lines).filter(|(fields, line)| filter.matches(fields, line));
    matching.map(|(fields, _)| fields.seq).collect()
}

fn seq(line: &[u8]) -> u64 {
    EntryFields::parse(line).unwrap().seq
}

/// Goes through all pages, each with another limit; gives the seqs found and how many pages there were.
async fn all_pages(
    engine: &Engine,
    filter: &Filter,
    order: Order,
    mut limit: impl FnMut() -> usize,
) -> (Vec<u64>, usize) {
    let (mut found, mut pages) = (Vec::new(), 0);
    let mut cursor = None;
    loop {
        let page = Page { order, limit: limit(), cursor };
        let answer = engine.ledger().search(filter, &page).await.unwrap();
        assert!(answer.entries.len() <= page.limit);
        found.extend(answer.entries.iter().map(|line| seq(line)));
        pages += 1;
        match answer.next_cursor {
            Some(next) => cursor = Some(next),
            None => return (found, pages),
        }
    }
}

/// All pages of a filter in one order are what is expected.
async fn assert_found(engine: &Engine, filter: &Filter, order: Order, expected: &[u64], random: &mut StdRng) {
    // About ten pages, whatever there is to find.
    let most = (expected.len() / 5).max(3);
    let (mut found, _) = all_pages(engine, filter, order, || random.random_range(1..=most)).await;
    if order == Order::Descending {
        found.reverse();
    }
    let (conditions, found_count) = (filter.pairs(), found.len());
    assert!(found == expected, "{conditions:?} {order:?}: {found_count} found, {} match", expected.len());
}

const ORDERS: [Order; 2] = [Order::Ascending, Order::Descending];

fn by(name: &str, value: &str) -> Filter {
    Filter::from_pairs([(name, value)].into_iter()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_of_every_filter_is_what_brute_force_finds_also_after_a_restart() {
    let (fixture, engine, lines) = ledger().await;
    let entries = parsed(&lines);
    let mut random = StdRng::seed_from_u64(7);
    let filters: Vec<(Filter, Vec<u64>)> = (0..FILTERS)
        .map(|_| {
            let filter = random_filter(&entries, &mut random);
            let expected = brute_force(&filter, &lines, &entries);
            (filter, expected)
        })
        .collect();
    assert!(filters.iter().filter(|(_, expected)| !expected.is_empty()).count() > FILTERS / 2);
    for ((filter, expected), order) in filters.iter().zip(ORDERS.into_iter().cycle()) {
        assert_found(&engine, filter, order, expected, &mut random).await;
    }
    // The ends of the segments, by what is theirs alone.
    for edge in [0, SEGMENT - 1, SEGMENT, 2 * SEGMENT - 1, 2 * SEGMENT, SIZE - 1] {
        let filter = by("event_id", &entries[edge as usize].event_id);
        for order in ORDERS {
            assert_found(&engine, &filter, order, &[edge], &mut random).await;
        }
    }
    engine.shutdown().await.unwrap();
    let engine = fixture.open().await.unwrap();
    for ((filter, expected), order) in filters.iter().zip(ORDERS.into_iter().cycle()).step_by(9) {
        assert_found(&engine, filter, order, expected, &mut random).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_have_no_gap_and_no_duplicate_while_others_append() {
    let fixture = Fixture::new(Rows::Memory);
    let engine = fixture.create().await;
    engine.append(events(&fixture, 1, 9_000)).await.unwrap();
    let filter = by("stream", "audit");
    let lines = {
        let scan =
            EntryScan { range: 0..9_001, order: Order::Ascending, rows_max: 10_000, bytes_max: usize::MAX };
        fixture.store().entries(scan).await.unwrap().into_iter().map(|entry| entry.line).collect()
    };
    let expected = brute_force(&filter, &lines, &parsed(&lines));
    for order in [Order::Ascending, Order::Descending] {
        let first = engine.ledger().search(&filter, &Page { order, limit: 100, cursor: None }).await.unwrap();
        let tree_size = first.tree_size;
        let bound = fixture.store().head().await.unwrap().unwrap().size;
        assert_eq!(tree_size, bound);
        let mut found: Vec<u64> = first.entries.iter().map(|line| seq(line)).collect();
        let mut cursor = first.next_cursor;
        let mut seed = if order == Order::Ascending { 1_000 } else { 2_000 };
        while cursor.is_some() {
            engine.append(events(&fixture, seed, 50)).await.unwrap();
            seed += 1;
            let page = Page { order, limit: 700, cursor };
            let answer = engine.ledger().search(&filter, &page).await.unwrap();
            assert_eq!(answer.tree_size, tree_size, "later pages are of the first page's snapshot");
            found.extend(answer.entries.iter().map(|line| seq(line)));
            cursor = answer.next_cursor;
        }
        if order == Order::Descending {
            found.reverse();
        }
        let snapshot: Vec<u64> = found.iter().copied().filter(|seq| *seq < 9_001).collect();
        assert!(snapshot == expected, "{order:?}");
        assert!(found.windows(2).all(|pair| pair[0] < pair[1]) && found.last() < Some(&tree_size));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_limit_ends_pages_with_a_cursor_never_with_a_gap() {
    let mut fixture = Fixture::new(Rows::Memory);
    fixture.policy.scan_entries_max = 500;
    let engine = fixture.create().await;
    // Over a segment's end, so that both the index and the tail are asked.
    for seed in 0..7 {
        engine.append(events(&fixture, seed, 10_000)).await.unwrap();
    }
    sealed(&fixture.store(), 1).await;
    let scan =
        EntryScan { range: 0..70_001, order: Order::Ascending, rows_max: usize::MAX, bytes_max: usize::MAX };
    let lines: Lines =
        fixture.store().entries(scan).await.unwrap().into_iter().map(|entry| entry.line).collect();
    let text = EntryFields::parse(&lines[40_000]).unwrap().event_id[..16].to_owned();
    let filters =
        [by("text", &text), by("text", "no line has this"), by("action", "session.*"), Filter::default()];
    for filter in filters {
        let expected = brute_force(&filter, &lines, &parsed(&lines));
        for order in [Order::Ascending, Order::Descending] {
            let (mut found, pages) = all_pages(&engine, &filter, order, || 1_000).await;
            if order == Order::Descending {
                found.reverse();
            }
            assert!(found == expected, "{:?} {order:?}", filter.pairs());
            assert!(pages >= 140, "{:?}: {pages} pages", filter.pairs());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_is_refused_with_another_filter_or_order() {
    let fixture = Fixture::new(Rows::Memory);
    let engine = fixture.create().await;
    engine.append(events(&fixture, 1, 500)).await.unwrap();
    let filter = by("stream", "audit");
    let page = Page { limit: 10, ..Page::default() };
    let cursor = engine.ledger().search(&filter, &page).await.unwrap().next_cursor;
    let others = [
        (by("stream", "tool"), Order::Descending),
        (Filter::default(), Order::Descending),
        (filter, Order::Ascending),
    ];
    for (filter, order) in others {
        let page = Page { order, limit: 10, cursor: cursor.clone() };
        let error = engine.ledger().search(&filter, &page).await.unwrap_err();
        assert_eq!((error.kind(), error.violations()[0].member.as_str()), (ErrorKind::Invalid, "cursor"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_while_entries_are_pruned_finds_what_stays_and_never_fails() {
    let mut fixture = Fixture::new(Rows::Memory);
    fixture.policy.transaction_entries = 500;
    let engine = fixture.create().await;
    for seed in 0..7 {
        engine.append(events(&fixture, seed, 10_000)).await.unwrap();
    }
    sealed(&fixture.store(), 1).await;
    let old = engine.ledger().tree_size();
    fixture.clock.advance_days(100);
    engine.append(events(&fixture, 50, 300)).await.unwrap();
    let young: Vec<u64> = (old..old + 300).collect();

    let running = {
        let engine = engine.clone();
        tokio::spawn(async move {
            let window = Window::HotDays(event::HotDays::new(30).unwrap());
            let run = ArchiveRun { window, limit: None, dry_run: false, forced: false };
            engine.archive_run(&run, &Actor::system(), &NoProgress).await.unwrap()
        })
    };
    let filters = [Filter::default(), by("outcome", "success"), by("text", "session")];
    let mut rounds = 0;
    while !running.is_finished() || rounds == 0 {
        for filter in &filters {
            let order = if rounds % 2 == 0 { Order::Ascending } else { Order::Descending };
            let (mut found, _) = all_pages(&engine, filter, order, || 1_000).await;
            if order == Order::Descending {
                found.reverse();
            }
            assert!(found.windows(2).all(|pair| pair[0] < pair[1]));
            if filter == &filters[0] {
                let stays: Vec<u64> = found.into_iter().filter(|seq| young.contains(seq)).collect();
                assert_eq!(stays, young);
            }
        }
        rounds += 1;
    }
    assert_eq!(running.await.unwrap().pruned, old);
    let (found, _) = all_pages(&engine, &filters[0], Order::Ascending, || 1_000).await;
    assert_eq!(found, (old..engine.ledger().tree_size()).collect::<Vec<_>>());
}
