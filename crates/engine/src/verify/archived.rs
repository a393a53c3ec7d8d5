//! The archive: each destination by itself, then the catalogue against the manifests.

use std::sync::Mutex;

use archive::{
    Destination, MANIFEST_BYTES_MAX, Manifest, ManifestObject, Reason, checkpoint_key, read_lines,
};
use event::RESERVED_TENANT;
use merkle::TileSet;
use store::Table;

use super::state::Rows;
use super::{Run, VerifyReport, archive_states};
use crate::archiving::{BatchRow, discarded_end};
use crate::cold::object_row_key;
use crate::error::{Error, ErrorKind, Result};
use crate::ledger::load_tiles;
use crate::progress::Progress;

/// Collects the ledger's own entries while an archive is verified.
struct Receipts<'a> {
    progress: &'a dyn Progress,
    lines: Mutex<Vec<(u64, Vec<u8>)>>,
}

impl archive::Progress for Receipts<'_> {
    fn object(&self, _bytes: u64, entries: u64) {
        self.progress.advance(entries);
    }

    fn receipt(&self, seq: u64, line: &[u8]) {
        self.lines.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((seq, line.to_vec()));
    }

    fn wants_receipts(&self) -> bool {
        true
    }
}

impl Run<'_> {
    /// Verifies every destination and holds the catalogue against the manifests.
    pub(super) async fn check_archive(&mut self, rows: &mut Rows, earlier: &VerifyReport) -> Result<()> {
        let expected = rows.batches.iter().filter(|row| row.is_complete()).map(|row| row.plan.size()).max();
        let places = self.subject.destinations.iter().filter(|place| !place.is_null());
        let places: Vec<Destination> = places.cloned().collect();
        if let (Some(size), true) = (expected, places.is_empty()) {
            let message = format!("entries up to {size} are archived, and no destination is configured");
            return Err(Error::new(ErrorKind::Unavailable, message));
        }
        self.report.highest_archived_seq = expected.map(|size| size - 1);
        let mut proven = expected.unwrap_or(0);
        for destination in &places {
            proven = proven.min(self.check_destination(destination, rows, expected, earlier).await?);
        }
        // A receipt excuses the absence of an entry only as far as every archive proves to hold it: whoever can write
        // rows can write a receipt, but no signed manifest. Where an archive is damaged, that is the finding.
        self.archived = if self.archive_damaged { expected.unwrap_or(0) } else { proven };
        // What was discarded has no copy to prove; that it was is attested by entries that stay.
        let discarded = discarded_end(&rows.batches).unwrap_or(0);
        rows.pruned.truncate(self.archived.max(discarded));
        if discarded > 0 {
            let hot = rows.pruned.gaps(0..discarded).iter().map(|range| range.end - range.start).sum::<u64>();
            self.report.discarded = discarded - hot;
        }
        Ok(())
    }

    async fn check_destination(
        &mut self,
        destination: &Destination,
        rows: &Rows,
        expected: Option<u64>,
        earlier: &VerifyReport,
    ) -> Result<u64> {
        let resume_from = self.resume_point(rows, earlier).await?;
        let resumed = resume_from.as_ref().map_or(0, merkle::CompactRange::size);
        // Without them what was proven before is read again, once.
        let known = archive_states(self.store(), destination.name()).await?;
        let options = archive::VerifyOptions {
            expect_archived: expected,
            resume_from,
            resumed_unread: earlier.archived_unread,
            known_states: Some(known),
            ..archive::VerifyOptions::default()
        };
        let receipts = Receipts { progress: self.progress, lines: Mutex::new(Vec::new()) };
        let total = expected.unwrap_or(0).saturating_sub(resumed);
        self.progress.begin(&format!("archive {}", destination.name()), Some(total));
        let report = archive::verify(destination, &self.keys, &options, &receipts).await?;
        self.progress.end();
        self.report.archived_checked += report.entries;
        self.report.archived_unread = self.report.archived_unread.max(report.unread);
        self.archive_unread |= report.unread > 0;
        // A batch in the making has its checkpoint before its manifest.
        let in_the_making = rows.batches.iter().find(|row| row.done_at().is_none());
        let checkpoint_in_the_making = in_the_making.map(|row| checkpoint_key(row.plan.size()));
        if report.problems.is_empty() {
            self.report.archive_states.insert(destination.name().to_owned(), report.states.clone());
        }
        // Where something is wrong, fewer entries are proven: that says no more than what is wrong.
        let damaged = report.problems.iter().any(|problem| problem.reason != Reason::LogTruncated);
        self.archive_damaged |= damaged;
        self.report.expired += report.expired;
        self.check_expiries(destination, rows, &report);
        for problem in report.problems {
            let expected_more = damaged && problem.key.is_none();
            let in_the_making = problem.key.is_some() && problem.key == checkpoint_in_the_making;
            if problem.reason == Reason::LogTruncated && (expected_more || in_the_making) {
                continue;
            }
            let message =
                format!("{}: {}{}", destination.name(), key_text(problem.key.as_deref()), problem.message);
            self.findings.problem(problem.reason.as_str(), problem.seq, message);
        }
        for warning in report.warnings {
            let message =
                format!("{}: {}{}", destination.name(), key_text(warning.key.as_deref()), warning.message);
            self.findings.warning(warning.reason.as_str(), warning.seq, message);
        }
        if report.covered > 0 {
            self.archived_roots.insert(report.covered, report.range.root());
        }
        if report.covered > rows.head.size {
            let message = format!(
                "the archive {} holds {} entries, the ledger {}: this ledger is an older copy",
                destination.name(),
                report.covered,
                rows.head.size
            );
            self.findings.problem("log-truncated", rows.head.size, message);
        }
        let lines = receipts.lines.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        for (seq, line) in &lines {
            self.attested.read(*seq, line);
        }
        for batch in &rows.batches {
            self.check_catalogue(destination, rows, batch, resumed).await?;
        }
        Ok(report.covered)
    }

    /// Where an earlier verification ended, unless everything is to be read again.
    async fn resume_point(
        &self,
        rows: &Rows,
        earlier: &VerifyReport,
    ) -> Result<Option<merkle::CompactRange>> {
        let proven = earlier.highest_archived_seq.filter(|_| earlier.ok && !self.options.full);
        let Some(proven) = proven else { return Ok(None) };
        let has_identity = self.subject.destinations.iter().any(|found| found.identity().is_some());
        if earlier.archived_unread > 0 && has_identity {
            // What could not be read then can be read now.
            return Ok(None);
        }
        let size = proven + 1;
        if !rows.batches.iter().any(|row| row.is_complete() && row.plan.size() == size) {
            return Ok(None);
        }
        // Tiles that are torn are reported when the tree is checked; from them nothing can be resumed.
        match load_tiles(self.store(), TileSet::needed_for_range(size)).await {
            Ok(tiles) => Ok(tiles.compact_range(size).ok()),
            Err(error) if error.kind() == ErrorKind::Corrupt => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The catalogue's rows of a batch against its manifest; and, for batches that were not read again, the ledger's
    /// own entries in them.
    async fn check_catalogue(
        &mut self,
        destination: &Destination,
        rows: &Rows,
        batch: &BatchRow,
        resumed: u64,
    ) -> Result<()> {
        let Some(completed) = &batch.completed else { return Ok(()) };
        let (id, first) = (batch.plan.id.to_string(), batch.plan.first_seq);
        let bytes = match destination.read_at_most(&completed.manifest.key, MANIFEST_BYTES_MAX).await {
            Ok(bytes) => bytes,
            Err(archive::Error::NotFound { .. }) => {
                let message = format!("{}: the manifest of {id} is not there", destination.name());
                self.findings.problem("manifest-missing", first, message);
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let manifest = (archive::Digest::of(&bytes) == completed.manifest.sha256)
            .then(|| Manifest::open(&bytes, &self.keys).ok())
            .flatten();
        let Some(manifest) = manifest else {
            let message =
                format!("{}: the manifest of {id} is not the one in the catalogue", destination.name());
            self.findings.problem("manifest-chain-broken", first, message);
            return Ok(());
        };
        self.check_object_rows(rows, &id, first, &manifest.objects);
        if batch.plan.size() <= resumed {
            for object in manifest.objects.iter().filter(|object| object.tenant == RESERVED_TENANT) {
                match read_lines(destination, object, object.first_seq..=object.last_seq).await {
                    Ok(lines) => self.read_receipts(&lines).await?,
                    Err(archive::Error::Corrupt(problem)) => {
                        self.findings.problem(problem.reason.as_str(), problem.seq, problem.to_string());
                    }
                    Err(archive::Error::Locked { .. }) => self.archive_unread = true,
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }

    /// Entries from a part of an object, which its SHA-256 does not cover: each must be the tree's.
    async fn read_receipts(&mut self, lines: &[(u64, Vec<u8>)]) -> Result<()> {
        let tile = |seq: u64| merkle::TileId { level: 0, number: seq / merkle::TILE_WIDTH };
        let needed: std::collections::BTreeSet<_> = lines.iter().map(|(seq, _)| tile(*seq)).collect();
        let tiles = match load_tiles(self.store(), needed).await {
            Err(error) if error.kind() == ErrorKind::Corrupt => TileSet::new(),
            tiles => tiles?,
        };
        for (seq, line) in lines {
            if tiles.leaf(*seq) == Some(merkle::leaf_hash(line)) {
                self.attested.read(*seq, line);
            } else {
                self.findings.problem("entry-changed", *seq, "the archived entry is not the tree's");
            }
        }
        Ok(())
    }

    fn check_object_rows(&mut self, rows: &Rows, batch: &str, first_seq: u64, objects: &[ManifestObject]) {
        let prefix = object_row_key(batch, "");
        let all = rows.control.get(&Table::Object).map_or(&[][..], Vec::as_slice);
        let start = all.partition_point(|row| row.key.as_str() < prefix.as_str());
        let listed: Vec<_> = all[start..].iter().take_while(|row| row.key.starts_with(&prefix)).collect();
        let same = listed.len() == objects.len()
            && listed.iter().zip(objects).all(|(row, object)| {
                row.key == object_row_key(batch, &object.key)
                    && serde_json::to_string(object).is_ok_and(|body| body == row.body)
            });
        if !same {
            let message = format!("the catalogue's objects of {batch} are not those of its manifest");
            self.findings.problem("state-mismatch", first_seq, message);
        }
    }
}

fn key_text(key: Option<&str>) -> String {
    key.map(|key| format!("{key}: ")).unwrap_or_default()
}
