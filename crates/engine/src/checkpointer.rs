//! Signing: extend the tiles, re-hash the stored lines, and only then sign.

use std::fs::{self, File};
use std::io::{ErrorKind as IoErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use archive::{Destination, Manifest};
use merkle::{Checkpoint, CompactRange, Hash, KeyRing, NoteSigner, TileSet, leaf_hash};
use serde::Serialize;
use tokio::sync::{Mutex, Notify};

use crate::error::{Error, ErrorKind, Result};
use crate::ledger::{Ledger, chunk_of};

/// The tree is signed at most this long after it grew.
const PERIOD: Duration = Duration::from_millis(500);

/// A signed statement of the tree's size and root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignedCheckpoint {
    /// Entries it covers.
    pub size: u64,
    /// Base64 root hash.
    pub root: String,
    /// The signed note.
    pub note: String,
}

impl SignedCheckpoint {
    /// Reads a note and checks its signature.
    pub(crate) fn open(note: String, keys: &KeyRing) -> Result<Self> {
        let checkpoint = keys.open_checkpoint(note.as_bytes()).map_err(|error| {
            Error::with_source(ErrorKind::Corrupt, "the stored checkpoint does not verify", error)
        })?;
        Ok(Self { size: checkpoint.size, root: checkpoint.root.to_base64(), note })
    }
}

/// Where a node remembers the last checkpoint it signed, outside the store: what tells a restored or cut-off ledger
/// from the one that was signed.
pub trait LastCheckpoint: Send + Sync + 'static {
    /// The note that was saved last, if any.
    fn load(&self) -> Result<Option<String>>;
    /// Saves a note durably, replacing the one before.
    fn save(&self, note: &str) -> Result<()>;
}

/// The last checkpoint in a file of its own.
#[derive(Debug)]
pub struct CheckpointFile {
    path: PathBuf,
}

impl CheckpointFile {
    /// A file at this path; it need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    fn failed(&self, error: std::io::Error) -> Error {
        let message = format!("cannot use the checkpoint file {}", self.path.display());
        Error::with_source(ErrorKind::Unavailable, message, error)
    }
}

impl LastCheckpoint for CheckpointFile {
    fn load(&self) -> Result<Option<String>> {
        match fs::read(&self.path) {
            // A note that is no UTF-8 does not verify, which is for those to say who open it.
            Ok(note) => Ok(Some(String::from_utf8_lossy(&note).into_owned())),
            Err(error) if error.kind() == IoErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed(error)),
        }
    }

    fn save(&self, note: &str) -> Result<()> {
        let directory = self.path.parent().unwrap_or(Path::new("."));
        let new = self.path.with_extension("new");
        // Written beside, synced, renamed, directory synced: a crash leaves the old note or the new one, whole.
        let write = || {
            let mut file = owner_only(&new)?;
            file.write_all(note.as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, &self.path)?;
            File::open(directory)?.sync_all()
        };
        write().map_err(|error| self.failed(error))
    }
}

/// Creates or truncates a file that only its owner may read.
fn owner_only(path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    File::options().write(true).create(true).truncate(true).mode(0o600).open(path)
}

/// Signs checkpoints; one at a time.
pub(crate) struct Checkpointer {
    ledger: Ledger,
    signer: Arc<NoteSigner>,
    state: Mutex<State>,
    grown: Notify,
    stopped: std::sync::Mutex<Option<String>>,
}

/// What has been signed, as the next signature needs it.
struct State {
    edge: TileSet,
    range: CompactRange,
    newest: Option<SignedCheckpoint>,
}

impl Checkpointer {
    /// Takes up where the ledger's checkpoint, the checkpoint file and the archive are; refuses a ledger that does not
    /// lead to what any of them says.
    pub(crate) async fn open(ledger: Ledger, signer: Arc<NoteSigner>) -> Result<Self> {
        let newest = ledger.checkpoint().await?;
        let size = newest.as_ref().map_or(0, |checkpoint| checkpoint.size);
        check_not_truncated(ledger.tree_size(), size, "its own checkpoint")?;
        let edge = ledger.tile_set(TileSet::needed_for_range(size)).await?;
        let range = edge.compact_range(size)?;
        if newest.as_ref().is_some_and(|checkpoint| checkpoint.root != range.root().to_base64()) {
            return Err(Error::new(
                ErrorKind::Corrupt,
                "the tiles do not lead to the signed root: run verify",
            ));
        }
        ledger.inner.gauges.signed(size, ledger.now());
        let state = Mutex::new(State { edge, range, newest });
        let checkpointer =
            Self { ledger, signer, state, grown: Notify::new(), stopped: std::sync::Mutex::new(None) };
        if let Some(note) = checkpointer.ledger.inner.last_checkpoint.load()? {
            let last = checkpointer.ledger.inner.keys.open_checkpoint(note.as_bytes()).map_err(|error| {
                Error::with_source(ErrorKind::Corrupt, "the checkpoint file does not verify", error)
            })?;
            checkpointer.check_leads_to(&last, "the checkpoint file beside it").await?;
        }
        for destination in checkpointer.ledger.inner.destinations.clone() {
            if let Some(newest) = newest_archived(&checkpointer.ledger, &destination).await {
                checkpointer.check_leads_to(&newest, &format!("its archive {}", destination.name())).await?;
            }
        }
        Ok(checkpointer)
    }

    /// The ledger must lead to a root that was signed for it, wherever the store's own checkpoint stands.
    async fn check_leads_to(&self, last: &Checkpoint, by: &str) -> Result<()> {
        check_not_truncated(self.ledger.tree_size(), last.size, by)?;
        let state = self.state.lock().await;
        let root = if last.size <= state.range.size() {
            let tiles = self.ledger.tile_set(TileSet::needed_for_range(last.size)).await?;
            tiles.root(last.size)?
        } else {
            let mut range = state.range.clone();
            self.rehash(range.size()..last.size, |_, leaf| range.append(leaf)).await?;
            range.root()
        };
        if root != last.root {
            return Err(Error::new(
                ErrorKind::Truncated,
                format!(
                    "log-truncated: up to {} entries the ledger is not the one that {by} says was signed. {WAY_OUT}",
                    last.size
                ),
            ));
        }
        Ok(())
    }

    /// The newest checkpoint that this process signed or found good.
    pub(crate) async fn newest(&self) -> Option<SignedCheckpoint> {
        self.state.lock().await.newest.clone()
    }

    /// Why signing has stopped, if it has.
    pub(crate) fn stopped(&self) -> Option<String> {
        self.stopped.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// The tree grew.
    pub(crate) fn nudge(&self) {
        self.grown.notify_one();
    }

    /// Signs whenever the tree grew, until cancelled.
    pub(crate) async fn run(&self) {
        loop {
            self.grown.notified().await;
            if let Err(error) = self.sign().await {
                tracing::error!(error = &error as &dyn std::error::Error, "signing failed");
                self.grown.notify_one();
            }
            tokio::time::sleep(PERIOD).await;
        }
    }

    /// Signs the tree as it is now, if it grew since the last time.
    pub(crate) async fn sign(&self) -> Result<SignedCheckpoint> {
        let mut state = self.state.lock().await;
        let target = self.ledger.view().head.range.clone();
        if let Some(newest) = state.newest.as_ref().filter(|newest| newest.size == target.size()) {
            return Ok(newest.clone());
        }
        let signed = self.sign_at(&mut state, &target).await;
        *self.stopped.lock().unwrap_or_else(std::sync::PoisonError::into_inner) =
            signed.as_ref().err().map(ToString::to_string);
        signed
    }

    async fn sign_at(&self, state: &mut State, target: &CompactRange) -> Result<SignedCheckpoint> {
        let from = state.range.size();
        check_not_truncated(target.size(), from, "what this process has signed")?;
        let mut leaves: Vec<Hash> = Vec::with_capacity((target.size() - from) as usize);
        // What is signed is what the store gives back, not what was once sent to it.
        self.rehash(from..target.size(), |_, leaf| leaves.push(leaf)).await?;
        let mut range = state.range.clone();
        for leaf in &leaves {
            range.append(*leaf);
        }
        if &range != target {
            return Err(Error::new(
                ErrorKind::Corrupt,
                format!("entry-changed: entries {from} to {} are not what was accepted", target.size() - 1),
            ));
        }
        let mut edge = state.edge.clone();
        let changed = edge.extend(from, &leaves)?;
        let checkpoint = Checkpoint {
            origin: self.ledger.identity().origin.clone(),
            size: target.size(),
            root: range.root(),
            extensions: Vec::new(),
        };
        let note = checkpoint.sign(&self.signer).map_err(|error| {
            Error::with_source(ErrorKind::Internal, "the checkpoint could not be signed", error)
        })?;
        // First the file outside the store: from here on no older copy of the store is taken for this ledger.
        // In place: a save that goes on after signing was given up would meet the next one.
        self.ledger.inner.last_checkpoint.save(&note)?;
        let tiles = changed
            .iter()
            .filter_map(|id| Some(store::Tile { key: (id.level, id.number), hashes: edge.tile_bytes(id)? }));
        let stored = store::Checkpoint { size: target.size(), note: note.clone() };
        if let Err(error) = self.ledger.store().publish(tiles.collect(), stored).await {
            // Whether or not it was applied, the next attempt writes the same again, once the store takes writes.
            self.ledger.store().recover().await?;
            return Err(error.into());
        }
        edge.retain_edge(target.size());
        let signed = SignedCheckpoint { size: target.size(), root: range.root().to_base64(), note };
        self.ledger.inner.gauges.signed(target.size(), self.ledger.now());
        *state = State { edge, range, newest: Some(signed.clone()) };
        Ok(signed)
    }

    /// Reads lines back from the store and hashes them, in order, without a gap.
    async fn rehash(&self, range: std::ops::Range<u64>, mut leaf: impl FnMut(u64, Hash)) -> Result<()> {
        let mut next = range.start;
        while next < range.end {
            let scan = chunk_of(next..range.end);
            let entries = self.ledger.store().entries(scan).await?;
            if entries.is_empty() {
                return Err(Error::new(ErrorKind::Corrupt, format!("entry-missing: entry {next} is gone")));
            }
            // Hashed before the view is taken: commits wait for whoever holds it.
            let hash = |entry: store::Entry| (entry.seq, leaf_hash(&entry.line));
            let hashed = beside(move || entries.into_iter().map(hash).collect::<Vec<_>>()).await?;
            let view = self.ledger.view();
            for (seq, hash) in hashed {
                if seq != next {
                    return Err(Error::new(
                        ErrorKind::Corrupt,
                        format!("entry-missing: entry {next} is gone"),
                    ));
                }
                if view.tail.leaf(next).is_some_and(|accepted| accepted != hash) {
                    let message = format!("entry-changed: entry {next} is not what was accepted");
                    return Err(Error::new(ErrorKind::Corrupt, message));
                }
                leaf(next, hash);
                next += 1;
            }
        }
        Ok(())
    }
}

/// Does what takes milliseconds beside the threads that answer requests.
async fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::with_source(ErrorKind::Internal, "signing was interrupted", error))
}

/// Manifests that are looked at for one that verifies, newest first.
const MANIFESTS_ASKED_MAX: usize = 8;

const WAY_OUT: &str = "Nothing is signed or accepted. Restore the newest copy of the ledger; if there is none, keep \
                       this one and its archive as they are and start a new ledger beside them";

fn check_not_truncated(size: u64, signed: u64, by: &str) -> Result<()> {
    if signed <= size {
        return Ok(());
    }
    let message = format!("log-truncated: the ledger holds {size} entries, {by} covers {signed}. {WAY_OUT}");
    Err(Error::new(ErrorKind::Truncated, message))
}

/// The checkpoint of the newest batch at a destination. A destination that cannot be read does not stop a ledger from
/// taking events: it is asked again at the next start, and by every archive run and verification.
async fn newest_archived(ledger: &Ledger, destination: &Destination) -> Option<Checkpoint> {
    let (keys, name) = (&ledger.inner.keys, destination.name());
    let unasked = |error: archive::Error| {
        tracing::warn!(error = &error as &dyn std::error::Error, name, "the archive could not be asked");
    };
    let manifests = archive::list_manifests(destination).await.map_err(unasked).ok()?;
    for key in manifests.iter().rev().take(MANIFESTS_ASKED_MAX) {
        let note = destination.read_at_most(key, archive::MANIFEST_BYTES_MAX).await.map_err(unasked).ok()?;
        match Manifest::open(&note, keys).and_then(|manifest| manifest.opened_checkpoint(keys)) {
            Ok(checkpoint) => return Some(checkpoint),
            Err(problem) => {
                tracing::warn!(key, name, problem = %problem.message, "a manifest in the archive does not verify");
            }
        }
    }
    None
}
