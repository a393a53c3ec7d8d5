//! Archived objects are destroyed once their time is up: never sooner, never without a note, whatever fails.

mod stubborn;

use std::sync::Arc;

use archive::{Destination, Digest, ExpiredObject, ExpiryNote, ExpiryPlan, Manifest, ManifestRef};
use engine::{
    Actor, ArchiveRun, Engine, ErrorKind, ExpiryReport, ExpiryRun, NoProgress, RestoreRun, RestoreTarget,
    VerifyOptions, Window,
};
use event::{HotDays, RetainDays};
use store::Store;
use stubborn::{Failing, Schedule, Stubborn};
use testkit::{Fault, FaultyStore, Fixture, Rows, check, event_json};

/// Events of tenants t0 to t2; entry 0 is the ledger's own.
const EVENTS: u64 = 60;
/// One object for each tenant; the ledger's own is the fourth.
const OBJECTS: u64 = 3;

struct Place {
    fixture: Fixture,
    store: Arc<dyn Store>,
    schedule: Arc<Schedule>,
}

impl Place {
    /// A ledger whose first batch has been archived and pruned, so many days after it was recorded.
    async fn aged(days: i64, failing: Failing, wrap: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>) -> Self {
        let mut fixture = Fixture::new(Rows::Memory);
        fixture.policy.expire_enabled = true;
        let store = wrap(fixture.store());
        let place = Self { store, schedule: Schedule::new(failing), fixture };
        let engine = Engine::create(place.parts(), &Actor::system()).await.unwrap();
        let event = |number: u64| {
            let tenant = format!("t{}", number % 3);
            place.fixture.event(&event_json(&format!("event-{number}"), &tenant, "ann", "a.b"))
        };
        engine.append((0..EVENTS).map(event).collect()).await.unwrap();
        engine.checkpoint().await.unwrap();
        place.fixture.clock.advance_days(100);
        let window = Window::HotDays(HotDays::new(30).unwrap());
        let run = ArchiveRun { window, limit: None, dry_run: false, forced: false };
        engine.archive_run(&run, &Actor::system(), &NoProgress).await.unwrap();
        engine.shutdown().await.unwrap();
        place.fixture.clock.advance_days(days - 100);
        place
    }

    async fn new(days: i64) -> Self {
        Self::aged(days, Failing::Refused, |store| store).await
    }

    fn destination(&self) -> Destination {
        let storage = Stubborn { inner: self.fixture.destination(), schedule: self.schedule.clone() };
        Destination::over("primary", Arc::new(storage), "").unwrap()
    }

    fn parts(&self) -> engine::Parts {
        engine::Parts { destinations: vec![self.destination()], ..self.fixture.parts(self.store.clone()) }
    }

    async fn open(&self) -> Engine {
        Engine::open(self.parts()).await.unwrap()
    }

    async fn expire(&self, engine: &Engine, run: ExpiryRun) -> engine::Result<ExpiryReport> {
        let destinations = [self.destination().for_expiry()];
        engine.expire(&run, &destinations, &Actor::system(), &NoProgress).await
    }

    /// What is in the archive, without what stays in any case.
    async fn objects(&self) -> Vec<String> {
        let files = self.fixture.destination().list("audit/").await.unwrap();
        let keys = files.into_iter().map(|(key, _)| key);
        keys.filter(|key| !key.contains("org__strongroom")).collect()
    }

    async fn notes(&self) -> usize {
        let files = self.fixture.destination().list("batches/").await.unwrap();
        files.iter().filter(|(key, _)| key.ends_with(archive::EXPIRY_SUFFIX)).count()
    }

    /// Everything has gone, once, and everything is proven.
    async fn check_expired(&self, engine: &Engine, what: &str) {
        assert_eq!(self.objects().await, Vec::<String>::new(), "{what}");
        assert_eq!(self.notes().await, 1, "{what}");
        engine.checkpoint().await.unwrap();
        let report = check(engine).await;
        assert_eq!(report.expired, EVENTS, "{what}");
        assert!(report.warnings.is_empty(), "{what}: {:#?}", report.warnings);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn d10_what_is_past_its_retention_goes_with_a_note_and_is_proven_ever_after() {
    let place = Place::new(1_200).await;
    let engine = place.open().await;
    let size = engine.ledger().tree_size();
    let dry = place.expire(&engine, ExpiryRun { dry_run: true, objects_max: None }).await.unwrap();
    assert_eq!((dry.expired, dry.entries, dry.notes, dry.ok), (OBJECTS, EVENTS, 0, true));
    assert_eq!((place.objects().await.len() as u64, engine.ledger().tree_size()), (2 * OBJECTS, size));
    let leaf = engine.ledger().show(7).await.unwrap().unwrap().leaf_hash;

    let report = place.expire(&engine, ExpiryRun::default()).await.unwrap();
    assert_eq!((report.expired, report.entries, report.notes, report.ok), (OBJECTS, EVENTS, 1, true));
    place.check_expired(&engine, "expired").await;
    let shown = engine.ledger().show(7).await.unwrap().unwrap();
    let expired = shown.expired.unwrap();
    assert!(shown.line.is_empty() && shown.tiers.is_empty() && shown.leaf_hash == leaf);
    assert!(expired.note.ends_with(archive::EXPIRY_SUFFIX) && expired.object.starts_with("audit/org_t"));
    assert!(engine.ledger().show(0).await.unwrap().unwrap().expired.is_none());

    // Nothing is left to do, also for whoever opens the ledger anew.
    drop(engine);
    let engine = place.open().await;
    let again = place.expire(&engine, ExpiryRun::default()).await.unwrap();
    assert_eq!((again.examined, again.expired, again.notes), (0, 0, 0));
    let id = engine.ledger().batches().await.unwrap()[0].batch.clone();
    let run = RestoreRun { target: RestoreTarget::Batch(id), days: HotDays::new(7).unwrap() };
    let restored = engine.restore(&run, &Actor::system(), &NoProgress).await.unwrap();
    assert_eq!((restored.restored, restored.expired), (1, EVENTS));
    place.check_expired(&engine, "restored").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn d10_what_has_to_be_kept_is_hot_or_frozen_stays() {
    let mut place = Place::new(1_090).await;
    let engine = place.open().await;
    let early = place.expire(&engine, ExpiryRun::default()).await.unwrap();
    assert_eq!((early.examined, early.expired), (0, 0));
    drop(engine);

    place.fixture.clock.advance_days(110);
    place.fixture.policy.retain = [RetainDays::Never; 3];
    let engine = place.open().await;
    let never = place.expire(&engine, ExpiryRun::default()).await.unwrap();
    assert_eq!((never.examined, never.expired), (0, 0));
    drop(engine);

    // The line's own time counts where the policy has become shorter: 1,095 days were written into it.
    place.fixture.policy.retain = [RetainDays::new(10).unwrap(); 3];
    place.fixture.clock.advance_days(-200);
    let engine = place.open().await;
    let by_line = place.expire(&engine, ExpiryRun::default()).await.unwrap();
    assert_eq!((by_line.examined, by_line.kept, by_line.expired), (OBJECTS, OBJECTS, 0));
    drop(engine);

    place.fixture.clock.advance_days(200);
    let engine = place.open().await;
    let filter = event::Filter::from_pairs([("tenant", "t1")].into_iter()).unwrap();
    let run = RestoreRun { target: RestoreTarget::Filter(Box::new(filter)), days: HotDays::new(7).unwrap() };
    engine.restore(&run, &Actor::system(), &NoProgress).await.unwrap();
    engine.freeze("an investigation", &Actor::system()).await.unwrap();
    let frozen = place.expire(&engine, ExpiryRun::default()).await.unwrap_err();
    assert_eq!(frozen.kind(), ErrorKind::Refused);
    engine.thaw("it is over", &Actor::system()).await.unwrap();
    let hot = place.expire(&engine, ExpiryRun::default()).await.unwrap();
    assert_eq!((hot.hot, hot.expired), (1, OBJECTS - 1));
    let left = place.objects().await;
    assert!(left.len() == 2 && left.iter().all(|key| key.starts_with("audit/org_t1/")), "{left:?}");
    engine.checkpoint().await.unwrap();
    check(&engine).await;
    drop(engine);

    place.fixture.policy.expire_enabled = false;
    let engine = place.open().await;
    let off = place.expire(&engine, ExpiryRun::default()).await.unwrap_err();
    assert_eq!(off.kind(), ErrorKind::Refused);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_bounds_the_objects_of_a_run() {
    let place = Place::new(1_200).await;
    let engine = place.open().await;
    for left in (0..OBJECTS).rev() {
        let run = ExpiryRun { dry_run: false, objects_max: Some(1) };
        assert_eq!(place.expire(&engine, run).await.unwrap().expired, 1);
        assert_eq!(place.objects().await.len() as u64, 2 * left);
    }
    assert_eq!(place.notes().await as u64, OBJECTS);
    engine.checkpoint().await.unwrap();
    assert_eq!(check(&engine).await.expired, EVENTS);
}

#[tokio::test(flavor = "multi_thread")]
async fn d10_what_a_server_does_not_let_go_is_reported_and_tried_again() {
    let place = Place::new(1_200).await;
    let engine = place.open().await;
    place.schedule.deny_removal(true);
    let report = place.expire(&engine, ExpiryRun::default()).await.unwrap();
    assert_eq!((report.ok, report.expired, report.refused.len() as u64), (false, 0, OBJECTS));
    assert!(report.refused[0].message.contains("the object is locked"), "{:?}", report.refused);
    assert_eq!(place.objects().await.len() as u64, 2 * OBJECTS);
    engine.checkpoint().await.unwrap();
    check(&engine).await;
    place.schedule.deny_removal(false);
    let report = place.expire(&engine, ExpiryRun::default()).await.unwrap();
    assert_eq!((report.ok, report.expired), (true, OBJECTS));
    place.check_expired(&engine, "let go").await;
}

/// Whether there was a step to fail. What failed is found good, and taken up by a retry or a restart.
async fn taken_up(
    place: &Place,
    outcome: engine::Result<ExpiryReport>,
    engine: Engine,
    restarts: bool,
    what: &str,
) {
    // A write whose answer is lost is read back, and then it has not failed.
    let ended = outcome.is_ok_and(|report| report.ok);
    for full in [false, true] {
        let report = engine.ledger().verify(&VerifyOptions { full }, &NoProgress).await.unwrap();
        assert!(report.ok, "{what}: {:#?}", report.problems);
    }
    let engine = if restarts {
        drop(engine);
        place.open().await
    } else {
        engine
    };
    let report = place.expire(&engine, ExpiryRun::default()).await.unwrap();
    assert!(report.ok, "{what}: {:?}", report.refused);
    assert!(!ended || report.expired == 0, "{what}: it had ended");
    place.check_expired(&engine, what).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expiry_that_fails_at_any_call_of_its_destination_is_taken_up() {
    for failing in [Failing::Refused, Failing::Applied] {
        for restarts in [false, true] {
            let mut steps = 0;
            loop {
                let what = format!("{failing:?} at call {steps}, restarted: {restarts}");
                let place = Place::aged(1_200, failing, |store| store).await;
                let engine = place.open().await;
                let before = place.schedule.calls();
                place.schedule.fail_after(steps);
                let outcome = place.expire(&engine, ExpiryRun::default()).await;
                if place.schedule.calls() - before <= steps {
                    break;
                }
                taken_up(&place, outcome, engine, restarts, &what).await;
                steps += 1;
            }
            // The note, then each object and its checksum file.
            assert_eq!(steps as u64, 1 + 2 * OBJECTS, "{failing:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expiry_that_fails_at_any_commit_is_taken_up() {
    for fault in Fault::ALL {
        for restarts in [false, true] {
            let mut steps = 0;
            loop {
                let what = format!("{fault:?} at commit {steps}, restarted: {restarts}");
                let mut faulty = None;
                let place = Place::aged(1_200, Failing::Refused, |store| {
                    let store = Arc::new(FaultyStore::new(store, fault));
                    faulty = Some(store.clone());
                    store
                })
                .await;
                let (engine, faulty) = (place.open().await, faulty.unwrap());
                let before = faulty.commits();
                faulty.fail_commit_after(steps);
                let outcome = place.expire(&engine, ExpiryRun::default()).await;
                if faulty.commits() - before <= steps {
                    break;
                }
                taken_up(&place, outcome, engine, restarts, &what).await;
                steps += 1;
            }
            // What is about to go, and that it has gone.
            assert_eq!(steps, 2, "{fault:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_not_what_was_archived_stays() {
    let place = Place::new(1_200).await;
    let engine = place.open().await;
    let objects = place.objects().await;
    let path = place.fixture.archive_directory().join(&objects[0]);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[30] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    place.expire(&engine, ExpiryRun::default()).await.unwrap_err();
    assert_eq!((place.objects().await, place.notes().await), (objects, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn f1_a_signed_note_that_the_ledger_does_not_know_excuses_nothing() {
    let place = Place::new(1_200).await;
    let engine = place.open().await;
    let destination = place.fixture.destination();
    let manifest = destination.list("batches/").await.unwrap().remove(0).0;
    let bytes = destination.get(&manifest).await.unwrap();
    let keys = merkle::KeyRing::single(place.fixture.signer.verifier());
    let opened = Manifest::open(&bytes, &keys).unwrap();
    let object = opened.objects.iter().find(|object| object.tenant == "t1").unwrap();
    let leaves = archive::reread(&destination, object).await.unwrap().leaves;
    let plan = ExpiryPlan {
        origin: opened.origin.clone(),
        created_at: engine.ledger().now(),
        tree_size: opened.size(),
        batch: opened.batch.clone(),
        number: 1,
        manifest: ManifestRef { key: manifest, sha256: Digest::of(&bytes) },
    };
    let note = ExpiryNote::new(plan, vec![ExpiredObject::new(object, &leaves)]);
    archive::publish_expiry(&destination, &note.sign(&place.fixture.signer).unwrap(), &keys).await.unwrap();
    for key in [object.key.clone(), archive::sidecar_key(&object.key)] {
        std::fs::remove_file(place.fixture.archive_directory().join(key)).unwrap();
    }
    let report = engine.ledger().verify(&VerifyOptions { full: true }, &NoProgress).await.unwrap();
    let found: Vec<&str> = report.problems.iter().map(|finding| finding.reason.as_str()).collect();
    assert_eq!(found, ["object-missing", "expiry-note-unexpected"]);
}
