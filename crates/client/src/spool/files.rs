//! All files of a spool directory. Whoever changes one holds all of them, so that none is deleted under a writer.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use event::{Day, Stream};

use super::durable;
use super::file::{Batch, SpoolFile};
use super::name::FileName;
use super::rejected;
use super::tally::Tally;

/// Today's file is deleted, too, once it is drained and takes this share of the spool. Otherwise a busy day would fill
/// the spool with events that are long in the ledger.
const TODAY_SHARE: u64 = 4;

#[derive(Debug)]
pub(super) struct Files {
    directory: PathBuf,
    open: BTreeMap<FileName, SpoolFile>,
    today_bytes_max: u64,
}

/// What opening a directory found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) files: Files,
    pub(super) tally: Tally,
}

impl Files {
    /// Opens every file, cuts off torn lines and removes what belongs to no file.
    pub(super) fn open(directory: &Path, bytes_max: u64) -> io::Result<Found> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(directory)? {
            names.extend(entry?.file_name().into_string());
        }
        let mut open = BTreeMap::new();
        let mut tally = Tally::default();
        for name in names.iter().filter_map(|name| FileName::parse(name)) {
            let (file, is_torn, waiting) = SpoolFile::open(directory, name)?;
            if is_torn {
                tracing::warn!(file = %name, "a torn last line of the spool was cut off");
            }
            tally.torn_lines += u64::from(is_torn);
            tally.stream(name.stream).spooled += waiting;
            tally.pending_bytes += file.length() - file.drained();
            tally.bytes_used += file.length();
            open.insert(name, file);
        }
        for name in &names {
            let of = FileName::of_progress(name);
            if of.is_some_and(|of| !open.contains_key(&of) || name.strip_suffix(".new").is_some()) {
                durable::remove(directory, name)?;
            }
        }
        let (events, bytes, torn) = rejected::count(directory)?;
        tally.rejected_events = events;
        tally.bytes_used += bytes;
        tally.torn_lines += torn;
        let files = Self { directory: directory.to_owned(), open, today_bytes_max: bytes_max / TODAY_SHARE };
        Ok(Found { files, tally })
    }

    /// Appends lines to a stream's newest file and syncs them.
    pub(super) fn append(&mut self, stream: Stream, today: Day, lines: &[u8]) -> io::Result<()> {
        let newest = self.of(stream).next_back().map(|(name, _)| name.day);
        // A clock that was set back must not put new events before older ones.
        let name = FileName { stream, day: newest.map_or(today, |newest| newest.max(today)) };
        if !self.open.contains_key(&name) {
            self.open.insert(name, SpoolFile::create(&self.directory, name)?);
        }
        match self.open.get_mut(&name) {
            Some(file) => file.append(lines),
            None => unreachable!("it was put there above"),
        }
    }

    /// The oldest events of a stream that are not drained.
    pub(super) fn batch(
        &self,
        stream: Stream,
        events_max: usize,
        bytes_max: u64,
    ) -> io::Result<Option<Batch>> {
        match self.of(stream).find(|(_, file)| !file.is_drained()) {
            Some((name, file)) => file.batch(*name, events_max, bytes_max),
            None => Ok(None),
        }
    }

    /// Makes it durable that a batch is settled. Answers its bytes.
    pub(super) fn settle(&mut self, name: FileName, end: u64) -> io::Result<u64> {
        let Some(file) = self.open.get_mut(&name) else { return Ok(0) };
        let bytes = end.saturating_sub(file.drained());
        file.drain_to(&self.directory, name, end)?;
        Ok(bytes)
    }

    /// Deletes what is drained and not needed any more. Answers the bytes of it.
    ///
    /// The file goes first: a crash right here leaves a progress file without its file, which the next opening removes.
    /// In the other order it would leave a whole file to be sent again.
    pub(super) fn retire(&mut self, today: Day) -> io::Result<u64> {
        let is_done = |(name, file): (&FileName, &SpoolFile)| {
            let is_old = name.day != today || file.length() >= self.today_bytes_max;
            (file.is_drained() && is_old).then_some(*name)
        };
        let done: Vec<FileName> = self.open.iter().filter_map(is_done).collect();
        let mut bytes = 0;
        for name in done {
            // Closed first: if removing it fails halfway, nothing must be appended to a file without a name.
            bytes += self.open.remove(&name).map_or(0, |file| file.length());
            durable::remove(&self.directory, &name.to_string())?;
            durable::remove(&self.directory, &name.progress())?;
        }
        Ok(bytes)
    }

    fn of(&self, stream: Stream) -> impl DoubleEndedIterator<Item = (&FileName, &SpoolFile)> {
        self.open.iter().filter(move |(name, _)| name.stream == stream)
    }
}
