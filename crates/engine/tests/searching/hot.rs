//! Search against brute force: every page of every filter, over sealed segments and the tail.

use std::sync::Arc;

use engine::{Actor, ArchiveRun, Engine, ErrorKind, NoProgress, Order, Page, Tier, Window};
use event::{EntryFields, Filter};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use store::{EntryScan, Store};
use testkit::{Fixture, Rows, events};

use crate::sample::{
    Lines, ORDERS, all_lines, all_pages, assert_found, brute_force, by, parsed, random_filter, seq,
};

/// Two sealed segments and a tail.
const SIZE: u64 = 140_000;
const SEGMENT: u64 = 65_536;
const FILTERS: usize = 200;

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
    let lines = all_lines(fixture.store().as_ref(), SIZE).await;
    assert_eq!(lines.len() as u64, SIZE);
    (fixture, engine, lines)
}

/// Waits until so many segments are sealed.
async fn sealed(store: &Arc<dyn Store>, segments: usize) {
    while store.segments().await.unwrap().len() < segments {
        tokio::task::yield_now().await;
    }
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
        assert_found(&engine, Tier::Hot, filter, order, expected, &mut random).await;
    }
    // The ends of the segments, by what is theirs alone.
    for edge in [0, SEGMENT - 1, SEGMENT, 2 * SEGMENT - 1, 2 * SEGMENT, SIZE - 1] {
        let filter = by("event_id", &entries[edge as usize].event_id);
        for order in ORDERS {
            assert_found(&engine, Tier::Hot, &filter, order, &[edge], &mut random).await;
        }
    }
    engine.shutdown().await.unwrap();
    let engine = fixture.open().await.unwrap();
    for ((filter, expected), order) in filters.iter().zip(ORDERS.into_iter().cycle()).step_by(9) {
        assert_found(&engine, Tier::Hot, filter, order, expected, &mut random).await;
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
        let first =
            engine.ledger().search(&filter, &Page { order, limit: 100, ..Page::default() }).await.unwrap();
        let tree_size = first.tree_size;
        let bound = fixture.store().head().await.unwrap().unwrap().size;
        assert_eq!(tree_size, bound);
        let mut found: Vec<u64> = first.entries.iter().map(|line| seq(line)).collect();
        let mut cursor = first.next_cursor;
        let mut seed = if order == Order::Ascending { 1_000 } else { 2_000 };
        while cursor.is_some() {
            engine.append(events(&fixture, seed, 50)).await.unwrap();
            seed += 1;
            let page = Page { order, limit: 700, cursor, ..Page::default() };
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
            let (mut found, pages) = all_pages(&engine, Tier::Hot, &filter, order, || 1_000).await;
            if order == Order::Descending {
                found.reverse();
            }
            assert!(found == expected, "{:?} {order:?}", filter.pairs());
            assert!(pages >= 140, "{:?}: {pages} pages", filter.pairs());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_is_refused_with_another_filter_order_or_tier() {
    let fixture = Fixture::new(Rows::Memory);
    let engine = fixture.create().await;
    engine.append(events(&fixture, 1, 500)).await.unwrap();
    let filter = by("stream", "audit");
    let page = Page { limit: 10, ..Page::default() };
    let cursor = engine.ledger().search(&filter, &page).await.unwrap().next_cursor;
    let others = [
        (by("stream", "tool"), Order::Descending, Tier::All),
        (Filter::default(), Order::Descending, Tier::All),
        (filter.clone(), Order::Ascending, Tier::All),
        (filter, Order::Descending, Tier::Hot),
    ];
    for (filter, order, tier) in others {
        let page = Page { order, limit: 10, cursor: cursor.clone(), tier };
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
            let (mut found, _) = all_pages(&engine, Tier::Hot, filter, order, || 1_000).await;
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
    let (found, _) = all_pages(&engine, Tier::Hot, &filters[0], Order::Ascending, || 1_000).await;
    assert_eq!(found, (old..engine.ledger().tree_size()).collect::<Vec<_>>());
}
