//! A disk that fails under the store, for real: the system refuses to let its files grow.

use std::path::Path;
use std::process::Command;

use store::{Error, ErrorKind, SqliteOptions, SqliteStore, Store};

use crate::files::{Directory, child_directory, commit_after, holds_exactly, passed, this_program};

/// Commits of this many entries, about 30 KB each.
const ENTRIES: u64 = 50;

#[tokio::test]
async fn after_a_failed_write_nothing_is_written_until_the_store_has_recovered() {
    const NAME: &str = "failing::after_a_failed_write_nothing_is_written_until_the_store_has_recovered";
    if let Some(child) = child_directory() {
        return fail_and_recover(&child).await;
    }
    let directory = Directory::new();
    let template = crate::files::again_in_child(&this_program(), NAME, directory.path());
    // About 1 to 2 MiB (the unit is 512 or 1,024 bytes); the ignored signal turns the limit into a failing write.
    let mut child = Command::new("sh");
    child.args(["-c", r#"trap "" XFSZ; ulimit -f 2048; exec "$0" "$@""#]).arg(template.get_program());
    child
        .args(template.get_args())
        .envs(template.get_envs().filter_map(|(name, value)| Some((name, value?))));
    passed(child);

    // Without the limit, all that was acknowledged is there.
    let store = directory.open();
    let size = store.head().await.unwrap().unwrap().size;
    holds_exactly(&store, size, ENTRIES).await;
    store.commit(commit_after(size, ENTRIES)).await.unwrap();
}

/// Commits until it fails; answers the acknowledged size, and the failure.
async fn commit_until_it_fails(store: &SqliteStore, mut size: u64) -> (u64, Error) {
    loop {
        match store.commit(commit_after(size, ENTRIES)).await {
            Ok(()) => size += ENTRIES,
            Err(error) => return (size, error),
        }
    }
}

async fn fail_and_recover(directory: &Path) {
    let options = SqliteOptions { read_connections: 1, ..SqliteOptions::default() };
    let store = SqliteStore::create(&SqliteStore::file_in(directory), &options).unwrap();
    let (mut size, mut recoveries) = (0, 0);
    loop {
        let (acknowledged, error) = commit_until_it_fails(&store, size).await;
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
        for _ in 0..2 {
            let error = store.commit(commit_after(acknowledged, ENTRIES)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        }
        holds_exactly(&store, acknowledged, ENTRIES).await;
        match store.recover().await {
            // The WAL was what could not grow: it is in the database file now, and empty.
            Ok(head) => size = head.unwrap().size,
            // Now the database file cannot grow either.
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
                holds_exactly(&store, acknowledged, ENTRIES).await;
                break;
            }
        }
        assert_eq!(size, acknowledged, "what failed was not applied here");
        recoveries += 1;
    }
    assert!(recoveries > 0, "the WAL reaches the limit first");
}
