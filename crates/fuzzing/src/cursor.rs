use std::fmt::Write as _;
use std::sync::OnceLock;

use engine::{Actor, Engine, ErrorKind, Ledger, Order, Page, Tier};
use event::{EntryFields, Event, Field, Filter, Limits};
use serde_json::Value;
use testkit::{Fixture, Rows};
use tokio::runtime::Runtime;

use crate::naive;
use crate::pairs::{Pairs, borrowed, split};
use crate::refusal::is_short;
use crate::sample::submitted;

const EVENTS: usize = 40;

/// So few that most searches end a page for this, and not for its limit.
const SCAN_ENTRIES_MAX: u64 = 7;

/// The input is a search as a query has it: a filter with `order`, `limit`, `tier` and `cursor`. `forged=BOUND/SIZE` stands
/// for a cursor of this filter, order and tier with these numbers: what a caller can make up who knows the form and the hash.
///
/// The pages of a search, one after the other, hold what matches, each entry once and in order, from wherever a cursor
/// begins. A cursor is taken exactly when its numbers fit the ledger, and by its own filter, order and tier only.
pub fn cursor(data: &[u8]) {
    let Ok(query) = str::from_utf8(data) else { return };
    let mut pairs = split(query);
    let forged = take_forged(&mut pairs);
    let mut page = match Page::from_pairs(&mut pairs) {
        Ok(page) => page,
        Err(violations) => return is_short(&violations),
    };
    assert!(!pairs.iter().any(|(name, _)| ["order", "limit", "tier", "cursor"].contains(&name.as_str())));
    assert!((1..=1_000).contains(&page.limit));
    let Ok(filter) = Filter::from_pairs(borrowed(&pairs)) else { return };
    if let Some(start) = forged {
        page.cursor = Some(written(&filter, &page, start));
    }
    let sample = Sample::shared();
    let size = sample.entries.len() as u64;
    let start = match &page.cursor {
        None => Some(Start { bound: if page.order == Order::Ascending { 0 } else { size }, size }),
        Some(cursor) => read(cursor, &filter, &page),
    };
    match start.filter(|start| start.bound <= start.size && start.size <= size) {
        Some(start) => sample.walk(&filter, &pairs, page, start),
        None => sample.is_refused(&filter, &page),
    }
}

/// Where a cursor says that the search goes on.
#[derive(Clone, Copy)]
struct Start {
    bound: u64,
    size: u64,
}

fn take_forged(pairs: &mut Pairs) -> Option<Start> {
    let at = pairs.iter().position(|(name, _)| name == "forged")?;
    let (_, value) = pairs.remove(at);
    let (bound, size) = value.split_once('/')?;
    Some(Start { bound: bound.parse().ok()?, size: size.parse().ok()? })
}

/// The form of a cursor, written down a second time: version 2, fingerprint, order, tier, bound, size, in hexadecimal
/// digits.
fn written(filter: &Filter, page: &Page, start: Start) -> String {
    let order = if page.order == Order::Ascending { 1 } else { 2 };
    let tier = match page.tier {
        Tier::Hot => 1,
        Tier::Cold => 2,
        Tier::All => 3,
    };
    let mut text = "02".to_owned();
    for byte in filter.fingerprint() {
        let _ = write!(text, "{byte:02x}");
    }
    let _ = write!(text, "{order:02x}{tier:02x}{:016x}{:016x}", start.bound, start.size);
    text
}

/// What a cursor says if it is one of this filter and order. Digits of either case are digits.
fn read(cursor: &str, filter: &Filter, page: &Page) -> Option<Start> {
    let number = |at: usize| cursor.get(at..at + 16).and_then(|digits| u64::from_str_radix(digits, 16).ok());
    let start = Start { bound: number(22)?, size: number(38)? };
    (cursor.to_ascii_lowercase() == written(filter, page, start)).then_some(start)
}

/// A small ledger, and its lines as they came out of it.
struct Sample {
    runtime: Runtime,
    ledger: Ledger,
    entries: Vec<Value>,
}

impl Sample {
    fn shared() -> &'static Self {
        static SAMPLE: OnceLock<Sample> = OnceLock::new();
        SAMPLE.get_or_init(Self::new)
    }

    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (ledger, entries) = runtime.block_on(async {
            let mut fixture = Fixture::new(Rows::Memory);
            fixture.policy.scan_entries_max = SCAN_ENTRIES_MAX;
            let parts = fixture.parts(fixture.store());
            let (last_checkpoint, clock) = (parts.last_checkpoint.clone(), parts.clock.clone());
            let engine = Engine::create(parts, &Actor::system()).await.expect("a new ledger");
            for number in 0..EVENTS {
                fixture.clock.advance_micros(500_000);
                let json = submitted(number);
                let event = Event::parse(json.as_bytes(), &Limits::default(), clock.now());
                let event = event.unwrap_or_else(|violations| panic!("{json}: {violations:?}"));
                engine.append(vec![event]).await.expect("an event is appended");
            }
            engine.shutdown().await.expect("the engine stops");
            // Without an engine nothing runs beside the target: the same input takes the same way.
            let policy = fixture.policy.clone();
            let ledger = Ledger::open_read_only(fixture.store(), Vec::new(), last_checkpoint, clock, policy);
            let ledger = ledger.await.expect("the ledger opens");
            let mut entries = Vec::new();
            for seq in 0..ledger.tree_size() {
                let shown = ledger.show(seq).await.expect("an entry is read").expect("every seq is there");
                entries.push(serde_json::from_slice(&shown.line).expect("a line is JSON"));
            }
            (ledger, entries)
        });
        Self { runtime, ledger, entries }
    }

    fn is_refused(&self, filter: &Filter, page: &Page) {
        let refused = self.runtime.block_on(self.ledger.search(filter, page));
        let error = refused.expect_err("a cursor that does not fit is taken");
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    }

    /// Goes through all pages from `start` and holds them against the entries themselves.
    fn walk(&self, filter: &Filter, pairs: &Pairs, mut page: Page, start: Start) {
        let in_range = |seq: &u64| match page.order {
            Order::Ascending => (start.bound..start.size).contains(seq),
            Order::Descending => *seq < start.bound,
        };
        let is_match = |seq: &u64| {
            // Nothing of this ledger is archived.
            page.tier != Tier::Cold
                && borrowed(pairs)
                    .all(|(name, wanted)| naive::holds(&self.entries[*seq as usize], name, wanted))
        };
        let mut expected: Vec<u64> =
            (0..self.entries.len() as u64).filter(in_range).filter(is_match).collect();
        if page.order == Order::Descending {
            expected.reverse();
        }
        let mut found = Vec::new();
        // Every page but the last one reads an entry, or it would never end.
        for _ in 0..=self.entries.len() {
            let answer =
                self.runtime.block_on(self.ledger.search(filter, &page)).expect("a cursor that fits");
            assert_eq!(answer.tree_size, start.size, "later pages see what the first one saw");
            assert!(answer.entries.len() <= page.limit);
            let json: Value = serde_json::from_str(&answer.to_json()).expect("a page is JSON");
            assert_eq!(json["entries"].as_array().map(Vec::len), Some(answer.entries.len()));
            for line in &answer.entries {
                found.push(EntryFields::parse(line).expect("a line is an entry's").seq);
            }
            page.cursor = answer.next_cursor;
            let Some(cursor) = &page.cursor else {
                assert_eq!(found, expected, "{filter}");
                return;
            };
            assert!(read(cursor, filter, &page).is_some(), "a cursor has one form: {cursor}");
            self.is_bound(filter, &page);
        }
        panic!("the pages of {filter} have no end");
    }

    /// A cursor is of no use to another filter, in the other order, or in another tier.
    fn is_bound(&self, filter: &Filter, page: &Page) {
        let order = if page.order == Order::Ascending { Order::Descending } else { Order::Ascending };
        self.is_refused(filter, &Page { order, ..page.clone() });
        let tier = if page.tier == Tier::All { Tier::Hot } else { Tier::All };
        self.is_refused(filter, &Page { tier, ..page.clone() });
        let narrowed = filter.clone().narrowed(Field::RequestId, "another");
        if let Some(another) = narrowed.filter(|another| another != filter) {
            self.is_refused(&another, page);
        }
    }
}
