//! What these tests share.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use engine::{Actor, ArchiveReport, ArchiveRun, Engine, Error, NoProgress, Progress, Window};
use event::{EntryFields, Filter, HotDays};
use testkit::{Fixture, event_json};

pub(crate) const HOUR_MICROS: i64 = 3_600 * 1_000_000;

pub(crate) fn by_window(days: i64) -> ArchiveRun {
    let window = Window::HotDays(HotDays::new(days).unwrap());
    ArchiveRun { window, limit: None, dry_run: false, forced: true }
}

pub(crate) async fn run(engine: &Engine, run: &ArchiveRun) -> Result<ArchiveReport, Error> {
    engine.archive_run(run, &Actor::user("ann"), &NoProgress).await
}

pub(crate) async fn append(fixture: &Fixture, engine: &Engine, ids: &[&str]) {
    let events = ids.iter().map(|id| fixture.event(&event_json(id, "t", "ann", "a.b"))).collect();
    engine.append(events).await.unwrap();
}

/// The event ids of the tenant `t` that are hot, oldest first.
pub(crate) async fn hot(engine: &Engine) -> Vec<String> {
    let filter = Filter::from_pairs([("tenant", "t")].into_iter()).unwrap();
    let page =
        engine::Page { order: engine::Order::Ascending, limit: 1_000, tier: engine::Tier::Hot, cursor: None };
    let page = engine.ledger().search(&filter, &page).await.unwrap();
    let id = |line: &Vec<u8>| EntryFields::parse(line).unwrap().event_id.into_owned();
    page.entries.iter().map(id).collect()
}

/// The seqs of all hot entries.
pub(crate) async fn hot_seqs(fixture: &Fixture) -> BTreeSet<u64> {
    let scan = store::EntryScan {
        range: 0..u64::from(u32::MAX),
        order: store::Order::Ascending,
        rows_max: 99_999,
        bytes_max: usize::MAX,
    };
    fixture.store().entries(scan).await.unwrap().into_iter().map(|entry| entry.seq).collect()
}

pub(crate) async fn actions(engine: &Engine) -> Vec<String> {
    let filter = Filter::from_pairs([("tenant", "_strongroom")].into_iter()).unwrap();
    let page =
        engine::Page { order: engine::Order::Ascending, limit: 1_000, tier: engine::Tier::Hot, cursor: None };
    let page = engine.ledger().search(&filter, &page).await.unwrap();
    let action = |line: &Vec<u8>| EntryFields::parse(line).unwrap().action.into_owned();
    page.entries.iter().map(action).filter(|action| action.starts_with("retention.")).collect()
}

/// Does something once, when a step of the run has got on.
pub(crate) struct Interrupting<F> {
    step: &'static str,
    is_there: AtomicBool,
    done: AtomicBool,
    interrupt: F,
}

impl<F> Interrupting<F> {
    pub(crate) fn at(step: &'static str, interrupt: F) -> Self {
        Self { step, is_there: false.into(), done: false.into(), interrupt }
    }
}

impl<F: AsyncFn() + Send + Sync> Progress for Interrupting<F> {
    fn begin(&self, what: &str, _total: Option<u64>) {
        self.is_there.store(what == self.step, Ordering::SeqCst);
    }

    fn advance(&self, _by: u64) {
        if self.is_there.load(Ordering::SeqCst) && !self.done.swap(true, Ordering::SeqCst) {
            tokio::task::block_in_place(|| {
                tokio::runtime::Handle::current().block_on((self.interrupt)());
            });
        }
    }

    fn end(&self) {}
}
