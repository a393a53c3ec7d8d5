//! Filters at random, brute force to hold a search against, and all pages of it.

use engine::{Engine, Order, Page, Tier};
use event::{EntryFields, Field, Filter};
use rand::RngExt as _;
use rand::rngs::StdRng;
use store::{EntryScan, Store};

/// Every line, by seq.
pub(crate) type Lines = Vec<Vec<u8>>;

/// Every hot line of a ledger of so many entries.
pub(crate) async fn all_lines(store: &dyn Store, size: u64) -> Lines {
    let scan =
        EntryScan { range: 0..size, order: Order::Ascending, rows_max: usize::MAX, bytes_max: usize::MAX };
    store.entries(scan).await.unwrap().into_iter().map(|entry| entry.line).collect()
}

/// A filter of one to three conditions whose values occur together in one entry.
pub(crate) fn random_filter(entries: &[EntryFields<'_>], random: &mut StdRng) -> Filter {
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

pub(crate) fn condition(
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

pub(crate) fn parsed(lines: &Lines) -> Vec<EntryFields<'_>> {
    lines.iter().map(|line| EntryFields::parse(line).unwrap()).collect()
}

/// The seqs of the entries that match, ascending.
pub(crate) fn brute_force(filter: &Filter, lines: &Lines, entries: &[EntryFields<'_>]) -> Vec<u64> {
    let matching = entries.iter().zip(lines).filter(|(fields, line)| filter.matches(fields, line));
    matching.map(|(fields, _)| fields.seq).collect()
}

pub(crate) fn seq(line: &[u8]) -> u64 {
    EntryFields::parse(line).unwrap().seq
}

/// Goes through all pages, each with another limit; gives the seqs found and how many pages there were.
pub(crate) async fn all_pages(
    engine: &Engine,
    tier: Tier,
    filter: &Filter,
    order: Order,
    mut limit: impl FnMut() -> usize,
) -> (Vec<u64>, usize) {
    let (mut found, mut pages) = (Vec::new(), 0);
    let mut cursor = None;
    loop {
        let page = Page { order, limit: limit(), cursor, tier };
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
pub(crate) async fn assert_found(
    engine: &Engine,
    tier: Tier,
    filter: &Filter,
    order: Order,
    expected: &[u64],
    random: &mut StdRng,
) {
    // About ten pages, whatever there is to find.
    let most = (expected.len() / 5).max(3);
    let (mut found, _) = all_pages(engine, tier, filter, order, || random.random_range(1..=most)).await;
    if order == Order::Descending {
        found.reverse();
    }
    let (conditions, found_count) = (filter.pairs(), found.len());
    assert!(found == expected, "{conditions:?} {order:?}: {found_count} found, {} match", expected.len());
}

pub(crate) const ORDERS: [Order; 2] = [Order::Ascending, Order::Descending];

pub(crate) fn by(name: &str, value: &str) -> Filter {
    Filter::from_pairs([(name, value)].into_iter()).unwrap()
}
