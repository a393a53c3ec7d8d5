//! What any place can be seen to do, by doing it.

use std::time::SystemTime;

use bytes::Bytes;
use event::Timestamp;
use futures::future::join_all;

use super::PROBE_DIRECTORY;
use super::finding::ProbeReport;
use crate::destination::{Created, Destination, StorageError, StorageErrorKind};

/// Creates of one key at the same time.
const CONTENDERS: usize = 4;

/// No probe object is larger than this, in bytes; more than it is not what was written.
const PROBE_BYTES_MAX: u64 = 1_024;

const USE_ANOTHER: &str = "use a server that honours create-only writes (If-None-Match: * on S3 and Azure, \
                           x-goog-if-generation-match: 0 on GCS), or update this one";

/// Writes, reads back and lists. Returns the key of what was written, if anything was.
pub(super) async fn check(destination: &Destination, report: &mut ProbeReport) -> Option<String> {
    let directory = format!("{PROBE_DIRECTORY}{:016x}/", rand::random::<u64>());
    let key = format!("{directory}create-only");
    if !create_only(destination, &key, report).await {
        return None;
    }
    let race = format!("{directory}create-race");
    create_race(destination, &race, report).await;
    match destination.list(&directory).await {
        Ok(listed) if listed.iter().any(|(found, _)| *found == key) => {
            report.pass("listed", "what was written is listed at once");
        }
        Ok(_) => report.fail(
            "listed",
            "what was written is not in a listing right after it",
            "use a server whose listings are consistent",
        ),
        Err(error) => report.unknown("listed", chain(&error), "let the credentials list the bucket"),
    }
    Some(key)
}

async fn create_only(destination: &Destination, key: &str, report: &mut ProbeReport) -> bool {
    let (first, second) = (content(1), content(2));
    let before = now();
    match destination.create_raw(key, first.clone()).await {
        Ok(Created::New) => {}
        Ok(Created::Exists) => {
            report.fail(
                "create-only",
                "it says that an object with a random name exists already",
                USE_ANOTHER,
            );
            return false;
        }
        Err(error) => {
            report.unknown("create-only", describe(&error), "make the destination reachable and writable");
            return false;
        }
    }
    let after = now();
    let again = destination.create_raw(key, second.clone()).await;
    let kept = destination.read_at_most(key, PROBE_BYTES_MAX).await;
    match (&again, &kept) {
        (_, Ok(kept)) if *kept == second => {
            report.fail("create-only", "a second create of one key replaced the first", USE_ANOTHER);
        }
        (Ok(Created::New), _) => {
            report.fail("create-only", "a second create of one key was acknowledged", USE_ANOTHER);
        }
        (Ok(Created::Exists), _) => report.pass("create-only", "a second create of one key is refused"),
        (Err(error), _) => {
            report.unknown("create-only", describe(error), "the answer has to say that the object exists");
        }
    }
    match kept {
        Ok(kept) if kept == first || kept == second => {
            report.pass("read-back", "what was written is read back as it was");
        }
        Ok(kept) => report.fail(
            "read-back",
            format!("other bytes are read back than were written ({} of {})", kept.len(), first.len()),
            "use a server that keeps what it acknowledges; look at proxies on the way",
        ),
        Err(error) => report.unknown("read-back", chain(&error), "let the credentials read what they wrote"),
    }
    if let Ok(Some(state)) = destination.state(key).await {
        report.clock = state.last_modified.and_then(|there| Some((before?, there, after?)));
    }
    true
}

async fn create_race(destination: &Destination, key: &str, report: &mut ProbeReport) {
    let contents: Vec<Bytes> = (0..CONTENDERS).map(content).collect();
    let creating = contents.iter().map(|content| destination.create_raw(key, content.clone()));
    let outcomes = join_all(creating).await;
    let won: Vec<usize> =
        (0..CONTENDERS).filter(|index| matches!(outcomes[*index], Ok(Created::New))).collect();
    let kept = destination.read_at_most(key, PROBE_BYTES_MAX).await;
    let failed = outcomes.iter().find_map(|outcome| outcome.as_ref().err());
    match (won.as_slice(), failed, kept) {
        ([winner], _, Ok(kept)) if kept == contents[*winner] => {
            report.pass("create-race", format!("of {CONTENDERS} creates of one key at once, one won"));
        }
        ([_], _, Ok(_)) => {
            report.fail("create-race", "an object holds other bytes than the create that won", USE_ANOTHER);
        }
        ([_, _, ..], _, _) => report.fail(
            "create-race",
            format!("of {CONTENDERS} creates of one key at once, {} were acknowledged", won.len()),
            USE_ANOTHER,
        ),
        (_, Some(error), _) => report.unknown("create-race", describe(error), "try again: strongroom doctor"),
        (_, None, Err(error)) => report.unknown("create-race", chain(&error), "try again: strongroom doctor"),
        ([], None, Ok(_)) => {
            report.fail("create-race", "all creates of one key were told that it exists", USE_ANOTHER);
        }
    }
}

/// Tries to delete what the probe wrote. A directory is always ours, so there it is only tidied up.
pub(super) async fn check_deletion(destination: &Destination, key: &str, report: &mut ProbeReport) {
    let race = key.replace("create-only", "create-race");
    let outcome = destination.remove_probe(key).await;
    drop(destination.remove_probe(&race).await);
    if let Some(root) = destination.local_root() {
        let directory = key.rsplit_once('/').map_or(PROBE_DIRECTORY, |(directory, _)| directory);
        // Either may hold something of another probe; then it stays.
        drop(std::fs::remove_dir(root.join(directory)));
        drop(std::fs::remove_dir(root.join(PROBE_DIRECTORY)));
        return;
    }
    match outcome {
        Ok(()) => report.warn(
            "delete-refused",
            "the credentials that archive can delete objects: they can do more than they should",
            "take the permission to delete from them; expiry has credentials of its own",
        ),
        Err(error) if error.kind() == StorageErrorKind::Denied => {
            report.pass("delete-refused", "the credentials that archive may not delete");
        }
        Err(error) => report.unknown("delete-refused", describe(&error), "try again: strongroom doctor"),
    }
}

fn content(number: usize) -> Bytes {
    format!("A probe of strongroom, number {number}. It may be deleted.\n").into()
}

fn now() -> Option<Timestamp> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Timestamp::from_micros(i64::try_from(since.as_micros()).ok()?)
}

fn describe(error: &StorageError) -> String {
    chain(error)
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
