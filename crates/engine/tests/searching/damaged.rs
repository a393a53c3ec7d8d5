//! What a search does where a copy of the archive is damaged or cannot be reached: the next copy, or an error.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use archive::Destination;
use engine::{Actor, Engine, ErrorKind, Order, Page, Parts, Tier};
use event::Filter;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use testkit::{Fixture, Rows, events};

use crate::cold::archive;
use crate::sample::{all_lines, all_pages, by};

/// A ledger with so many copies of its archive.
async fn ledger(rows: Rows, destinations: usize) -> (Fixture, Engine) {
    let fixture = Fixture::new(rows);
    let names = ["primary", "second"].into_iter().take(destinations);
    let destinations = names.map(|name| {
        let directory = fixture.path().join(name);
        Destination::open_or_create(name, &format!("file://{}", directory.display())).unwrap()
    });
    let parts = Parts { destinations: destinations.collect(), ..fixture.parts(fixture.store()) };
    let engine = Engine::create(parts, &Actor::system()).await.unwrap();
    engine.append(events(&fixture, 70, 4_000)).await.unwrap();
    fixture.clock.advance_days(1);
    (fixture, engine)
}

/// The objects in a copy, largest first.
fn objects(copy: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut directories = vec![copy.to_owned()];
    while let Some(directory) = directories.pop() {
        for file in std::fs::read_dir(directory).unwrap() {
            let path = file.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.to_string_lossy().ends_with(".jsonl.gz") {
                found.push(path);
            }
        }
    }
    found.sort_by_key(|path| std::cmp::Reverse(std::fs::metadata(path).unwrap().len()));
    found
}

fn flip_a_bit(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_or_missing_copy_gives_way_to_the_next_destination() {
    let (fixture, engine) = ledger(Rows::Memory, 2).await;
    let lines = all_lines(fixture.store().as_ref(), 4_001).await;
    archive(&engine, 3_000).await;
    let copy = objects(&fixture.path().join("primary"));
    flip_a_bit(&copy[0]);
    std::fs::remove_file(&copy[1]).unwrap();
    std::fs::write(&copy[2], b"").unwrap();
    for order in [Order::Ascending, Order::Descending] {
        let (mut found, _) = all_pages(&engine, Tier::Cold, &Filter::default(), order, || 700).await;
        if order == Order::Descending {
            found.reverse();
        }
        assert_eq!(found, (0..3_000).collect::<Vec<_>>());
    }
    let needle = event::EntryFields::parse(&lines[1_234]).unwrap().event_id.into_owned();
    let page = engine.ledger().search(&by("event_id", &needle), &Page::default()).await.unwrap();
    assert_eq!(page.entries, [lines[1_234].clone()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_copy_is_good_the_search_is_an_error_that_names_the_object() {
    let (fixture, engine) = ledger(Rows::Memory, 2).await;
    archive(&engine, 3_000).await;
    let damaged = objects(&fixture.path().join("primary")).remove(0);
    flip_a_bit(&damaged);
    flip_a_bit(&objects(&fixture.path().join("second"))[0]);
    let page = Page { tier: Tier::Cold, limit: 1_000, ..Page::default() };
    let error = engine.ledger().search(&Filter::default(), &page).await.unwrap_err();
    let key = damaged.strip_prefix(fixture.path().join("primary")).unwrap();
    assert!(error.to_string().contains(&*key.to_string_lossy()), "{error}");
    // The hot tier does not need the archive.
    let hot = Page { tier: Tier::Hot, ..Page::default() };
    assert_eq!(engine.ledger().search(&Filter::default(), &hot).await.unwrap().entries.len(), 100);
}

/// What whoever writes to both the archive and the database can do: another object, and a row that says it is right.
#[tokio::test(flavor = "multi_thread")]
async fn a_forged_entry_is_never_found() {
    let (fixture, engine) = ledger(Rows::Sqlite, 1).await;
    archive(&engine, 3_000).await;
    let root = fixture.path().join("primary");
    let file = objects(&root).remove(0);
    let key = file.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
    let mut text = String::new();
    GzDecoder::new(&*std::fs::read(&file).unwrap()).read_to_string(&mut text).unwrap();
    let forged = text.replace("\"outcome\":\"success\"", "\"outcome\":\"unknown\"");
    assert_ne!(forged, text);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(forged.as_bytes()).unwrap();
    let bytes = encoder.finish().unwrap();
    std::fs::write(&file, &bytes).unwrap();

    let database = rusqlite::Connection::open(fixture.database()).unwrap();
    let of_object = "SELECT key, body FROM object WHERE key LIKE '%|' || ?1";
    let (row, body): (String, String) =
        database.query_row(of_object, [&key], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let mut body: serde_json::Value = serde_json::from_str(&body).unwrap();
    body["bytes"] = bytes.len().into();
    body["sha256"] = archive::Digest::of(&bytes).to_string().into();
    database.execute("UPDATE object SET body = ?2 WHERE key = ?1", [row, body.to_string()]).unwrap();
    database.execute("DELETE FROM term_filter", []).unwrap();

    let page = Page { tier: Tier::Cold, limit: 1_000, ..Page::default() };
    for filter in [by("outcome", "unknown"), Filter::default()] {
        let error = engine.ledger().search(&filter, &page).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().contains(&key), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_destination_the_archive_is_an_error_and_the_hot_window_is_not() {
    let (fixture, engine) = ledger(Rows::Memory, 1).await;
    archive(&engine, 3_000).await;
    engine.shutdown().await.unwrap();
    let parts = Parts { destinations: Vec::new(), ..fixture.parts(fixture.store()) };
    let ledger = engine::Ledger::open_read_only(
        parts.store,
        parts.destinations,
        parts.last_checkpoint,
        parts.clock,
        parts.policy,
    );
    let ledger = ledger.await.unwrap();
    let page = Page { order: Order::Ascending, ..Page::default() };
    let error = ledger.search(&Filter::default(), &page).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    let newest = ledger.search(&Filter::default(), &Page::default()).await.unwrap();
    assert_eq!((newest.entries.len(), newest.tiers), (100, vec!["hot"]));
}
