use std::ops::Range;

/// A dedup key: 16 bytes that stand for (tenant, event id) or (tenant, source, external id).
pub type Key = [u8; 16];

/// The state of the ledger's end. Moved by every commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Number of entries ever; also the next seq.
    pub size: u64,
    /// The Merkle compact range of all entries, as the merkle crate writes it.
    pub range: Vec<u8>,
    /// `recorded_at` of the last entry, in microseconds since the Unix epoch.
    pub recorded_at: i64,
    /// Grows whenever a hold is placed or released.
    pub hold_version: u64,
}

/// An entry's line under its seq.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Position in the ledger and Merkle leaf index.
    pub seq: u64,
    /// The canonical line: UTF-8 JSON without a newline.
    pub line: Vec<u8>,
}

/// Where a dedup key leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyRow {
    /// The key.
    pub key: Key,
    /// The entry that holds the event.
    pub seq: u64,
    /// First 16 bytes of the event's content hash.
    pub content: [u8; 16],
}

/// A half-open range of seqs.
pub type SeqRange = Range<u64>;

/// What one transaction does, in this order: entries and keys, control rows, restoring or pruning, head.
#[derive(Debug, Clone)]
pub struct Commit {
    /// The size that the head must have now.
    pub expected_size: u64,
    /// What the commit was decided on, before any of it is applied.
    pub expected_rows: Vec<ExpectedRow>,
    /// Lines of the new entries; the first gets seq `expected_size`. They are consecutive.
    pub lines: Vec<Vec<u8>>,
    /// Dedup keys of the new entries.
    pub keys: Vec<KeyRow>,
    /// The head afterwards; its size is `expected_size + lines.len()`.
    pub head: Head,
    /// Control rows that the new entries attest, and rows of transient tables.
    pub rows: Vec<RowChange>,
    /// Hot copies to delete.
    pub prune: Option<Prune>,
    /// Entries of earlier commits that become hot again. A commit restores or prunes, never both.
    pub restore: Option<Restore>,
}

/// Entries that were pruned and become hot again, as they were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restore {
    /// In ascending order, all below the commit's `expected_size`, none of them hot.
    pub entries: Vec<Entry>,
    /// Replaces the row and the index blocks of the segment that they are in, where that is sealed or dropped.
    pub index: Option<(Segment, Vec<PostingBlock>)>,
}

/// The deletion of hot copies, decided before the transaction and checked in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prune {
    /// What to delete from the hot window. May overlap and cover what is not hot.
    pub ranges: Vec<SeqRange>,
    /// The hold version the decision was made under.
    pub hold_version: u64,
    /// Segments that have no hot entry left: their index blocks go, their row is marked.
    pub segments: Vec<u64>,
}

/// A control row that a write was decided on, and how it must be for that write to go through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedRow {
    /// Where it is, or is not.
    pub table: Table,
    /// Its key.
    pub key: String,
    /// How it must be.
    pub expected: Expected,
}

/// How a control row must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// There or not, whatever is in it.
    Anything,
    /// Not there.
    Nothing,
    /// There, with exactly this body.
    Body(String),
}

impl Expected {
    /// Whether a row with this body, or none, is as expected.
    pub fn accepts(&self, body: Option<&str>) -> bool {
        match self {
            Self::Anything => true,
            Self::Nothing => body.is_none(),
            Self::Body(expected) => body == Some(expected.as_str()),
        }
    }
}

/// A change of one control row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowChange {
    /// Inserts or replaces a row.
    Put(Table, Row),
    /// Deletes a row; deleting what is not there is no error.
    Delete(Table, String),
}

/// A row of a control table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Sorts the table.
    pub key: String,
    /// Compact JSON.
    pub body: String,
}

/// The control tables: state beside the entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Origin and verifier keys: one row.
    Identity,
    /// Archive batches, planned and completed.
    Batch,
    /// The objects of completed batches.
    Object,
    /// What was pruned, by the seq of its receipt.
    Pruned,
    /// API tokens, hashed.
    Token,
    /// Last runs of tasks. Not evidence.
    TaskRun,
    /// Operations that were begun and have not ended. Not evidence.
    Operation,
    /// Why nothing is archived, pruned or expired: at most one row.
    Freeze,
    /// Which process does a piece of background work, and until when. Not evidence.
    Lease,
    /// Archived entries that are hot again for a while.
    Restored,
    /// Archived objects that were destroyed because their time was up.
    Expired,
    /// Which terms an archived object may hold, derived from its entries.
    TermFilter,
}

impl Table {
    /// Every control table.
    pub const ALL: [Self; 12] = [
        Self::Identity,
        Self::Batch,
        Self::Object,
        Self::Pruned,
        Self::Token,
        Self::TaskRun,
        Self::Operation,
        Self::Freeze,
        Self::Lease,
        Self::Restored,
        Self::Expired,
        Self::TermFilter,
    ];

    /// The table's name in SQL and in attestations.
    pub fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Batch => "batch",
            Self::Object => "object",
            Self::Pruned => "pruned",
            Self::Token => "token",
            Self::TaskRun => "task_run",
            Self::Operation => "operation",
            Self::Freeze => "freeze",
            Self::Lease => "lease",
            Self::Restored => "restored",
            Self::Expired => "expired",
            Self::TermFilter => "term_filter",
        }
    }

    /// The table with this name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.name() == name)
    }

    /// Whether rows change without an entry that attests them, because they are no evidence.
    pub fn is_transient(self) -> bool {
        matches!(self, Self::TaskRun | Self::Operation | Self::Lease)
    }
}

/// Direction of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Lowest seq first.
    Ascending,
    /// Highest seq first.
    Descending,
}

/// Which hot entries to read.
#[derive(Debug, Clone)]
pub struct EntryScan {
    /// The seqs to look at.
    pub range: SeqRange,
    /// Which end first.
    pub order: Order,
    /// At most so many entries; 0 counts as 1, so that a scan always gets on.
    pub rows_max: usize,
    /// Stop after the entry that reaches so many bytes of lines.
    pub bytes_max: usize,
}

/// Whether a segment's entries may still be hot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentState {
    /// Indexed, at least one entry hot.
    Sealed,
    /// Nothing hot, index dropped.
    Dropped,
}

/// 65,536 consecutive entries with their bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Holds the seqs from `number · 65,536`; below 2^39.
    pub number: u64,
    /// Entries it was sealed with.
    pub entries: u64,
    /// `recorded_at` of the first entry, microseconds.
    pub first_recorded_at: i64,
    /// `recorded_at` of the last entry, microseconds.
    pub last_recorded_at: i64,
    /// Smallest `occurred_at`, microseconds.
    pub min_occurred_at: i64,
    /// Largest `occurred_at`, microseconds.
    pub max_occurred_at: i64,
    /// Merkle root of its subtree.
    pub root: [u8; 32],
    /// Whether anything of it is hot.
    pub state: SegmentState,
}

/// One sorted block of index entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostingBlock {
    /// The segment it indexes.
    pub segment: u64,
    /// The field's number.
    pub field: u8,
    /// Position within (segment, field), from 0; below 65,536.
    pub block: u32,
    /// The first term in it; below 2^63.
    pub first_term: u64,
    /// The block, as the engine encodes it.
    pub body: Vec<u8>,
}

/// An index block found for a term.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// The segment it indexes.
    pub segment: u64,
    /// The block, as the engine encodes it.
    pub body: Vec<u8>,
}

/// A tile's place: level and number, as in C2SP tlog-tiles.
pub type TileKey = (u8, u64);

/// A tile: up to 256 hashes of 32 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tile {
    /// Its place.
    pub key: TileKey,
    /// Its hashes, one after the other.
    pub hashes: Vec<u8>,
}

/// A signed checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The tree size it states.
    pub size: u64,
    /// The signed note.
    pub note: String,
}
