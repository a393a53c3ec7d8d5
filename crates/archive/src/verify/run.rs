//! The order of a verification: manifests, then batch after batch, then what is left over.

use std::num::NonZero;

use futures::stream::{self, Stream, StreamExt as _, TryStreamExt as _};
use merkle::{KeyRing, empty_root};

use super::VerifyOptions;
use super::batch::{self, Entries, ObjectRead};
use super::chain::{self, Link};
use super::expiry::{self, Expired, Expiries, Leaves};
use super::listing::Listing;
use super::log::{self, Log};
use super::outside::Outside;
use super::report::{ArchiveReport, Claim};
use super::states::Gathering;
use crate::destination::Destination;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::key::{LOG_DIRECTORY, sidecar_key};
use crate::manifest::{MANIFEST_BYTES_MAX, Manifest, ManifestObject};
use crate::problem::{Problem, Reason};
use crate::progress::Progress;
use crate::reread::ObjectContent;

/// One thing to do, in order.
enum Step {
    Object(ManifestObject, Option<Leaves>),
    Noted(Expired),
    End(usize),
    Gone(Problem),
}

enum Done {
    Noted(Expired),
    Object(Box<ObjectRead>),
    End(usize),
    Gone(Problem),
}

pub(super) async fn run(
    destination: &Destination,
    keys: &KeyRing,
    options: &VerifyOptions,
    progress: &dyn Progress,
) -> Result<ArchiveReport> {
    let mut listing = Listing::new(destination.list_states("").await?);
    let mut run = Run::new(destination, keys, options, progress);
    let chain = chain::load(destination, keys, &mut listing).await?;
    let claim = Claim { manifests: chain.found, size: chain.size() };
    run.report.batches = chain.links.len() as u64;
    run.report.problems.extend(chain.problems);
    let (expiries, problems) = expiry::load(destination, keys, &chain.links, &mut listing).await?;
    run.report.problems.extend(problems);

    let skipped = run.resume(options, &chain.links, &expiries, &mut listing).await?;
    let links = &chain.links[skipped..];
    let total = |of: fn(&Link) -> u64| links.iter().map(of).fold(0, u64::saturating_add);
    progress.total(total(|link| link.size - link.first_seq), total(|link| link.bytes));
    let mut steps = std::pin::pin!(read_ahead(destination, links, &expiries, progress.wants_receipts()));
    while let Some(done) = steps.try_next().await? {
        match done {
            Done::Object(read) => run.object(*read, &mut listing),
            Done::Noted(expired) => run.noted(expired),
            Done::End(index) => run.end_batch(&links[index], &mut listing).await?,
            Done::Gone(problem) => run.gone(problem),
        }
    }
    run.conclude(options, claim, &chain.links, listing).await
}

/// Reads objects ahead, as many at once as there are processors, and hands them out in order.
fn read_ahead<'a>(
    destination: &'a Destination,
    links: &'a [Link],
    expiries: &'a Expiries,
    with_receipts: bool,
) -> impl Stream<Item = Result<Done>> + 'a {
    let at_once = std::thread::available_parallelism().map_or(1, NonZero::get);
    stream::iter(0..links.len())
        .then(move |index| load_steps(destination, links, expiries, index))
        .map_ok(|steps| stream::iter(steps.into_iter().map(Ok)))
        .try_flatten()
        .map(move |step: Result<Step>| async move {
            Ok(match step? {
                Step::Object(object, noted) => {
                    Done::Object(Box::new(batch::read(destination, object, with_receipts, noted).await?))
                }
                Step::Noted(expired) => Done::Noted(expired),
                Step::End(index) => Done::End(index),
                Step::Gone(problem) => Done::Gone(problem),
            })
        })
        .buffered(at_once)
}

async fn load_steps(
    destination: &Destination,
    links: &[Link],
    expiries: &Expiries,
    index: usize,
) -> Result<Vec<Step>> {
    let link = &links[index];
    let mut steps: Vec<Step> = match load_manifest(destination, link).await? {
        Ok(manifest) => {
            let mut expired = expiries.of(destination, link, &manifest).await?;
            let mut noted = std::mem::take(&mut expired.objects);
            let objects = manifest.objects.into_iter().map(|object| {
                let noted = noted.remove(&object.key);
                Step::Object(object, noted)
            });
            std::iter::once(Step::Noted(expired)).chain(objects).collect()
        }
        Err(problem) => vec![Step::Gone(problem)],
    };
    steps.push(Step::End(index));
    Ok(steps)
}

/// A manifest that was verified before; the same bytes are the same manifest.
pub(super) async fn load_manifest(
    destination: &Destination,
    link: &Link,
) -> Result<Result<Manifest, Problem>> {
    let bytes = destination.read_at_most(&link.key, MANIFEST_BYTES_MAX).await?;
    let text = bytes.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
    if Digest::of(&bytes) != link.sha256 {
        let message = "it changed while it was verified";
        return Ok(Err(Problem::at(Reason::ManifestSignatureInvalid, link.first_seq, &link.key, message)));
    }
    let manifest: Manifest =
        serde_json::from_slice(text).map_err(|error| Error::Internal(format!("{}: {error}", link.key)))?;
    Ok(Ok(manifest))
}

/// A verification under way.
pub(super) struct Run<'a> {
    pub(super) destination: &'a Destination,
    pub(super) keys: &'a KeyRing,
    progress: &'a dyn Progress,
    pub(super) report: ArchiveReport,
    pub(super) outside: Vec<Outside>,
    pub(super) log: Log,
    entries: Entries,
    /// How the files of the batch stand whose objects come in.
    states: Gathering,
    /// No gap, no doubt and no unreadable object so far: the tree can be continued.
    intact: bool,
}

impl<'a> Run<'a> {
    fn new(
        destination: &'a Destination,
        keys: &'a KeyRing,
        options: &VerifyOptions,
        progress: &'a dyn Progress,
    ) -> Self {
        let mut report = ArchiveReport::empty();
        let outside = match options.checkpoint.as_deref().map(|bytes| Outside::open(bytes, keys)) {
            Some(Ok(outside)) => {
                report.checkpoint_size = Some(outside.size);
                if outside.size == 0 {
                    report.problems.extend(outside.compare(empty_root()));
                }
                vec![outside]
            }
            Some(Err(problem)) => {
                report.problems.push(problem);
                Vec::new()
            }
            None => Vec::new(),
        };
        Self {
            destination,
            keys,
            progress,
            report,
            outside,
            log: Log::default(),
            entries: Entries::default(),
            states: Gathering::default(),
            intact: true,
        }
    }

    fn object(&mut self, read: ObjectRead, listing: &mut Listing) {
        let ObjectRead { object, content, sidecar, expired } = read;
        let stored = listing.take(&object.key);
        let checksum = listing.take(&sidecar_key(&object.key));
        match content {
            Ok(content) if expired => {
                self.report.problems.extend(sidecar);
                self.expired(&object);
                self.entries.add(&object, content);
                self.progress.object(object.bytes, object.entries);
            }
            content => {
                self.states.add(&object, stored.as_ref(), checksum.as_ref());
                self.count(&object, content, sidecar);
            }
        }
    }

    /// What reading an object gave.
    pub(super) fn count(
        &mut self,
        object: &ManifestObject,
        content: Result<ObjectContent, Problem>,
        sidecar: Option<Problem>,
    ) {
        self.report.problems.extend(sidecar);
        match content {
            Ok(content) => {
                self.report.objects += 1;
                self.report.entries += content.leaves.len() as u64;
                self.report.bytes += object.bytes;
                if content.unread {
                    self.report.unread += object.entries;
                } else {
                    self.report.bytes_uncompressed += object.bytes_uncompressed;
                }
                self.entries.add(object, content);
            }
            Err(problem) => self.gone(problem),
        }
        self.progress.object(object.bytes, object.entries);
    }

    /// Drops the entries of objects that were read for their bytes alone.
    pub(super) fn forget_entries(&mut self) {
        self.entries = Entries::default();
    }

    fn noted(&mut self, expired: Expired) {
        self.report.problems.extend(expired.problems);
        self.report.expiry_notes.extend(expired.notes);
    }

    pub(super) fn expired(&mut self, object: &ManifestObject) {
        self.report.expired += object.entries;
        self.report.expired_objects.push(object.key.clone());
    }

    pub(super) fn gone(&mut self, problem: Problem) {
        self.report.problems.push(problem);
        self.entries.mark_incomplete();
    }

    async fn end_batch(&mut self, link: &Link, listing: &mut Listing) -> Result<()> {
        let states = std::mem::take(&mut self.states).finish();
        let ordered = match std::mem::take(&mut self.entries).in_order(link) {
            Some(Ok(ordered)) => Some(ordered),
            Some(Err(problem)) => {
                self.report.problems.push(problem);
                None
            }
            None => None,
        };
        let checkpoint = log::check_checkpoint(self.destination, self.keys, link, listing).await?;
        self.report.problems.extend(checkpoint);
        self.intact &= link.continues;
        let Some(ordered) = ordered.filter(|_| self.intact) else {
            self.intact = false;
            return Ok(());
        };
        let leaves = match self.log.complete(self.destination, link, ordered.leaves).await? {
            Ok(leaves) => leaves,
            Err(problem) => {
                self.report.problems.push(problem);
                self.intact = false;
                return Ok(());
            }
        };
        let changed = self.log.extend(&leaves)?;
        let root = self.log.root_at(link.size)?;
        if root != link.root {
            let message = format!("the entries give the root {root}, the checkpoint states {}", link.root);
            self.report.problems.push(Problem::at(Reason::RootMismatch, link.first_seq, &link.key, message));
            self.intact = false;
            return Ok(());
        }
        let inside = link.first_seq + 1..=link.size;
        for outside in self.outside.iter().filter(|outside| inside.contains(&outside.size)) {
            let root = self.log.root_at(outside.size)?;
            self.report.problems.extend(outside.compare(root));
        }
        let tiles = self.log.check_tiles(self.destination, changed, listing).await?;
        self.report.problems.extend(tiles);
        self.log.forget();
        self.report.covered = link.size;
        self.report.range = self.log.range()?;
        self.report.states.extend(states.map(|states| (link.size, states)));
        for (seq, line) in &ordered.receipts {
            self.progress.receipt(*seq, line);
        }
        self.progress.proven(link.size);
        if self.report.problems.is_empty() {
            // Whoever goes on from here does not see what was found before.
            self.progress.reached(&self.report.range, self.report.unread);
        }
        Ok(())
    }

    async fn conclude(
        mut self,
        options: &VerifyOptions,
        claim: Claim,
        links: &[Link],
        mut listing: Listing,
    ) -> Result<ArchiveReport> {
        let covered = self.report.covered;
        let others =
            log::check_other_checkpoints(self.destination, self.keys, claim.size, covered, &mut listing);
        self.report.problems.extend(others.await?);
        // Where the proof stopped at damage, the batches behind it are there: cut off is only what no signed
        // manifest claims, and a checkpoint is held against the root their checkpoints state.
        let reach = if self.report.problems.is_empty() { covered } else { claim.size };
        for outside in &self.outside {
            let stated = links.iter().find(|link| link.size == outside.size && link.size > covered);
            self.report.problems.extend(stated.and_then(|link| outside.compare(link.root)));
            self.report.problems.extend(outside.conclude(reach));
        }
        if let Some(wanted) = options.expect_archived.filter(|wanted| *wanted > reach) {
            let message = format!("{wanted} entries were expected to be archived, the archive has {reach}");
            self.report.problems.push(Problem::general(Reason::LogTruncated, Some(reach), message));
        }
        let intact = self.intact;
        // Behind a break the tiles cannot be rebuilt, so none of them is known to be one too many.
        let unlisted = listing.matching(|key| intact || !key.starts_with(LOG_DIRECTORY));
        self.report.warnings.extend(unlisted.into_iter().map(|key| Problem {
            seq: None,
            reason: Reason::ObjectUnlisted,
            key: Some(key),
            message: "no manifest names this file".to_owned(),
        }));
        Ok(self.report.finished(&claim))
    }
}
