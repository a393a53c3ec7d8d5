//! Encrypted archives, batches that stop anywhere, and what is noticed without reading everything again.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use archive::{Destination, Identity, ManifestObject};
use engine::{
    Actor, ArchiveReport, ArchiveRun, Engine, Error, NoProgress, VerifyOptions, VerifyReport, Window,
};
use event::HotDays;
use testkit::{Fixture, Rows, check, event_json};

const SECRET: &str = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";

/// The ledger's own first entry and 300 events.
const ENTRIES: u64 = 301;

/// Who can read what is archived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// Everybody: nothing is encrypted.
    Plain,
    /// The ledger, with an identity.
    Opened,
    /// Not the ledger.
    Locked,
}

const ALL: [Reading; 3] = [Reading::Plain, Reading::Opened, Reading::Locked];

/// A ledger with two destinations.
struct Place {
    fixture: Fixture,
    reading: Reading,
}

impl Place {
    fn new(reading: Reading) -> Self {
        Self { fixture: Fixture::new(Rows::Memory), reading }
    }

    fn root(&self, name: &str) -> PathBuf {
        self.fixture.path().join(name)
    }

    fn destination(&self, name: &str) -> Destination {
        let destination = Destination::open_or_create(name, self.root(name).to_str().unwrap()).unwrap();
        let identity = Identity::parse(SECRET).unwrap();
        match self.reading {
            Reading::Plain => destination,
            Reading::Locked => destination.with_recipients(identity.recipients()),
            Reading::Opened => destination.with_recipients(identity.recipients()).with_identity(identity),
        }
    }

    fn parts(&self) -> engine::Parts {
        let destinations = vec![self.destination("first"), self.destination("second")];
        engine::Parts { destinations, ..self.fixture.parts(self.fixture.store()) }
    }

    async fn create(&self) -> Engine {
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

    async fn open(&self) -> Engine {
        Engine::open(self.parts()).await.unwrap()
    }

    fn staging(&self) -> PathBuf {
        self.fixture.path().join("staging")
    }

    /// Something that is in the way of the manifest at a destination: the run stops before it.
    fn block(&self, name: &str, key: &str) -> PathBuf {
        let path = self.root(name).join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, b"in the way").unwrap();
        path
    }
}

async fn run(engine: &Engine) -> Result<ArchiveReport, Error> {
    let window = Window::HotDays(HotDays::new(30).unwrap());
    let run = ArchiveRun { window, limit: None, dry_run: false, forced: false };
    engine.archive_run(&run, &Actor::system(), &NoProgress).await
}

fn files(root: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                found.insert(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found
}

/// How an object's key ends where it is not encrypted.
const OBJECT_SUFFIX: &str = ".jsonl.gz";

fn is_encrypted(key: &str) -> bool {
    key.ends_with(archive::ENCRYPTED_SUFFIX)
}

fn objects(root: &Path) -> BTreeSet<String> {
    files(root).into_iter().filter(|key| key.ends_with(OBJECT_SUFFIX) || is_encrypted(key)).collect()
}

fn named_objects(place: &Place, batch: &engine::BatchSummary) -> BTreeSet<String> {
    let note = fs::read_to_string(place.root("first").join(batch.manifest_key.as_ref().unwrap())).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(note.lines().next().unwrap()).unwrap();
    let objects: Vec<ManifestObject> = serde_json::from_value(manifest["objects"].clone()).unwrap();
    objects.into_iter().map(|object| object.key).collect()
}

async fn verify(engine: &Engine, full: bool) -> VerifyReport {
    engine.verify(&VerifyOptions { full }, &NoProgress).await.unwrap()
}

/// One batch, pruned, with one manifest of the same bytes at both destinations that names what is there.
async fn check_finished(place: &Place, engine: &Engine, orphans: bool, what: &str) {
    let batches = engine.ledger().batches().await.unwrap();
    let ranges: Vec<_> = batches.iter().map(|batch| (batch.first_seq, batch.last_seq, batch.state)).collect();
    assert_eq!(ranges, [(0, ENTRIES - 1, "pruned")], "{what}");
    let named = named_objects(place, &batches[0]);
    let manifest = batches[0].manifest_key.clone().unwrap();
    let read = |name: &str| fs::read(place.root(name).join(&manifest)).unwrap();
    assert_eq!(read("first"), read("second"), "{what}");
    for name in ["first", "second"] {
        let there = files(&place.root(name));
        let manifests: Vec<_> = there.iter().filter(|key| key.ends_with(archive::MANIFEST_SUFFIX)).collect();
        assert_eq!(manifests, [&manifest], "{what}");
        let objects = objects(&place.root(name));
        assert!(named.is_subset(&objects), "{what}: {name}");
        if !orphans {
            assert_eq!(named, objects, "{what}: {name}");
        }
    }
    assert!(named.iter().all(|key| is_encrypted(key) == (place.reading != Reading::Plain)), "{what}");
    engine.checkpoint().await.unwrap();
    let report = check(engine).await;
    let unread = if place.reading == Reading::Locked { ENTRIES } else { 0 };
    assert_eq!(report.archived_unread, unread, "{what}");
    assert_eq!(fs::read_dir(place.staging()).map_or(0, Iterator::count), 0, "{what}: staged files are left");
    let shown = engine.ledger().show(7).await;
    if place.reading == Reading::Locked {
        let message = shown.unwrap_err().to_string();
        assert!(message.contains(".age") && message.contains("identity_file"), "{what}: {message}");
    } else {
        assert_eq!(shown.unwrap().unwrap().tiers, ["cold"], "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_archived_encrypted_and_the_report_says_what_was_not_read_back() {
    for reading in ALL {
        let place = Place::new(reading);
        let engine = place.create().await;
        let report = run(&engine).await.unwrap();
        let unread = if reading == Reading::Locked { ENTRIES } else { 0 };
        assert_eq!(
            (report.verified, report.unread, report.pruned),
            (ENTRIES, unread, ENTRIES),
            "{reading:?}"
        );
        check_finished(&place, &engine, false, &format!("{reading:?}")).await;
    }
}

/// Stops a run after its manifest is at the first destination, and gives the engine back.
async fn stopped_after_the_first_manifest(place: &Place) -> (Engine, PathBuf) {
    let engine = place.create().await;
    // The second destination takes objects and no copy of the tree: the run fails between the two manifests.
    let blocked = place.block("second", "log");
    run(&engine).await.unwrap_err();
    let manifests = |name: &str| {
        files(&place.root(name)).iter().filter(|key| key.ends_with(archive::MANIFEST_SUFFIX)).count()
    };
    assert_eq!((manifests("first"), manifests("second")), (1, 0));
    fs::remove_file(&blocked).unwrap();
    (engine, blocked)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_published_manifest_is_adopted_whatever_became_of_the_staging() {
    for reading in ALL {
        for (staging, objects_too) in [(true, false), (false, false), (false, true)] {
            let what = format!("{reading:?}, staging kept: {staging}, objects lost: {objects_too}");
            let place = Place::new(reading);
            let (engine, _) = stopped_after_the_first_manifest(&place).await;
            drop(engine);
            if !staging {
                fs::remove_dir_all(place.staging()).unwrap();
            }
            if objects_too {
                fs::remove_dir_all(place.root("second").join("audit")).unwrap();
            }
            let published = files(&place.root("first"));
            let engine = place.open().await;
            assert!(run(&engine).await.unwrap().ok, "{what}");
            assert!(published.is_subset(&files(&place.root("first"))), "{what}");
            check_finished(&place, &engine, false, &what).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_cannot_be_adopted_stops_the_run_before_anything_is_written() {
    let place = Place::new(Reading::Locked);
    let (engine, _) = stopped_after_the_first_manifest(&place).await;
    fs::remove_dir_all(place.staging()).unwrap();
    let key =
        files(&place.root("first")).into_iter().find(|key| key.ends_with(archive::MANIFEST_SUFFIX)).unwrap();
    let good = fs::read(place.root("first").join(&key)).unwrap();
    let in_the_way = place.block("second", &key);
    let before = (files(&place.root("first")), files(&place.root("second")));
    let error = run(&engine).await.unwrap_err();
    assert!(error.to_string().contains(&key) && error.to_string().contains("second"), "{error}");
    assert_eq!((files(&place.root("first")), files(&place.root("second"))), before);
    assert_eq!(fs::read(place.root("first").join(&key)).unwrap(), good);
    fs::remove_file(in_the_way).unwrap();
    assert!(run(&engine).await.unwrap().ok);
    check_finished(&place, &engine, false, "mended").await;
}

/// Stops a run when the objects are uploaded and no manifest is.
async fn stopped_before_any_manifest(place: &Place) -> Engine {
    let engine = place.create().await;
    let blocked = place.block("first", "log");
    run(&engine).await.unwrap_err();
    fs::remove_file(&blocked).unwrap();
    drop(engine);
    place.open().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_staged_is_uploaded_again_and_what_is_lost_leaves_orphans_at_most() {
    for reading in ALL {
        let damages: [(&str, Damage); 4] = [
            ("kept", |_| {}),
            ("lost", |place| fs::remove_dir_all(place.staging()).unwrap()),
            ("torn marker", |place| {
                let marker = staged_file(place, |name| name == "staged");
                let text = fs::read(&marker).unwrap();
                fs::write(&marker, &text[..text.len() / 2]).unwrap();
            }),
            ("rotten object", |place| {
                let object = staged_file(place, |name| name != "staged");
                let mut bytes = fs::read(&object).unwrap();
                bytes[20] ^= 1;
                fs::write(&object, bytes).unwrap();
            }),
        ];
        for (name, damage) in damages {
            let what = format!("{reading:?}, staging {name}");
            let place = Place::new(reading);
            let engine = stopped_before_any_manifest(&place).await;
            let uploaded = objects(&place.root("first"));
            assert!(!uploaded.is_empty(), "{what}");
            damage(&place);
            assert!(run(&engine).await.unwrap().ok, "{what}");
            let orphans = reading != Reading::Plain && name != "kept";
            check_finished(&place, &engine, orphans, &what).await;
            let now = objects(&place.root("first"));
            assert!(uploaded.is_subset(&now), "{what}");
            assert_eq!(now.len() > uploaded.len(), orphans, "{what}: it was staged anew");
        }
    }
}

/// What happens to the staging directory between two runs.
type Damage = fn(&Place);

fn staged_file(place: &Place, wanted: fn(&str) -> bool) -> PathBuf {
    let batch = fs::read_dir(place.staging()).unwrap().next().unwrap().unwrap().path();
    let mut found = fs::read_dir(batch).unwrap().map(|file| file.unwrap().path());
    found.find(|path| wanted(path.file_name().unwrap().to_str().unwrap())).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_staged_in_the_clear_is_not_uploaded_when_it_is_to_be_encrypted() {
    let mut place = Place::new(Reading::Plain);
    let engine = place.create().await;
    let blocked = place.block("first", "audit");
    run(&engine).await.unwrap_err();
    drop(engine);
    fs::remove_file(&blocked).unwrap();
    place.reading = Reading::Opened;
    let engine = place.open().await;
    assert!(run(&engine).await.unwrap().ok);
    // A write that was under way when the run failed may have left an object in the clear: named by nothing.
    check_finished(&place, &engine, true, "encrypted since").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn destinations_that_differ_in_recipients_are_refused() {
    let place = Place::new(Reading::Plain);
    let encrypted = place.destination("first").with_recipients(Identity::parse(SECRET).unwrap().recipients());
    let parts = engine::Parts { destinations: vec![encrypted, place.destination("second")], ..place.parts() };
    let engine = Engine::create(parts, &Actor::system()).await.unwrap();
    place.fixture.clock.advance_days(100);
    engine.checkpoint().await.unwrap();
    let window = Window::HotDays(HotDays::new(30).unwrap());
    let forced = ArchiveRun { window, limit: None, dry_run: false, forced: true };
    let error = engine.archive_run(&forced, &Actor::system(), &NoProgress).await.unwrap_err();
    assert!(error.to_string().contains("encrypt_to"), "{error}");
    assert!(objects(&place.root("first")).is_empty() && objects(&place.root("second")).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn f2_a_file_that_changed_since_it_was_proven_is_found_without_reading_the_others() {
    for reading in ALL {
        let place = Place::new(reading);
        let engine = place.create().await;
        run(&engine).await.unwrap();
        engine.checkpoint().await.unwrap();
        let first = verify(&engine, false).await;
        assert!(first.ok, "{:?}", first.problems);
        let read = first.archived_checked;
        assert_eq!(read, if reading == Reading::Locked { 0 } else { 2 * ENTRIES }, "{reading:?}");
        let second = verify(&engine, false).await;
        assert!(second.ok && second.archived_checked == 0, "{reading:?}: {}", second.archived_checked);

        let all = objects(&place.root("second"));
        let key = all.into_iter().find(|key| key.contains("org_t1")).unwrap();
        let path = place.root("second").join(&key);
        let good = fs::read(&path).unwrap();
        let mut bad = good.clone();
        bad[100] ^= 1;
        replace(&path, &bad);
        let found = verify(&engine, false).await;
        let reasons: Vec<&str> = found.problems.iter().map(|found| found.reason.as_str()).collect();
        assert_eq!(reasons, ["object-hash-mismatch"], "{reading:?}: {:?}", found.problems);
        assert!(found.problems[0].message.contains(&key), "{reading:?}");

        // Put back, it is another file with the same bytes: read again, found good, and known from then on.
        replace(&path, &good);
        for _ in 0..2 {
            assert!(verify(&engine, false).await.ok, "{reading:?}");
        }
        let again = verify(&engine, false).await;
        assert!(again.ok && again.archived_checked == 0, "{reading:?}: {}", again.archived_checked);
        check(&engine).await;
    }
}

/// As an attacker would: the size stays, and the file is another.
fn replace(path: &Path, bytes: &[u8]) {
    let fresh = path.with_extension("fresh");
    fs::write(&fresh, bytes).unwrap();
    fs::rename(&fresh, path).unwrap();
}
