use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use archive::Destination;
use engine::{Actor, ArchiveRun, Clock, Engine, Order, Page, SearchPage, SystemClock, VerifyOptions, Window};
use event::{Filter, Timestamp, Violation};
use merkle::KeyRing;
use settings::{Flag, Sources};

use super::feed::{self, BATCH_EVENTS, Needle, TASKS};
use super::narrator::Narrator;
use super::tamper;
use crate::configuration::Configuration;
use crate::creation;
use crate::failure::Failure;
use crate::ledger_access::OpenEngine;
use crate::output::{bytes, counted, duration, finding, grouped};
use crate::progress::Bar;

/// What the tour is given with.
pub(super) struct Tour<'a> {
    pub(super) room: &'a Path,
    pub(super) events: u64,
    pub(super) bar: &'a Bar,
}

impl Tour<'_> {
    /// Shows the ledger at work; answers it, still open, with a token for it.
    pub(super) async fn give(&self, narrator: &mut Narrator) -> Result<(OpenEngine, String), Failure> {
        let events = grouped(self.events);
        narrator.title(&format!("Strongroom, on {events} generated events in {}", self.room.display()))?;
        let (open, token) = self.make_ledger(narrator).await?;
        let engine = &open.engine;
        let (needle, cutoff) = self.append(narrator, engine).await?;
        self.search(narrator, engine, &needle).await?;
        self.archive(narrator, engine, cutoff).await?;
        self.search_what_is_left(narrator, engine, &needle).await?;
        self.verify(narrator, engine).await?;
        self.tamper(narrator, engine).await?;
        Ok((open, token))
    }

    fn data(&self) -> PathBuf {
        self.room.join("data")
    }

    /// Nothing of the machine's own settings takes part: the tour is the same everywhere.
    fn configuration(&self) -> Result<Configuration, Failure> {
        Configuration::read(&Sources {
            flags: vec![Flag {
                flag: "--data",
                key: "ledger.data_dir",
                value: self.data().display().to_string(),
            }],
            environment: Vec::new(),
            config: None,
            working_directory: self.room.to_owned(),
        })
    }

    async fn make_ledger(&self, narrator: &mut Narrator) -> Result<(OpenEngine, String), Failure> {
        narrator.step("Make a ledger")?;
        let made = creation::create(&self.configuration()?, || self.configuration()).await?;
        narrator.say(&format!("origin  {}", made.identity.origin))?;
        narrator.say(&format!("vkey    {}", made.vkey()))?;
        let token = made.token.token.clone();
        Ok((made.handed_over()?, token))
    }

    /// Appends three quarters, notes the time, and appends the rest: what came before is the older part.
    async fn append(&self, narrator: &mut Narrator, engine: &Engine) -> Result<(Needle, Timestamp), Failure> {
        narrator.step(&format!(
            "Append {} in batches of {}, {TASKS} at a time",
            counted(self.events, "event", "events"),
            grouped(BATCH_EVENTS)
        ))?;
        let older = self.events / 4 * 3;
        let start = Instant::now();
        feed::append(engine, 0..older, self.events, self.bar).await?;
        let cutoff = SystemClock.now();
        let needle = feed::append(engine, older..self.events, self.events, self.bar).await?;
        let took = start.elapsed();
        let rate = (self.events as f64 / took.as_secs_f64()) as u64;
        narrator.say(&format!(
            "validated, sequenced and synced to disk in {} ({} events/s)",
            duration(took),
            grouped(rate)
        ))?;
        let start = Instant::now();
        let checkpoint = engine.checkpoint().await?;
        narrator.say(&format!(
            "checkpoint of size {} signed after {}: root {}",
            grouped(checkpoint.size),
            duration(start.elapsed()),
            checkpoint.root
        ))?;
        Ok((needle, cutoff))
    }

    async fn search(&self, narrator: &mut Narrator, engine: &Engine, needle: &Needle) -> Result<(), Failure> {
        narrator.step("Search")?;
        let (found, took) = search(engine, &[("request_id", &needle.request_id)], &Page::default()).await?;
        narrator.say(&format!(
            "request id {}: {} in {}",
            needle.request_id,
            entries(&found),
            duration(took)
        ))?;
        let newest = Page { limit: 20, ..Page::default() };
        let (found, took) = search(engine, &[("actor", &needle.actor)], &newest).await?;
        narrator.say(&format!("newest of actor {}: {} in {}", needle.actor, entries(&found), duration(took)))
    }

    async fn archive(
        &self,
        narrator: &mut Narrator,
        engine: &Engine,
        cutoff: Timestamp,
    ) -> Result<(), Failure> {
        narrator.step(&format!("Archive what was recorded before {cutoff}"))?;
        let run = ArchiveRun { window: Window::Before(cutoff), limit: None, dry_run: false, forced: true };
        let start = Instant::now();
        let report = engine.archive_run(&run, &Actor::system(), self.bar).await?;
        narrator.say(&format!(
            "{} written as {} of gzip JSONL ({} of lines)",
            counted(report.archived, "entry", "entries"),
            bytes(report.bytes),
            bytes(report.bytes_uncompressed)
        ))?;
        narrator.say(&format!(
            "{} read back and compared with the tree; then {} hot copies pruned; {} in all",
            grouped(report.verified),
            grouped(report.pruned),
            duration(start.elapsed())
        ))
    }

    async fn search_what_is_left(
        &self,
        narrator: &mut Narrator,
        engine: &Engine,
        needle: &Needle,
    ) -> Result<(), Failure> {
        narrator.step("Search both tiers")?;
        let oldest = Page { order: Order::Ascending, limit: 1_000, ..Page::default() };
        let (found, took) = search(engine, &[("action", "session.*")], &oldest).await?;
        narrator.say(&format!(
            "oldest of session.*: {} in {} ({}); entries below {} are archived",
            entries(&found),
            duration(took),
            found.tiers.join(" and "),
            grouped(found.pruned_through)
        ))?;
        let (found, took) = search(engine, &[("request_id", &needle.request_id)], &Page::default()).await?;
        narrator.say(&format!(
            "the request id again: {} in {} ({})",
            entries(&found),
            duration(took),
            found.tiers.join(" and ")
        ))?;
        let start = Instant::now();
        if let Some(shown) = engine.ledger().show(0).await? {
            let place = shown.object.unwrap_or_else(|| "the hot window".to_owned());
            narrator.say(&format!("entry 0 now comes from {place}, in {}", duration(start.elapsed())))?;
        }
        Ok(())
    }

    async fn verify(&self, narrator: &mut Narrator, engine: &Engine) -> Result<(), Failure> {
        narrator.step("Verify everything: hot entries, index, tree and archive")?;
        let start = Instant::now();
        let report = Box::pin(engine.verify(&VerifyOptions { full: true }, self.bar)).await?;
        if let Some(problem) = report.problems.first() {
            return Err(Failure::new(format!("the demo's ledger does not verify: {}", finding(problem))));
        }
        narrator.say(&format!(
            "{} hot and {} archived entries are as they were signed ({})",
            grouped(report.entries_checked),
            grouped(report.archived_checked),
            duration(start.elapsed())
        ))
    }

    /// What an auditor does: the archive and the public key, and nothing else.
    async fn tamper(&self, narrator: &mut Narrator, engine: &Engine) -> Result<(), Failure> {
        narrator.step("Change one bit of a copy of the archive")?;
        let copy = self.room.join("copy");
        tamper::copy(&self.data().join("archive"), &copy)?;
        let vkey = engine.ledger().identity().vkeys.first().cloned().unwrap_or_default();
        let (report, took) = check(&copy, &vkey).await?;
        if !report.ok {
            return Err(Failure::new("the copy of the archive does not verify"));
        }
        narrator.say(&format!(
            "the copy as it is: {} verified offline with the vkey alone, in {}",
            counted(report.entries, "entry", "entries"),
            duration(took)
        ))?;
        let (key, place) = tamper::flip_one_bit(&copy)?;
        narrator.say(&format!("flipped one bit of byte {} of {key}", grouped(place)))?;
        let (report, took) = check(&copy, &vkey).await?;
        match report.problems.first() {
            Some(problem) => narrator.say(&format!("found in {}: {problem}", duration(took))),
            None => Err(Failure::new("the changed bit was not found")),
        }
    }
}

async fn search(
    engine: &Engine,
    filters: &[(&str, &str)],
    page: &Page,
) -> Result<(SearchPage, Duration), Failure> {
    let filter = Filter::from_pairs(filters.iter().copied()).map_err(|violations| {
        Failure::listing("the demo's search is not valid:", violations.iter().map(Violation::to_string))
    })?;
    let start = Instant::now();
    let found = engine.ledger().search(&filter, page).await?;
    Ok((found, start.elapsed()))
}

fn entries(found: &SearchPage) -> String {
    counted(found.entries.len() as u64, "entry", "entries")
}

async fn check(archive: &Path, vkey: &str) -> Result<(archive::ArchiveReport, Duration), Failure> {
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
        Failure::caused("the copy cannot be checked", error)
    };
    let keys = KeyRing::parse(vkey).map_err(|error| failed(error.into()))?;
    let destination =
        Destination::open("copy", &archive.display().to_string()).map_err(|error| failed(error.into()))?;
    let start = Instant::now();
    let report = archive::verify(&destination, &keys, &archive::VerifyOptions::default(), &())
        .await
        .map_err(|error| failed(error.into()))?;
    Ok((report, start.elapsed()))
}
