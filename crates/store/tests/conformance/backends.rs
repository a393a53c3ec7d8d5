//! How each backend opens an empty store.

use std::future::{Ready, ready};
use std::ops::Deref;

use store::{MemoryStore, SqliteOptions, SqliteStore, Store};
use tempfile::TempDir;

/// An empty store and what goes with it. The store is dropped before its directory.
pub(crate) struct Backend {
    store: Box<dyn Store>,
    _directory: Option<TempDir>,
}

impl Deref for Backend {
    type Target = dyn Store;

    fn deref(&self) -> &Self::Target {
        &*self.store
    }
}

pub(crate) fn memory() -> Ready<Backend> {
    ready(Backend { store: Box::new(MemoryStore::new()), _directory: None })
}

pub(crate) fn sqlite() -> Ready<Backend> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let options = SqliteOptions { read_connections: 2, ..SqliteOptions::default() };
    let store = SqliteStore::create(&SqliteStore::file_in(directory.path()), &options).expect("a new store");
    ready(Backend { store: Box::new(store), _directory: Some(directory) })
}
