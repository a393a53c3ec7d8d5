//! A ledger over a store and a destination that fail when told to.

use std::collections::BTreeMap;
use std::sync::Arc;

use archive::Destination;
use engine::{Actor, ArchiveReport, ArchiveRun, Engine, Error, NoProgress, Parts, Window};
use event::HotDays;
use merkle::KeyRing;
use store::{EntryScan, Order, Store};
use testkit::{FaultyStorage, FaultyStore, Fixture, Rows, check, event_json};

use crate::steps::Failure;

/// The ledger's own first entry and 40 events.
pub(crate) const ENTRIES: u64 = 41;
const TRANSACTION_ENTRIES: u64 = 16;

/// A ledger over a store and a storage that fail.
pub(crate) struct Scene {
    pub(crate) fixture: Fixture,
    pub(crate) store: Arc<FaultyStore>,
    pub(crate) storage: Arc<FaultyStorage>,
}

impl Scene {
    /// With a directory as its destination.
    pub(crate) fn new(failure: Failure) -> Self {
        let fixture = Fixture::new(Rows::Memory);
        let destination = fixture.destination();
        Self::over(fixture, &destination, failure)
    }

    /// With any destination that has no prefix.
    pub(crate) fn over(mut fixture: Fixture, destination: &Destination, failure: Failure) -> Self {
        fixture.policy.transaction_entries = TRANSACTION_ENTRIES;
        let store = Arc::new(FaultyStore::new(fixture.store(), failure.of_store()));
        let storage = Arc::new(FaultyStorage::new(destination.storage().clone()));
        Self { fixture, store, storage }
    }

    pub(crate) fn destination(&self) -> Destination {
        // Real servers may break a promise that a probe finds; here it is faults that are looked at.
        Destination::over("primary", self.storage.clone(), "").unwrap().accepting_unproven(true)
    }

    pub(crate) fn parts(&self) -> Parts {
        Parts { destinations: vec![self.destination()], ..self.fixture.parts(self.store.clone()) }
    }

    /// A ledger with entries that are old enough, of two tenants.
    pub(crate) async fn ledger(&self) -> Engine {
        let engine = Engine::create(self.parts(), &Actor::system()).await.unwrap();
        let event = |number: u64| {
            let tenant = format!("t{}", number % 2);
            self.fixture.event(&event_json(&format!("event-{number}"), &tenant, "ann", "a.b"))
        };
        engine.append((1..ENTRIES).map(event).collect()).await.unwrap();
        engine.checkpoint().await.unwrap();
        self.fixture.clock.advance_days(100);
        engine
    }

    /// As after the end of a process.
    pub(crate) async fn restart(&self) -> Engine {
        self.store.clear();
        self.store.recover().await.unwrap();
        let engine = Engine::open(self.parts()).await.unwrap();
        engine.end_earlier_leases().await.unwrap();
        engine
    }

    /// The lines of the run's entries that are hot.
    pub(crate) async fn hot(&self) -> BTreeMap<u64, Vec<u8>> {
        let scan =
            EntryScan { range: 0..ENTRIES, order: Order::Ascending, rows_max: 9_999, bytes_max: usize::MAX };
        let entries = self.store.entries(scan).await.unwrap();
        entries.into_iter().map(|entry| (entry.seq, entry.line)).collect()
    }

    /// The manifests at the destination.
    pub(crate) async fn manifests(&self) -> Vec<String> {
        archive::list_manifests(&self.destination()).await.unwrap()
    }

    /// One manifest for one range, everything pruned, every line where it was, and the archive verifies by itself.
    pub(crate) async fn check_finished(&self, engine: &Engine, lines: &BTreeMap<u64, Vec<u8>>, what: &str) {
        let batches = engine.ledger().batches().await.unwrap();
        let ranges: Vec<_> =
            batches.iter().map(|batch| (batch.first_seq, batch.last_seq, batch.state)).collect();
        assert_eq!(ranges, [(0, ENTRIES - 1, "pruned")], "{what}");
        let key = batches[0].manifest_key.as_ref().unwrap();
        assert_eq!(self.manifests().await, std::slice::from_ref(key), "{what}");
        assert_eq!(self.hot().await, BTreeMap::new(), "{what}");
        for (seq, line) in lines.iter().step_by(7) {
            let shown = engine.ledger().show(*seq).await.unwrap().unwrap();
            assert_eq!((shown.tiers.as_slice(), &shown.line), (&["cold"][..], line), "{what}: entry {seq}");
        }
        engine.checkpoint().await.unwrap();
        check(engine).await;
        let keys = KeyRing::single(self.fixture.signer.verifier());
        let options =
            archive::VerifyOptions { expect_archived: Some(ENTRIES), ..archive::VerifyOptions::default() };
        let report = archive::verify(&self.destination(), &keys, &options, &Silent).await.unwrap();
        assert!(report.ok, "{what}: {:#?}", report.problems);
        assert_eq!(engine.ledger().orphans().await.unwrap(), [], "{what}");
    }
}

struct Silent;

impl archive::Progress for Silent {
    fn object(&self, _bytes: u64, _entries: u64) {}
}

pub(crate) async fn run(engine: &Engine) -> Result<ArchiveReport, Error> {
    let window = Window::HotDays(HotDays::new(30).unwrap());
    let run = ArchiveRun { window, limit: None, dry_run: false, forced: false };
    engine.archive_run(&run, &Actor::system(), &NoProgress).await
}
