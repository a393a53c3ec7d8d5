//! Whether an object may go: read at every destination, each line the tree's, each entry's time up.

use archive::{Destination, LineSink, ManifestObject, visit_lines};
use event::{EntryFields, RESERVED_TENANT, Timestamp};
use merkle::{Hash, TILE_WIDTH, TileId};

use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::policy::Policy;

/// What is to become of an object.
pub(super) enum Verdict {
    /// It may go; seq and leaf hash of each of its entries.
    Over(Vec<(u64, Hash)>),
    /// An entry has to be kept longer.
    Kept,
    /// An entry is hot.
    Hot,
    /// An entry is on hold.
    Held,
}

/// Until when entries have to be kept; `None` is for ever.
pub(super) type Until = Option<Timestamp>;

/// Until when an entry is kept: as its line says, or as the policy says now if that is longer or the line says nothing.
fn kept_until(fields: &EntryFields<'_>, policy: &Policy) -> Until {
    let by_policy = policy.retention_until(fields.stream, fields.recorded_at)?;
    Some(fields.retention_until.map_or(by_policy, |by_line| by_line.max(by_policy)))
}

/// Collects the leaves of an object and the latest time that any of its entries is kept until.
struct Lines {
    policy: Policy,
    leaves: Vec<(u64, Hash)>,
    /// The latest so far.
    until: Until,
    unreadable: Option<u64>,
}

impl LineSink for Lines {
    fn line(&mut self, seq: u64, leaf: Hash, line: &[u8]) {
        self.leaves.push((seq, leaf));
        let Ok(fields) = EntryFields::parse(line) else {
            self.unreadable.get_or_insert(seq);
            return;
        };
        let until = kept_until(&fields, &self.policy);
        self.until = self.until.zip(until).map(|(latest, until)| latest.max(until));
    }
}

impl Engine {
    /// Whether it is worth reading the object: by the policy alone the youngest entry it may have could be over. The
    /// ledger's own entries never are: they attest what the rows say, also about this expiry.
    pub(super) fn may_be_over(&self, object: &ManifestObject) -> bool {
        let until = self.ledger().inner.policy.retention_until(object.stream, object.day.start());
        object.tenant != RESERVED_TENANT && until.is_some_and(|until| until <= self.ledger().now())
    }

    pub(super) async fn examine(
        &self,
        destinations: &[Destination],
        object: &ManifestObject,
    ) -> Result<Verdict> {
        let (until, leaves) = self.lines_of(destinations, object).await?;
        if until.is_none_or(|until| until > self.ledger().now()) {
            return Ok(Verdict::Kept);
        }
        Ok(match self.blocked(leaves.iter().map(|(seq, _)| *seq)) {
            Some(verdict) => verdict,
            None => Verdict::Over(leaves),
        })
    }

    /// Reads an object at every one of these destinations, each line held against the tree.
    async fn lines_of(
        &self,
        destinations: &[Destination],
        object: &ManifestObject,
    ) -> Result<(Until, Vec<(u64, Hash)>)> {
        let tiles = object.first_seq / TILE_WIDTH..=object.last_seq / TILE_WIDTH;
        let tiles = self.ledger().tile_set(tiles.map(|number| TileId { level: 0, number })).await?;
        let mut found = (None, Vec::new());
        for destination in destinations {
            let sink = Lines {
                policy: self.ledger().inner.policy.clone(),
                leaves: Vec::new(),
                until: Some(Timestamp::MIN),
                unreadable: None,
            };
            let lines = visit_lines(destination, object, sink).await?;
            let wrong = lines.leaves.iter().find(|(seq, leaf)| tiles.leaf(*seq) != Some(*leaf));
            if let Some(seq) = wrong.map(|(seq, _)| *seq).or(lines.unreadable) {
                let message = format!(
                    "entry-changed: entry {seq} in {} at {} is not the tree's: nothing of it expires",
                    object.key,
                    destination.name()
                );
                return Err(Error::new(ErrorKind::Corrupt, message));
            }
            found = (lines.until, lines.leaves);
        }
        Ok(found)
    }

    /// The leaves of an object at the first destination, each the tree's.
    pub(super) async fn leaves_of(
        &self,
        destinations: &[Destination],
        object: &ManifestObject,
    ) -> Result<Vec<(u64, Hash)>> {
        let first = destinations.get(..1).unwrap_or_default();
        self.lines_of(first, object).await.map(|found| found.1)
    }

    /// What keeps entries whose time is up: hot copies, and holds.
    pub(super) fn blocked(&self, seqs: impl Iterator<Item = u64> + Clone) -> Option<Verdict> {
        let cold = self.ledger().view().cold();
        if !seqs.clone().all(|seq| cold.contains(seq)) {
            return Some(Verdict::Hot);
        }
        held(seqs).then_some(Verdict::Held)
    }
}

/// Whether a legal hold matches any of these entries. There are no holds yet; this is where they are asked.
fn held(_seqs: impl Iterator<Item = u64>) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use event::{EntryFields, RetainDays, Timestamp};

    use super::kept_until;
    use crate::policy::Policy;

    fn until(retain_days: i64, line: Option<&str>) -> Option<Timestamp> {
        let policy = Policy { retain: [RetainDays::new(retain_days).unwrap(); 3], ..Policy::default() };
        let until = line.map(|line| format!(r#","retention_until":"{line}""#)).unwrap_or_default();
        let line = format!(
            r#"{{"seq":0,"recorded_at":"2026-01-01T00:00:00.000000Z","stream":"audit","event_id":"e","occurred_at":"2026-01-01T00:00:00.000000Z","tenant":"t","actor":{{"type":"system"}},"action":"a","outcome":"success"{until}}}"#
        );
        kept_until(&EntryFields::parse(line.as_bytes()).unwrap(), &policy)
    }

    #[test]
    fn d10_the_longer_of_line_and_policy_counts_and_for_ever_is_for_ever() {
        let time = |text: &str| Some(Timestamp::parse_rfc3339(text).unwrap());
        assert_eq!(until(10, None), time("2026-01-11T00:00:00Z"));
        assert_eq!(until(10, Some("2026-02-01T00:00:00.000000Z")), time("2026-02-01T00:00:00Z"));
        assert_eq!(until(60, Some("2026-02-01T00:00:00.000000Z")), time("2026-03-02T00:00:00Z"));
        assert_eq!(until(-1, Some("2026-02-01T00:00:00.000000Z")), None);
        assert_eq!(until(-1, None), None);
    }
}
