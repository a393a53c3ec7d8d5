//! Making a ledger: resumable until the new owner has seen the first token.

use std::sync::Arc;

use engine::{CreatedToken, Engine, Identity, NewToken, Role};
use store::{SqliteOptions, SqliteStore, Store};

use crate::configuration::Configuration;
use crate::data_directory::{DataDirectory, DirectoryLock, DirectoryState, create_directory, write_durably};
use crate::failure::Failure;
use crate::ledger_access::{OpenEngine, parts, prove_for_a_new_ledger, store_failed};
use crate::operator::operator;

/// Where the archive of a new ledger is, seen from its data directory.
const INITIAL_ARCHIVE: &str = "file:./archive";

/// A ledger that was just made. It is complete only after [`NewLedger::handed_over`].
pub(crate) struct NewLedger {
    pub(crate) identity: Identity,
    pub(crate) token: CreatedToken,
    pub(crate) open: OpenEngine,
    directory: DataDirectory,
}

impl NewLedger {
    /// The public key; a new ledger has one.
    pub(crate) fn vkey(&self) -> &str {
        self.identity.vkeys.first().map_or("", String::as_str)
    }

    /// The token was shown: from now on this is a ledger like any other. Before this point a crash costs nothing, because
    /// the next `init` goes on and shows a token of its own.
    pub(crate) fn handed_over(self) -> Result<OpenEngine, Failure> {
        self.directory.mark_finished()?;
        Ok(self.open)
    }
}

/// Makes a ledger where there is none. `reload` reads the settings again, now that the directory has a file of its own.
pub(crate) async fn create(
    first: &Configuration,
    reload: impl FnOnce() -> Result<Configuration, Failure>,
) -> Result<NewLedger, Failure> {
    let directory = first.directory.clone();
    refuse_existing(&directory)?;
    directory.create()?;
    let lock = directory.lock()?;
    // Between the first look and the lock another process may have made a ledger here.
    refuse_existing(&directory)?;
    directory.mark_unfinished()?;

    let signer = directory.key_for_new_ledger(first.settings.ledger.origin.as_deref())?;
    let settings_file = directory.settings_file();
    if !settings_file.exists() {
        write_durably(&settings_file, settings::initial_file(signer.name(), INITIAL_ARCHIVE).as_bytes())?;
    }
    let configuration = reload()?;
    prove_for_a_new_ledger(&configuration).await?;
    create_directory(&directory.staging())
        .map_err(|error| Failure::caused("cannot make the staging directory", error))?;

    let engine = create_or_resume(&configuration, lock, Arc::new(signer)).await?;
    let token = NewToken { name: "init".to_owned(), role: Role::SuperAdmin, tenant: None, days: None };
    let token = engine.engine.create_token(token, &operator()).await?;
    let identity = engine.engine.ledger().identity().clone();
    Ok(NewLedger { identity, token, open: engine, directory })
}

fn refuse_existing(directory: &DataDirectory) -> Result<(), Failure> {
    match directory.state()? {
        DirectoryState::Empty | DirectoryState::Unfinished => Ok(()),
        DirectoryState::Ready => Err(Failure::new(format!(
            "{} has a ledger already",
            directory.root().display()
        ))
        .hint(
            "the other commands use it as it is; a second ledger needs a directory of its own (--data DIR)",
        )),
        DirectoryState::LedgerGone => Err(directory.ledger_gone()),
    }
}

/// An earlier attempt may have reached the first commit. Then the ledger is kept and only the token is made anew; what
/// has no head, or cannot even be opened, never held an entry and goes.
async fn create_or_resume(
    configuration: &Configuration,
    lock: DirectoryLock,
    signer: Arc<merkle::NoteSigner>,
) -> Result<OpenEngine, Failure> {
    let directory = &configuration.directory;
    let options = SqliteOptions::default();
    if let Ok(store) = SqliteStore::open(&directory.ledger_file(), &options)
        && store.head().await.map_err(store_failed)?.is_some()
    {
        let engine = Engine::open(parts(configuration, Arc::new(store), signer)?).await?;
        return Ok(OpenEngine { engine, _lock: lock });
    }
    directory.remove_headless_ledger()?;
    let store = SqliteStore::create(&directory.ledger_file(), &options).map_err(store_failed)?;
    let engine = Engine::create(parts(configuration, Arc::new(store), signer)?, &operator()).await?;
    Ok(OpenEngine { engine, _lock: lock })
}
