//! Below the hot window a search finds exactly what it found before the entries were archived.

use engine::{Actor, ArchiveRun, Engine, NoProgress, Order, Page, Tier, Window};
use event::{EntryFields, Filter};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use store::Table;
use testkit::{Fixture, Rows, check, events};

use crate::sample::{Lines, ORDERS, all_lines, all_pages, brute_force, by, parsed, random_filter, seq};

/// Archives the oldest entries that are hot, at most so many.
pub(crate) async fn archive(engine: &Engine, limit: u64) -> u64 {
    let window = Window::Before(engine.ledger().now());
    let run = ArchiveRun { window, limit: Some(limit), dry_run: false, forced: true };
    engine.archive_run(&run, &Actor::system(), &NoProgress).await.unwrap().pruned
}

/// A ledger over several days, of which the busiest tenant has several gzip members a day.
async fn ledger(batches: u64, scan_entries_max: u64) -> (Fixture, Engine, Lines) {
    let mut fixture = Fixture::new(Rows::Memory);
    fixture.policy.entries_max = u64::MAX;
    fixture.policy.scan_entries_max = scan_entries_max;
    let engine = fixture.create().await;
    for seed in 0..batches {
        engine.append(events(&fixture, 300 + seed, 10_000)).await.unwrap();
        fixture.clock.advance_micros(9 * 3_600 * 1_000_000);
    }
    let size = engine.ledger().tree_size();
    let lines = all_lines(fixture.store().as_ref(), size).await;
    assert_eq!(lines.len() as u64, size);
    (fixture, engine, lines)
}

/// Filters with what each finds among these lines.
fn filters(lines: &Lines, random: &mut StdRng, count: usize) -> Vec<(Filter, Vec<u64>)> {
    let entries = parsed(lines);
    let mut filters = vec![Filter::default(), by("text", "no line has this"), by("request_id", "none")];
    filters.extend((0..count).map(|_| random_filter(&entries, random)));
    let with_matches = |filter: Filter| {
        let expected = brute_force(&filter, lines, &entries);
        (filter, expected)
    };
    filters.into_iter().map(with_matches).collect()
}

/// The seqs below `size` of all pages, ascending.
async fn found_below(engine: &Engine, filter: &Filter, order: Order, size: u64, limit: usize) -> Vec<u64> {
    let (mut found, _) = all_pages(engine, Tier::All, filter, order, || limit).await;
    if order == Order::Descending {
        found.reverse();
    }
    found.retain(|seq| *seq < size);
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn archiving_changes_no_answer_wherever_the_border_is() {
    let (fixture, engine, lines) = ledger(3, 200_000).await;
    let size = lines.len() as u64;
    let mut random = StdRng::seed_from_u64(11);
    let filters = filters(&lines, &mut random, 30);
    assert!(filters.iter().filter(|(_, expected)| !expected.is_empty()).count() > 15);
    let mut archived = 0;
    while archived < size {
        archived += archive(&engine, random.random_range(3_000..14_000)).await;
        for ((filter, expected), order) in filters.iter().zip(ORDERS.into_iter().cycle()) {
            let limit = random.random_range((expected.len() / 8).clamp(1, 900)..=1_000);
            let found = found_below(&engine, filter, order, size, limit).await;
            assert!(found == *expected, "{filter} {order:?}: {} of {}", found.len(), expected.len());
        }
    }
    // One tier after the other has the same as both.
    for (filter, expected) in filters.iter().step_by(4) {
        let border = engine.ledger().search(filter, &Page::default()).await.unwrap().pruned_through;
        let below: Vec<u64> = expected.iter().copied().filter(|seq| *seq < border).collect();
        let (found, _) = all_pages(&engine, Tier::Cold, filter, Order::Ascending, || 500).await;
        assert!(found.into_iter().filter(|seq| *seq < size).collect::<Vec<_>>() == below, "{filter}");
    }
    let report = check(&engine).await;
    assert_eq!(report.highest_archived_seq.map(|seq| seq + 1), Some(archived));
    engine.shutdown().await.unwrap();
    let engine = fixture.open().await.unwrap();
    for ((filter, expected), order) in filters.iter().zip(ORDERS.into_iter().cycle()).step_by(5) {
        assert!(found_below(&engine, filter, order, size, 777).await == *expected, "{filter} {order:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spent_budget_ends_pages_with_a_cursor_never_with_a_gap() {
    let (_fixture, engine, lines) = ledger(3, 1).await;
    archive(&engine, 17_000).await;
    let size = lines.len() as u64;
    for filter in
        [Filter::default(), by("text", "no line has this"), by("tenant", "2"), by("outcome", "denied")]
    {
        let expected = brute_force(&filter, &lines, &parsed(&lines));
        for order in ORDERS {
            let (mut found, pages) = all_pages(&engine, Tier::Cold, &filter, order, || 1_000).await;
            if order == Order::Descending {
                found.reverse();
            }
            let below: Vec<u64> = expected.iter().copied().filter(|seq| *seq < 17_000).collect();
            assert!(found == below, "{filter} {order:?}: {} of {}", found.len(), below.len());
            // Each page moves on, and none reads much more than it has to.
            assert!((2..=40).contains(&pages), "{filter} {order:?}: {pages} pages");
        }
    }
    assert!(size > 17_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_needle_reads_its_own_member_and_few_others() {
    let (fixture, engine, lines) = ledger(5, 200_000).await;
    let archived = archive(&engine, 45_000).await;
    assert_eq!(archived, 45_000);
    let stored: u64 = engine.ledger().batches().await.unwrap().iter().map(|batch| batch.bytes).sum();
    let (mut read, mut searches) = (0, 0);
    for line in lines[..45_000].iter().step_by(2_250) {
        let fields = EntryFields::parse(line).unwrap();
        let page = engine.ledger().search(&by("event_id", &fields.event_id), &Page::default()).await.unwrap();
        assert_eq!(page.entries, std::slice::from_ref(line));
        assert_eq!(page.tiers, ["hot", "cold"]);
        read += page.bytes_read;
        searches += 1;
    }
    // About a hundred members, of which the largest have a twentieth each.
    assert!(read < searches * stored / 12, "{read} of {stored} bytes in {searches} searches");
    let nothing = engine.ledger().search(&by("request_id", "none"), &Page::default()).await.unwrap();
    assert_eq!(nothing.entries.len(), 0);
    assert!(nothing.bytes_read < stored / 20, "{} of {stored} bytes", nothing.bytes_read);
    // Without its filters nothing is hidden, only more is read.
    let batch = &engine.ledger().batches().await.unwrap()[0].batch;
    let rows = fixture.store().rows(Table::TermFilter, batch, None, 10_000).await.unwrap();
    assert!(!rows.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_have_no_gap_and_no_duplicate_while_others_append_archive_and_prune() {
    let mut fixture = Fixture::new(Rows::Memory);
    fixture.policy.transaction_entries = 400;
    fixture.policy.entries_max = 7_000;
    let engine = fixture.create().await;
    for seed in 0..3 {
        engine.append(events(&fixture, 600 + seed, 10_000)).await.unwrap();
        fixture.clock.advance_micros(9 * 3_600 * 1_000_000);
    }
    let size = engine.ledger().tree_size();
    let lines = all_lines(fixture.store().as_ref(), size).await;
    let filters: Vec<(Filter, Vec<u64>)> =
        [Filter::default(), by("outcome", "success"), by("text", "session")]
            .into_iter()
            .map(|filter| (filter.clone(), brute_force(&filter, &lines, &parsed(&lines))))
            .collect();
    let running = {
        let engine = engine.clone();
        tokio::spawn(async move {
            while archive(&engine, 7_000).await > 0 && engine.ledger().tree_size() < size + 200 {}
        })
    };
    let mut rounds = 0;
    while !running.is_finished() || rounds < 2 {
        for (filter, expected) in &filters {
            let order = ORDERS[rounds % 2];
            let found = found_below(&engine, filter, order, size, 1_000).await;
            assert!(found == *expected, "{filter} {order:?}: {} of {}", found.len(), expected.len());
        }
        engine.append(events(&fixture, 9_000 + rounds as u64, 20)).await.unwrap();
        rounds += 1;
    }
    running.await.unwrap();
    assert!(engine.ledger().batches().await.unwrap().len() >= 4);
    check(&engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_says_which_tiers_it_read() {
    let fixture = Fixture::new(Rows::Memory);
    let engine = fixture.create().await;
    let of = async |tier: Tier, limit: usize, order: Order| {
        let page = Page { tier, limit, order, cursor: None };
        engine.ledger().search(&Filter::default(), &page).await.unwrap().tiers
    };
    engine.append(events(&fixture, 1, 100)).await.unwrap();
    assert_eq!(of(Tier::All, 1_000, Order::Descending).await, ["hot"]);
    assert_eq!(of(Tier::Cold, 10, Order::Descending).await, ["cold"]);
    fixture.clock.advance_days(1);
    archive(&engine, 50).await;
    assert_eq!(of(Tier::All, 5, Order::Descending).await, ["hot"]);
    assert_eq!(of(Tier::All, 5, Order::Ascending).await, ["cold"]);
    assert_eq!(of(Tier::All, 1_000, Order::Descending).await, ["hot", "cold"]);
    assert_eq!(of(Tier::Hot, 1_000, Order::Descending).await, ["hot"]);
    let cold = Page { tier: Tier::Cold, limit: 1_000, order: Order::Ascending, cursor: None };
    let cold = engine.ledger().search(&Filter::default(), &cold).await.unwrap();
    assert_eq!(cold.entries.iter().map(|line| seq(line)).collect::<Vec<_>>(), (0..50).collect::<Vec<_>>());
}
