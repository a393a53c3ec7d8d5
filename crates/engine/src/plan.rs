//! The pure step of taking events: from a head, events and a time to everything that one commit writes.

use std::collections::HashMap;
use std::sync::Arc;

use event::{Event, Key16, Keys, Timestamp, Violation};
use merkle::{CompactRange, leaf_hash};
use store::{Commit, ExpectedRow, Head, KeyRow, Prune, Restore, RowChange};

use crate::error::{Error, ErrorKind};
use crate::policy::Policy;
use crate::tail::TailRow;

/// The ledger's end, as planning needs it.
#[derive(Debug, Clone)]
pub(crate) struct PlanHead {
    pub(crate) range: CompactRange,
    pub(crate) recorded_at: Timestamp,
    pub(crate) hold_version: u64,
}

impl PlanHead {
    pub(crate) fn size(&self) -> u64 {
        self.range.size()
    }
}

/// An event with its dedup keys, which cost a hash each and so are computed once, by the caller.
#[derive(Debug)]
pub(crate) struct Keyed {
    pub(crate) event: Event,
    pub(crate) keys: Keys,
}

impl From<Event> for Keyed {
    fn from(event: Event) -> Self {
        let keys = event.keys();
        Self { event, keys }
    }
}

/// What one caller wants committed together.
#[derive(Debug, Default)]
pub(crate) struct Work {
    pub(crate) events: Vec<Keyed>,
    /// Control rows that the events attest, and transient ones.
    pub(crate) rows: Vec<RowChange>,
    pub(crate) prune: Option<Prune>,
    pub(crate) restore: Option<Restoring>,
    /// What it was decided on: it is committed as long as these rows are so.
    pub(crate) expected: Vec<ExpectedRow>,
}

impl Work {
    /// Whether it gets a commit of its own: one that prunes or restores, because there is at most one in a commit, and
    /// one that may be refused for what was decided elsewhere meanwhile, so that no other is refused with it.
    pub(crate) fn is_alone(&self) -> bool {
        self.prune.is_some() || self.restore.is_some() || !self.expected.is_empty()
    }
}

/// Entries that a work makes hot again: what the store is told, and what the tail has to know.
#[derive(Debug, Clone)]
pub(crate) struct Restoring {
    pub(crate) restore: Restore,
    /// The rows of entries that are in no sealed segment.
    pub(crate) tail: Arc<[(u64, TailRow)]>,
}

/// Where one submitted event ended up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Placed {
    /// A new entry.
    New { seq: u64, leaf: merkle::Hash },
    /// Already there, with the same content.
    Duplicate { seq: u64 },
}

/// Everything that one commit writes, and what its callers are to be told.
#[derive(Debug)]
pub(crate) struct CommitPlan {
    pub(crate) commit: Commit,
    pub(crate) head: PlanHead,
    pub(crate) tail: Vec<TailRow>,
    /// The rows of restored entries that are in no sealed segment.
    pub(crate) restored_tail: Option<Arc<[(u64, TailRow)]>>,
    /// The dedup keys it adds.
    pub(crate) new_keys: HashMap<Key16, KeyRow>,
    /// For each work, in order: its events' places, or why all of it was refused.
    pub(crate) answers: Vec<Result<Vec<Placed>, Error>>,
}

impl CommitPlan {
    /// Every event of it was there before or was refused, and no row changes.
    pub(crate) fn changes_nothing(&self) -> bool {
        self.commit.lines.is_empty()
            && self.commit.rows.is_empty()
            && self.commit.prune.is_none()
            && self.commit.restore.is_none()
    }

    /// The commit, for the store; an empty one is left.
    pub(crate) fn take_commit(&mut self) -> Commit {
        let empty = Commit {
            expected_size: self.commit.expected_size,
            expected_rows: Vec::new(),
            lines: Vec::new(),
            keys: Vec::new(),
            head: self.commit.head.clone(),
            rows: Vec::new(),
            prune: None,
            restore: None,
        };
        std::mem::replace(&mut self.commit, empty)
    }
}

/// Plans one commit. `found` holds dedup keys that are taken, those that matter for these events among them.
pub(crate) fn plan(
    head: &PlanHead,
    works: &mut [Work],
    found: [&HashMap<Key16, KeyRow>; 2],
    now: Timestamp,
    policy: &Policy,
) -> CommitPlan {
    let recorded_at = now.max(head.recorded_at);
    let mut planning = Planning {
        policy,
        found,
        recorded_at,
        range: head.range.clone(),
        new_keys: HashMap::new(),
        lines: Vec::new(),
        keys: Vec::new(),
        tail: Vec::new(),
    };
    let mut rows = Vec::new();
    let (mut prune, mut restore) = (None, None);
    let mut expected_rows = Vec::new();
    let answers = works
        .iter_mut()
        .map(|work| {
            let placed = planning.place(&work.events)?;
            rows.append(&mut work.rows);
            expected_rows.extend_from_slice(&work.expected);
            // The sequencer plans a work that prunes or restores by itself.
            prune = prune.take().or(work.prune.take());
            restore = restore.take().or(work.restore.take());
            Ok(placed)
        })
        .collect();
    // The head's time is that of the last entry, so a commit without entries leaves it where it is.
    let recorded_at = if planning.lines.is_empty() { head.recorded_at } else { recorded_at };
    let next =
        PlanHead { range: std::mem::take(&mut planning.range), recorded_at, hold_version: head.hold_version };
    let (restore, restored_tail) = match restore {
        Some(Restoring { restore, tail }) => (Some(restore), Some(tail)),
        None => (None, None),
    };
    let commit = Commit {
        expected_size: head.size(),
        expected_rows,
        lines: std::mem::take(&mut planning.lines),
        keys: std::mem::take(&mut planning.keys),
        head: Head {
            size: next.size(),
            range: next.range.to_bytes(),
            recorded_at: recorded_at.micros(),
            hold_version: next.hold_version,
        },
        rows,
        prune,
        restore,
    };
    let Planning { tail, new_keys, .. } = planning;
    CommitPlan { commit, head: next, tail, restored_tail, new_keys, answers }
}

struct Planning<'a> {
    policy: &'a Policy,
    found: [&'a HashMap<Key16, KeyRow>; 2],
    recorded_at: Timestamp,
    range: CompactRange,
    /// Keys of entries that this commit adds.
    new_keys: HashMap<Key16, KeyRow>,
    lines: Vec<Vec<u8>>,
    keys: Vec<KeyRow>,
    tail: Vec<TailRow>,
}

impl Planning<'_> {
    /// Places all events of one work, or none: nothing is kept of a work that is refused.
    fn place(&mut self, events: &[Keyed]) -> Result<Vec<Placed>, Error> {
        let mut placed = Vec::with_capacity(events.len());
        let mut own_keys: Vec<KeyRow> = Vec::with_capacity(events.len());
        let mut conflicts = Vec::new();
        let mut invalid = Vec::new();
        let first_seq = self.range.size();
        let mut next_seq = first_seq;
        for (position, Keyed { event, keys }) in events.iter().enumerate() {
            match self.find(event, keys, position) {
                Err(violation) => conflicts.push(violation),
                Ok(Some(row)) => placed.push(Placed::Duplicate { seq: row.seq }),
                Ok(None) => {
                    // An operation's was long enough when it began; the line has the policy's if that is longer now.
                    let retention = match event.started_at() {
                        None => retention_violation(self.policy, event, self.recorded_at),
                        Some(_) => None,
                    };
                    invalid.extend(retention.map(|violation| violation.at(position)));
                    for key in [keys.event, keys.external].into_iter().flatten() {
                        let row = KeyRow { key, seq: next_seq, content: event.content_hash() };
                        self.new_keys.insert(key, row);
                        own_keys.push(row);
                    }
                    placed.push(Placed::New { seq: next_seq, leaf: merkle::empty_root() });
                    next_seq += 1;
                }
            }
        }
        let refused = if !conflicts.is_empty() {
            Some((ErrorKind::Conflict, "another event has this id and other content", conflicts))
        } else if !invalid.is_empty() {
            Some((ErrorKind::Invalid, "the events are not valid", invalid))
        } else {
            None
        };
        if let Some((kind, message, violations)) = refused {
            for row in &own_keys {
                self.new_keys.remove(&row.key);
            }
            return Err(Error::with_violations(kind, message, violations));
        }
        for (Keyed { event, .. }, place) in events.iter().zip(&mut placed) {
            if let Placed::New { seq, leaf } = place {
                *leaf = self.append(event, *seq);
            }
        }
        self.keys.extend(own_keys);
        Ok(placed)
    }

    /// The entry that already holds this event, if any; a violation where its keys tell different stories.
    fn find(&self, event: &Event, keys: &Keys, position: usize) -> Result<Option<KeyRow>, Violation> {
        let look_up = |key: Option<Key16>| {
            let maps = [&self.new_keys, self.found[0], self.found[1]];
            key.and_then(|key| maps.iter().find_map(|map| map.get(&key))).copied()
        };
        let (by_event, by_external) = (look_up(keys.event), look_up(keys.external));
        let (row, member) = match (by_event, by_external) {
            (None, None) => return Ok(None),
            (Some(one), Some(other)) if one.seq != other.seq => {
                let message = format!(
                    "event_id is that of entry {}, source and external_id are those of entry {}",
                    one.seq, other.seq
                );
                return Err(Violation::new("event_id", "conflict", message).at(position));
            }
            (Some(row), _) => (row, "event_id"),
            (None, Some(row)) => (row, "external_id"),
        };
        if row.content != event.content_hash() {
            let message = format!(
                "entry {} has this {member} and other content: send the same content, or a new {member}",
                row.seq
            );
            return Err(Violation::new(member, "conflict", message).at(position));
        }
        Ok(Some(row))
    }

    fn append(&mut self, event: &Event, seq: u64) -> merkle::Hash {
        let default_until = self.policy.retention_until(event.stream(), self.recorded_at);
        let mut line = Vec::with_capacity(event.bytes() + 128);
        event.write_line(seq, self.recorded_at, default_until, &mut line);
        let leaf = leaf_hash(&line);
        self.range.append(leaf);
        self.lines.push(line);
        self.tail.push(TailRow {
            terms: event.terms(),
            recorded_at: self.recorded_at,
            occurred_at: event.occurred_at(),
            leaf,
        });
        leaf
    }
}

/// What is wrong with the event's own `retention_until`, were it recorded then.
pub(crate) fn retention_violation(
    policy: &Policy,
    event: &Event,
    recorded_at: Timestamp,
) -> Option<Violation> {
    let asked = event.retention_until()?;
    let least = policy.retention_until(event.stream(), recorded_at);
    let message = match least {
        Some(least) if asked >= least => return None,
        Some(least) => {
            format!("is {asked}, the stream's policy keeps entries until {least}: give a later time, or none")
        }
        None => format!("is {asked}, the stream's policy keeps entries for ever: leave it out"),
    };
    Some(Violation::new("retention_until", "shorter_than_policy", message))
}
