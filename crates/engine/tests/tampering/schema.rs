//! What the tables refuse by themselves.

use rusqlite::Connection;
use store::{SqliteOptions, SqliteStore};

#[test]
fn an_entry_before_the_beginning_is_refused_even_without_triggers() {
    let directory = tempfile::tempdir().unwrap();
    let path = SqliteStore::file_in(directory.path());
    drop(SqliteStore::create(&path, &SqliteOptions::default()).unwrap());
    let connection = Connection::open(path).unwrap();
    connection.execute_batch("DROP TRIGGER entry_is_never_replaced").unwrap();
    // No scan of the ledger would ever see such a row, but the views would show it.
    let refused = connection.execute("INSERT INTO entry VALUES (-1, '{}')", []).unwrap_err();
    assert_eq!(refused.sqlite_error_code(), Some(rusqlite::ErrorCode::ConstraintViolation));
}
