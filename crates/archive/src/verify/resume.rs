//! Taking up an earlier verification: what was proven is looked for, not read again.

use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use super::VerifyOptions;
use super::batch;
use super::chain::Link;
use super::expiry::Expiries;
use super::listing::Listing;
use super::log::{self, Log};
use super::outside::Outside;
use super::run::{Run, load_manifest};
use super::states::{BatchStates, Gathering};
use crate::error::Result;
use crate::key::{sidecar_key, tile_key};
use crate::log_copy::tiles_of_batch;
use crate::manifest::ManifestObject;
use crate::problem::{Problem, Reason};

impl Run<'_> {
    /// Takes up an earlier verification. Gives how many batches need not be read again; their files are
    /// still looked for.
    pub(super) async fn resume(
        &mut self,
        options: &VerifyOptions,
        links: &[Link],
        expiries: &Expiries,
        listing: &mut Listing,
    ) -> Result<usize> {
        let Some(range) = options.resume_from.as_ref().filter(|range| range.size() > 0) else { return Ok(0) };
        let size = range.size();
        let asks_about_earlier = self.outside.iter().any(|outside| outside.size < size);
        let skipped = links.iter().take_while(|link| link.continues && link.size <= size).count();
        let ends_there = skipped > 0 && links[skipped - 1].size == size;
        if asks_about_earlier || !ends_there {
            // Everything is read, and must still arrive where the earlier verification did.
            self.outside.push(Outside::earlier(range));
            return Ok(0);
        }
        if links[skipped - 1].root != range.root() {
            let link = &links[skipped - 1];
            let message = "its checkpoint is not the one an earlier verification ended at";
            self.report.problems.push(Problem::at(Reason::RootMismatch, link.first_seq, &link.key, message));
            return Ok(0);
        }
        match Log::resume(self.destination, range).await? {
            Ok(log) => {
                self.log = log;
                self.report.covered = size;
                self.report.range = range.clone();
            }
            Err(problem) => {
                self.report.problems.push(problem);
                return Ok(0);
            }
        }
        self.report.resumed_from = size;
        self.report.unread = options.resumed_unread;
        for link in &links[..skipped] {
            self.look_for(link, expiries, options.known_states.as_ref(), listing).await?;
        }
        for outside in self.outside.iter().filter(|outside| outside.size == size) {
            self.report.problems.extend(outside.compare(range.root()));
        }
        Ok(skipped)
    }

    /// That the files of a batch are there, without reading them again unless the listing says that they are others. What
    /// a signed note says to have expired may be gone; that its leaf hashes lead to the root is checked when the batch is
    /// read from its beginning.
    async fn look_for(
        &mut self,
        link: &Link,
        expiries: &Expiries,
        known: Option<&BatchStates>,
        listing: &mut Listing,
    ) -> Result<()> {
        let manifest = match load_manifest(self.destination, link).await? {
            Ok(manifest) => manifest,
            Err(problem) => {
                self.gone(problem);
                return Ok(());
            }
        };
        let found_before = self.report.problems.len();
        let expired = expiries.of(self.destination, link, &manifest).await?;
        self.report.problems.extend(expired.problems);
        self.report.expiry_notes.extend(expired.notes);
        let (mut gathering, mut objects) = (Gathering::default(), Vec::new());
        for object in manifest.objects {
            let sidecar = sidecar_key(&object.key);
            let (stored, checksum) = (listing.take(&object.key), listing.take(&sidecar));
            if stored.is_none() && expired.objects.contains_key(&object.key) {
                self.expired(&object);
                continue;
            }
            gathering.add(&object, stored.as_ref(), checksum.as_ref());
            let problems = &mut self.report.problems;
            match stored {
                None => problems.push(object_missing(&object)),
                Some(stored) if stored.bytes != object.bytes => {
                    let message = format!("{} bytes; the manifest states {}", stored.bytes, object.bytes);
                    let (seq, key) = (object.first_seq, &object.key);
                    problems.push(Problem::at(Reason::ObjectHashMismatch, seq, key, message));
                }
                Some(_) => {}
            }
            if checksum.is_none() {
                let (seq, message) = (object.first_seq, "it is not there");
                problems.push(Problem::at(Reason::SidecarMissing, seq, &sidecar, message));
            }
            objects.push(object);
        }
        let states = gathering.finish();
        let is_known = known.is_none_or(|known| states.is_some() && known.get(&link.size) == states.as_ref());
        if !is_known && self.report.problems.len() == found_before {
            self.read_again(objects).await?;
        }
        if self.report.problems.len() == found_before {
            self.report.states.extend(states.map(|states| (link.size, states)));
        }
        let problems = &mut self.report.problems;
        for (tile, width) in tiles_of_batch(link.first_seq, link.size) {
            let key = tile_key(tile, width);
            if listing.take(&key).is_none() {
                problems.push(Problem::at(Reason::TileMismatch, link.first_seq, &key, "the tile is missing"));
            }
        }
        problems.extend(log::check_checkpoint(self.destination, self.keys, link, listing).await?);
        Ok(())
    }
}

impl Run<'_> {
    /// Reads objects that stand in the listing as others than they were: the same bytes may have been put there again.
    /// The manifest's SHA-256 decides; which entries they hold was proven with it.
    async fn read_again(&mut self, objects: Vec<ManifestObject>) -> Result<()> {
        let destination = self.destination;
        let at_once = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let mut reads = stream::iter(objects)
            .map(|object| batch::read(destination, object, false, None))
            .buffered(at_once);
        while let Some(read) = reads.try_next().await? {
            let unread = self.report.unread;
            self.count(&read.object, read.content, read.sidecar);
            // Whether they were unread is told by the earlier verification.
            self.report.unread = unread;
        }
        self.forget_entries();
        Ok(())
    }
}

fn object_missing(object: &ManifestObject) -> Problem {
    let message = format!("the object with {} entries is not there", object.entries);
    Problem::at(Reason::ObjectMissing, object.first_seq, &object.key, message)
}
