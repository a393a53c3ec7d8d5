//! The ledger as it is read: the shared view of its end, its tail, its segments and what was pruned.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use archive::Destination;
use event::{EntryFields, Field, Limits, Timestamp};
use merkle::{CompactRange, Hash, KeyRing, TileId, TileSet, VerifierKey, leaf_hash};
use store::{EntryScan, Order, Prune, Row, Segment, SegmentState, SeqRange, Store, Table};
use tokio::sync::Semaphore;

use crate::SEGMENT_ENTRIES;
use crate::checkpointer::{LastCheckpoint, SignedCheckpoint};
use crate::clock::Clock;
use crate::cold::{COLD_READS_MAX, Catalogue};
use crate::error::{Error, ErrorKind, Result, corrupt_row};
use crate::gauges::Gauges;
use crate::identity::{IDENTITY_KEY, Identity};
use crate::known_tokens::KnownTokens;
use crate::plan::PlanHead;
use crate::policy::Policy;
use crate::pruning::PrunedRow;
use crate::restoring::restored_rows;
use crate::seq_set::SeqSet;
use crate::tail::{Tail, TailRow};
use crate::token::{Principal, TokenRow, fingerprint, is_token};

/// Entries read from the store at once where all of a range is read.
pub(crate) const READ_ENTRIES: usize = 4_096;
/// Bytes read from the store at once.
pub(crate) const READ_BYTES: usize = 8 << 20;
/// The first so many hot entries of a range, in order: one step of reading all of it in bounded memory.
pub(crate) fn chunk_of(range: SeqRange) -> EntryScan {
    EntryScan { range, order: Order::Ascending, rows_max: READ_ENTRIES, bytes_max: READ_BYTES }
}

/// Control rows read at once.
const READ_ROWS: usize = 1_000;

/// A ledger, for reading. Cheap to clone; clones share one view.
#[derive(Clone)]
pub struct Ledger {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) destinations: Vec<Destination>,
    pub(crate) last_checkpoint: Arc<dyn LastCheckpoint>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) policy: Policy,
    pub(crate) identity: Identity,
    pub(crate) keys: KeyRing,
    /// Of a process that writes; others' revocations cannot happen beside it.
    pub(crate) known_tokens: KnownTokens,
    pub(crate) gauges: Arc<Gauges>,
    pub(crate) catalogue: Catalogue,
    /// One for each member of an archived object that searches may have in memory at once.
    pub(crate) cold_reads: Semaphore,
    view: RwLock<View>,
}

/// What is known of the ledger's end without asking the store.
pub(crate) struct View {
    pub(crate) head: PlanHead,
    pub(crate) tail: Tail,
    pub(crate) segments: Vec<Segment>,
    /// What was pruned, whether or not it is hot again.
    pub(crate) pruned: SeqSet,
    /// What of it is hot again for a while.
    pub(crate) restored: SeqSet,
}

impl Ledger {
    /// Opens a ledger for reading, also beside a process that writes to it.
    pub async fn open_read_only(
        store: Arc<dyn Store>,
        destinations: Vec<Destination>,
        last_checkpoint: Arc<dyn LastCheckpoint>,
        clock: Arc<dyn Clock>,
        policy: Policy,
    ) -> Result<Self> {
        let identity = read_identity(store.as_ref()).await?;
        let keys = key_ring(&identity)?;
        let view = RwLock::new(View::load(store.as_ref()).await?);
        let inner = Inner {
            store,
            destinations,
            last_checkpoint,
            clock,
            policy,
            identity,
            keys,
            known_tokens: KnownTokens::default(),
            gauges: Arc::default(),
            catalogue: Catalogue::default(),
            cold_reads: Semaphore::new(COLD_READS_MAX),
            view,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Origin and verifier keys.
    pub fn identity(&self) -> &Identity {
        &self.inner.identity
    }

    /// Where the archive is kept, in the order of the settings.
    pub fn destinations(&self) -> &[Destination] {
        &self.inner.destinations
    }

    /// Names of the destinations that are used although a probe found that they break a promise.
    pub async fn unproven_destinations(&self) -> Vec<String> {
        let mut names = Vec::new();
        for destination in &self.inner.destinations {
            if destination.unproven().await.is_some() {
                names.push(destination.name().to_owned());
            }
        }
        names
    }

    /// Number of entries ever.
    pub fn tree_size(&self) -> u64 {
        self.view().head.size()
    }

    /// Bounds on what producers submit.
    pub fn limits(&self) -> &Limits {
        &self.inner.policy.limits
    }

    /// The time that this ledger goes by.
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// The newest signed checkpoint.
    pub async fn checkpoint(&self) -> Result<Option<SignedCheckpoint>> {
        match self.inner.store.checkpoint().await? {
            None => Ok(None),
            Some(stored) => SignedCheckpoint::open(stored.note, &self.inner.keys).map(Some),
        }
    }

    /// Who the bearer of this token is; `None` for what is no valid token.
    pub async fn authenticate(&self, token: &str) -> Result<Option<Principal>> {
        if !is_token(token) {
            return Ok(None);
        }
        let (key, hash) = fingerprint(token);
        let now = self.inner.clock.now();
        if let Some(known) = self.inner.known_tokens.find(&key) {
            return Ok(known.accepts(hash, now).then(|| known.principal()));
        }
        let moment = self.inner.known_tokens.moment();
        for row in self.inner.store.rows(Table::Token, &key, None, 1).await? {
            let stored: TokenRow =
                serde_json::from_str(&row.body).map_err(|error| corrupt_row("token", &row.key, error))?;
            if stored.accepts(hash, now) {
                let principal = stored.principal();
                self.inner.known_tokens.keep(key, stored, moment);
                return Ok(Some(principal));
            }
        }
        Ok(None)
    }

    pub(crate) fn view(&self) -> RwLockReadGuard<'_, View> {
        self.inner.view.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn view_mut(&self) -> RwLockWriteGuard<'_, View> {
        self.inner.view.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn store(&self) -> &dyn Store {
        self.inner.store.as_ref()
    }

    /// Reads the view anew from the store: after an unknown outcome, or when another process moved the head.
    pub(crate) async fn reload(&self) -> Result<()> {
        let view = View::load(self.store()).await?;
        let mut current = self.view_mut();
        if !view.continues(&current) {
            self.inner.gauges.lost(current.head.size().saturating_sub(view.head.size()).max(1));
            let message = "log-truncated: the store no longer holds the ledger that was served: an older copy, or \
                           another one, was put in its place. Nothing is accepted; put the newest copy back";
            return Err(Error::new(ErrorKind::Truncated, message));
        }
        *current = view;
        Ok(())
    }

    /// The body of one row of a control table.
    pub(crate) async fn row_body(&self, table: Table, key: &str) -> Result<Option<String>> {
        // Of the keys that begin with a key, that key itself comes first.
        let rows = self.store().rows(table, key, None, 1).await?;
        Ok(rows.into_iter().find(|row| row.key == key).map(|row| row.body))
    }

    /// All rows of a control table with this key prefix.
    pub(crate) async fn all_rows(&self, table: Table, prefix: &str) -> Result<Vec<Row>> {
        all_rows(self.store(), table, prefix).await
    }

    /// Loads the named tiles; one that is missing or torn is an error of the tree.
    pub(crate) async fn tile_set(&self, needed: impl IntoIterator<Item = TileId>) -> Result<TileSet> {
        load_tiles(self.store(), needed).await
    }
}

async fn read_identity(store: &dyn Store) -> Result<Identity> {
    let rows = store.rows(Table::Identity, IDENTITY_KEY, None, 1).await?;
    let row = rows
        .into_iter()
        .next()
        .ok_or_else(|| Error::new(ErrorKind::NotFound, "there is no ledger yet: run `strongroom init`"))?;
    serde_json::from_str(&row.body).map_err(|error| corrupt_row("identity", &row.key, error))
}

fn key_ring(identity: &Identity) -> Result<KeyRing> {
    let unusable = |error: &dyn std::fmt::Display| {
        Error::new(ErrorKind::Corrupt, format!("the ledger's verifier key is unusable: {error}"))
    };
    match identity.vkeys.as_slice() {
        [vkey] => {
            let key = VerifierKey::parse(vkey).map_err(|error| unusable(&error))?;
            Ok(KeyRing::single(key))
        }
        vkeys => Err(unusable(&format!("{} keys are listed, one is expected", vkeys.len()))),
    }
}

pub(crate) async fn all_rows(store: &dyn Store, table: Table, prefix: &str) -> Result<Vec<Row>> {
    let mut rows: Vec<Row> = Vec::new();
    loop {
        let after = rows.last().map(|row| row.key.clone());
        let more = store.rows(table, prefix, after.as_deref(), READ_ROWS).await?;
        let ended = more.len() < READ_ROWS;
        rows.extend(more);
        if ended {
            return Ok(rows);
        }
    }
}

pub(crate) async fn load_tiles(
    store: &dyn Store,
    needed: impl IntoIterator<Item = TileId>,
) -> Result<TileSet> {
    let ids: Vec<TileId> = needed.into_iter().collect();
    let mut tiles = TileSet::new();
    let bodies = store.tiles(ids.iter().map(|id| (id.level, id.number)).collect()).await?;
    for (id, body) in ids.into_iter().zip(bodies) {
        if let Some(body) = body {
            tiles.insert_bytes(id, &body)?;
        }
    }
    Ok(tiles)
}

impl View {
    /// Whether this is the same ledger, as long or longer, as far as memory can tell.
    fn continues(&self, earlier: &Self) -> bool {
        let (size, known) = (self.head.size(), earlier.head.size());
        if size <= known {
            return self.head.range == earlier.head.range;
        }
        match known.checked_sub(1).map(|last| (self.tail.leaf(last), earlier.tail.leaf(last))) {
            Some((Some(now), Some(then))) => now == then,
            _ => true,
        }
    }

    async fn load(store: &dyn Store) -> Result<Self> {
        let head = store.head().await?.ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "there is no ledger yet: run `strongroom init`")
        })?;
        let range = CompactRange::from_bytes(head.size, &head.range)?;
        let recorded_at = Timestamp::from_micros(head.recorded_at)
            .ok_or_else(|| Error::new(ErrorKind::Corrupt, "the head's recorded_at is no time"))?;
        let mut pruned = SeqSet::default();
        for row in all_rows(store, Table::Pruned, "").await? {
            let row: PrunedRow =
                serde_json::from_str(&row.body).map_err(|error| corrupt_row("pruned", &row.key, error))?;
            row.ranges.iter().for_each(|[first, last]| pruned.insert(*first..last + 1));
        }
        let mut restored = SeqSet::default();
        for row in restored_rows(store).await? {
            row.seqs().for_each(|range| restored.insert(range));
        }
        let segments = store.segments().await?;
        // Only the unbroken run of sealed segments counts; what follows a gap is sealed again from the entries.
        let sealed =
            segments.iter().zip(0..).take_while(|(segment, number)| segment.number == *number).count();
        let segments = segments[..sealed].to_vec();
        let head = PlanHead { range, recorded_at, hold_version: head.hold_version };
        let tail = load_tail(store, segments.len() as u64, head.size()).await?;
        Ok(Self { head, tail, segments, pruned, restored })
    }

    /// What a durable commit changed of what is hot, beside its own entries.
    pub(crate) fn change(&mut self, prune: Option<&Prune>, restored: &[u64], indexed: Option<&Segment>) {
        for range in prune.iter().flat_map(|prune| &prune.ranges) {
            self.pruned.insert(range.clone());
            self.restored.remove(range);
            self.tail.forget(range);
        }
        let dropped = |number: u64| prune.is_some_and(|prune| prune.segments.contains(&number));
        for segment in self.segments.iter_mut().filter(|segment| dropped(segment.number)) {
            segment.state = SegmentState::Dropped;
        }
        for seq in restored {
            self.restored.insert(*seq..seq + 1);
        }
        if let Some(indexed) = indexed
            && let Some(segment) = self.segments.get_mut(indexed.number as usize)
        {
            *segment = indexed.clone();
        }
    }

    /// The deletion of these hot copies, with the segments that it leaves nothing hot of.
    pub(crate) fn prune(&self, ranges: Vec<SeqRange>) -> Prune {
        let mut cold = self.cold();
        for range in &ranges {
            cold.insert(range.clone());
        }
        let whole = |number: u64| number * SEGMENT_ENTRIES..(number + 1) * SEGMENT_ENTRIES;
        let segments = self
            .segments
            .iter()
            .filter(|segment| segment.state == SegmentState::Sealed && cold.covers(&whole(segment.number)))
            .map(|segment| segment.number)
            .collect();
        Prune { ranges, hold_version: self.head.hold_version, segments }
    }

    /// What only the archive has.
    pub(crate) fn cold(&self) -> SeqSet {
        self.pruned.without(&self.restored)
    }
}

/// Rebuilds the tail's columns from the stored lines. Entries that are no longer hot keep their place, with the leaf
/// hash from the tree and no terms.
async fn load_tail(store: &dyn Store, first_segment: u64, size: u64) -> Result<Tail> {
    let mut tail = Tail::starting_at(first_segment);
    let mut next = first_segment * SEGMENT_ENTRIES;
    let mut previous_time = Timestamp::MIN;
    while next < size {
        let scan = chunk_of(next..size);
        let entries = store.entries(scan).await?;
        let found_to = entries.last().map_or(size, |entry| entry.seq + 1);
        let mut entries = entries.into_iter().peekable();
        let tiles = missing_leaves(store, &mut entries, next, found_to).await?;
        while next < found_to {
            let row = match entries.next_if(|entry| entry.seq == next) {
                Some(entry) => tail_row(&entry.line, entry.seq)?,
                None => TailRow {
                    terms: [0; Field::COUNT],
                    recorded_at: previous_time,
                    occurred_at: previous_time,
                    leaf: tiles.leaf(next).unwrap_or(Hash([0; 32])),
                },
            };
            previous_time = row.recorded_at;
            tail.push(&row);
            next += 1;
        }
    }
    Ok(tail)
}

/// The level-0 tiles of the seqs in `first..end` for which there is no entry.
async fn missing_leaves(
    store: &dyn Store,
    entries: &mut std::iter::Peekable<std::vec::IntoIter<store::Entry>>,
    first: u64,
    end: u64,
) -> Result<TileSet> {
    let hot: Vec<store::Entry> = entries.by_ref().collect();
    let mut expected = first;
    let mut missing = std::collections::BTreeSet::new();
    let mut note = |from: u64, to: u64| {
        if from < to {
            missing.extend(from / merkle::TILE_WIDTH..=(to - 1) / merkle::TILE_WIDTH);
        }
    };
    for entry in &hot {
        note(expected, entry.seq);
        expected = entry.seq + 1;
    }
    note(expected, end);
    *entries = hot.into_iter().peekable();
    load_tiles(store, missing.into_iter().map(|number| TileId { level: 0, number })).await
}

pub(crate) fn tail_row(line: &[u8], seq: u64) -> Result<TailRow> {
    let fields = EntryFields::parse(line).map_err(|error| {
        let message = format!("the line of entry {seq} cannot be read: run `strongroom verify`");
        Error::with_source(ErrorKind::Corrupt, message, error)
    })?;
    Ok(TailRow {
        terms: fields.terms(),
        recorded_at: fields.recorded_at,
        occurred_at: fields.occurred_at,
        leaf: leaf_hash(line),
    })
}
