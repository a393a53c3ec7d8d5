//! Taking up an earlier verification: what was proven is looked for, not read again.

use super::VerifyOptions;
use super::chain::Link;
use super::expiry::Expiries;
use super::listing::Listing;
use super::log::{self, Log};
use super::outside::Outside;
use super::run::{Run, load_manifest};
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
        for link in &links[..skipped] {
            self.look_for(link, expiries, listing).await?;
        }
        self.report.resumed_from = size;
        for outside in self.outside.iter().filter(|outside| outside.size == size) {
            self.report.problems.extend(outside.compare(range.root()));
        }
        Ok(skipped)
    }

    /// That the files of a batch are there, without reading them again. What a signed note says to have expired may be
    /// gone; that its leaf hashes lead to the root is checked when the batch is read from its beginning.
    async fn look_for(&mut self, link: &Link, expiries: &Expiries, listing: &mut Listing) -> Result<()> {
        let manifest = match load_manifest(self.destination, link).await? {
            Ok(manifest) => manifest,
            Err(problem) => {
                self.gone(problem);
                return Ok(());
            }
        };
        let expired = expiries.of(self.destination, link, &manifest).await?;
        self.report.problems.extend(expired.problems);
        self.report.expiry_notes.extend(expired.notes);
        for object in manifest.objects {
            let sidecar = sidecar_key(&object.key);
            let found = listing.take(&object.key);
            if found.is_none() && expired.objects.contains_key(&object.key) {
                listing.take(&sidecar);
                self.expired(&object);
                continue;
            }
            let problems = &mut self.report.problems;
            match found {
                None => problems.push(object_missing(&object)),
                Some(bytes) if bytes != object.bytes => {
                    let message = format!("{bytes} bytes; the manifest states {}", object.bytes);
                    let (seq, key) = (object.first_seq, &object.key);
                    problems.push(Problem::at(Reason::ObjectHashMismatch, seq, key, message));
                }
                Some(_) => {}
            }
            if listing.take(&sidecar).is_none() {
                let (seq, message) = (object.first_seq, "it is not there");
                problems.push(Problem::at(Reason::SidecarMissing, seq, &sidecar, message));
            }
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

fn object_missing(object: &ManifestObject) -> Problem {
    let message = format!("the object with {} entries is not there", object.entries);
    Problem::at(Reason::ObjectMissing, object.first_seq, &object.key, message)
}
