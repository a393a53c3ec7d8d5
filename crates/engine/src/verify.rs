//! Verification: the hot rows, the tree, the state beside it, and the archive, against what was signed.
//!
//! It reads the store's rows directly and believes none of them: what counts is the verifier key, the checkpoint
//! file outside the store, and the archive.

mod archived;
mod archived_index;
mod expired;
mod findings;
mod index;
mod leaves;
mod state;
mod tree;

use std::collections::BTreeMap;
use std::sync::Arc;

use archive::{BatchStates, Destination};
use event::Timestamp;
use merkle::{Hash, KeyRing, VerifierKey};
use serde::{Deserialize, Serialize};
use store::{Expected, Row, Store, Table};

use crate::checkpointer::LastCheckpoint;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result, corrupt_row};
use crate::ledger::Ledger;
use crate::progress::Progress;
pub use findings::Finding;
use findings::Findings;

const TASK_KEY: &str = "verify";

/// Followed by the name of a destination.
const STATES_KEY: &str = "states-of-archive/";

/// What is verified.
pub struct VerifySubject {
    /// The ledger's rows.
    pub store: Arc<dyn Store>,
    /// Where its batches are.
    pub destinations: Vec<Destination>,
    /// The checkpoint that was signed last, from outside the store.
    pub last_checkpoint: Arc<dyn LastCheckpoint>,
    /// Where "now" comes from.
    pub clock: Arc<dyn Clock>,
    /// The ledger's verifier key, from outside the store.
    pub key: VerifierKey,
}

/// How thorough to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VerifyOptions {
    /// Read every archived object again, and rebuild the index and the dedup keys from the lines to compare them.
    pub full: bool,
}

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyReport {
    /// Whether there is no problem.
    pub ok: bool,
    /// Whether the archive was read whole and the index rebuilt.
    pub full: bool,
    /// Entries in the ledger.
    pub tree_size: u64,
    /// Entries under the newest signed checkpoint.
    pub signed_size: u64,
    /// The first entry that is hot.
    pub oldest_hot_seq: Option<u64>,
    /// The last entry that is archived and proven.
    pub highest_archived_seq: Option<u64>,
    /// Entries that were discarded with a receipt: there is no copy, and their leaf hashes are all that is left.
    #[serde(default)]
    pub discarded: u64,
    /// Hot entries hashed.
    pub entries_checked: u64,
    /// Archived entries read and hashed this time, over all destinations.
    pub archived_checked: u64,
    /// Archived entries that are encrypted and were not read, because no identity is configured: of them the stored bytes
    /// were compared with the signed manifests, and nothing else.
    #[serde(default)]
    pub archived_unread: u64,
    /// Archived entries that expired, over all destinations: proven by the leaf hashes in their notes.
    #[serde(default)]
    pub expired: u64,
    /// When this was.
    pub verified_at: Option<Timestamp>,
    /// When everything was last read and found good.
    pub last_full_verified_at: Option<Timestamp>,
    /// How the files of each destination without problems stood in its listing, to be recorded with the report.
    #[serde(skip)]
    pub archive_states: BTreeMap<String, BatchStates>,
    /// What is wrong, by seq.
    pub problems: Vec<Finding>,
    /// What is odd and proves nothing.
    pub warnings: Vec<Finding>,
}

impl Ledger {
    /// Checks the whole ledger. Changes nothing.
    pub async fn verify(&self, options: &VerifyOptions, progress: &dyn Progress) -> Result<VerifyReport> {
        let key = self
            .inner
            .keys
            .all()
            .into_iter()
            .next()
            .ok_or_else(|| Error::new(ErrorKind::Corrupt, "the ledger lists no verifier key"))?;
        let subject = VerifySubject {
            store: self.inner.store.clone(),
            destinations: self.inner.destinations.clone(),
            last_checkpoint: self.inner.last_checkpoint.clone(),
            clock: self.inner.clock.clone(),
            key,
        };
        verify(&subject, options, progress).await
    }

    /// The report that was recorded last.
    pub async fn last_verification(&self) -> Result<Option<VerifyReport>> {
        last_report(self.store()).await
    }
}

impl VerifyReport {
    /// Keeps the report, so that people see when the ledger was last verified.
    pub async fn record(&self, store: &dyn Store) -> Result<()> {
        let body = serde_json::to_string(self).map_err(|error| {
            Error::with_source(ErrorKind::Internal, "the report cannot be written", error)
        })?;
        for (destination, states) in &self.archive_states {
            let body = serde_json::to_string(states).map_err(|error| {
                Error::with_source(ErrorKind::Internal, "the states of an archive cannot be written", error)
            })?;
            let row = Row { key: format!("{STATES_KEY}{destination}"), body };
            store.put_transient(Table::TaskRun, row, Expected::Anything).await?;
        }
        Ok(store
            .put_transient(Table::TaskRun, Row { key: TASK_KEY.into(), body }, Expected::Anything)
            .await?)
    }
}

/// How the files of a destination stood when they were last found good. A note like the report itself, no evidence: what
/// is not in it is read again.
async fn archive_states(store: &dyn Store, destination: &str) -> Result<BatchStates> {
    let key = format!("{STATES_KEY}{destination}");
    let row = store.rows(Table::TaskRun, &key, None, 1).await?.pop().filter(|row| row.key == key);
    Ok(row.and_then(|row| serde_json::from_str(&row.body).ok()).unwrap_or_default())
}

async fn last_report(store: &dyn Store) -> Result<Option<VerifyReport>> {
    let rows = store.rows(Table::TaskRun, TASK_KEY, None, 1).await?;
    let parse =
        |row: Row| serde_json::from_str(&row.body).map_err(|error| corrupt_row("task_run", &row.key, error));
    rows.into_iter().next().map(parse).transpose()
}

/// Verifies a ledger from its rows, its archive and a key. Changes nothing. An error means that the check could not
/// be made, which says nothing about the ledger.
pub async fn verify(
    subject: &VerifySubject,
    options: &VerifyOptions,
    progress: &dyn Progress,
) -> Result<VerifyReport> {
    let earlier = last_report(subject.store.as_ref()).await.unwrap_or_default().unwrap_or_default();
    let mut run = Run {
        subject,
        keys: KeyRing::single(subject.key.clone()),
        options,
        progress,
        findings: Findings::default(),
        attested: state::Attestations::default(),
        archived_roots: BTreeMap::new(),
        archived: 0,
        archive_damaged: false,
        archive_unread: false,
        damaged_to: None,
        keys_matched: 0,
        report: VerifyReport { full: options.full, ..VerifyReport::default() },
    };
    let Some(mut rows) = run.load().await? else {
        let message = "there is no ledger: the store has no head";
        return Err(Error::new(ErrorKind::NotFound, message));
    };
    // Without a head there is nothing to hold anything against; that it is gone has been said.
    if rows.head.size > 0 {
        // Boxed: the steps of a verification are too large to be part of every future that awaits one.
        Box::pin(run.check_archive(&mut rows, &earlier)).await?;
        Box::pin(run.check_tree(&mut rows)).await?;
        run.check_state(&rows);
        if options.full {
            Box::pin(run.check_index(&rows)).await?;
        }
    }
    let now = subject.clock.now();
    let Run { findings, mut report, .. } = run;
    (report.problems, report.warnings) = findings.finish();
    report.ok = report.problems.is_empty();
    report.verified_at = Some(now);
    report.last_full_verified_at =
        if report.ok && options.full { Some(now) } else { earlier.last_full_verified_at };
    Ok(report)
}

/// A verification under way.
struct Run<'a> {
    subject: &'a VerifySubject,
    keys: KeyRing,
    options: &'a VerifyOptions,
    progress: &'a dyn Progress,
    findings: Findings,
    attested: state::Attestations,
    /// Roots that the archives prove, by size.
    archived_roots: BTreeMap<u64, Hash>,
    /// Entries below this are proven to be in every archive.
    archived: u64,
    /// An archive has problems of its own: the ledger's entries in it were not all read.
    archive_damaged: bool,
    /// An archive is encrypted and cannot be opened here: the ledger's entries in it were not all read.
    archive_unread: bool,
    /// The highest seq of a hot entry that is changed or missing: it may have been the newest statement about a row.
    damaged_to: Option<u64>,
    /// Dedup keys found to be those of hot entries.
    keys_matched: u64,
    report: VerifyReport,
}

impl Run<'_> {
    fn store(&self) -> &dyn Store {
        self.subject.store.as_ref()
    }
}
