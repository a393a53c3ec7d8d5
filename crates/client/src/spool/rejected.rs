//! Events that the server refused: `rejected/<stream>_<YYYY-MM-DD>.jsonl`, for people to look at.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use serde_json::value::RawValue;

use super::durable;
use super::file::SpoolFile;
use super::name::FileName;
use crate::error::Violation;

const DIRECTORY: &str = "rejected";

/// Why an event was refused.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Reason {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) details: Vec<Violation>,
}

#[derive(Serialize)]
struct Row<'a, E> {
    reason: &'a Reason,
    event: E,
}

/// Sets events aside and syncs them. Answers the bytes it took.
pub(super) fn append(spool: &Path, name: FileName, events: &[(Vec<u8>, Reason)]) -> io::Result<u64> {
    let directory = spool.join(DIRECTORY);
    durable::private_directory(&directory)?;
    let mut rows = Vec::new();
    for (line, reason) in events {
        // A line that was damaged on the disk is no JSON: as much of it as is text is kept.
        if let Ok(event) = serde_json::from_slice::<&RawValue>(line) {
            serde_json::to_writer(&mut rows, &Row { reason, event })?;
        } else {
            let event = String::from_utf8_lossy(line);
            serde_json::to_writer(&mut rows, &Row { reason, event })?;
        }
        rows.push(b'\n');
    }
    let path = directory.join(name.to_string());
    let is_new = !path.exists();
    let mut file = durable::options().append(true).create(true).open(&path)?;
    let before = file.metadata()?.len();
    if let Err(error) = file.write_all(&rows).and_then(|()| file.sync_data()) {
        // Half a row would spoil the next one. Failing here changes nothing: the events are still in the spool.
        let _ = file.set_len(before);
        return Err(error);
    }
    if is_new {
        durable::sync_directory(&directory)?;
    }
    Ok(rows.len() as u64)
}

/// Events and bytes that were set aside, and torn rows that were cut off.
pub(super) fn count(spool: &Path) -> io::Result<(u64, u64, u64)> {
    let directory = spool.join(DIRECTORY);
    let (mut events, mut bytes, mut torn) = (0, 0, 0);
    let entries = match std::fs::read_dir(&directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((0, 0, 0)),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let Some(name) = entry?.file_name().to_str().and_then(FileName::parse) else { continue };
        let (file, is_torn, lines) = SpoolFile::open(&directory, name)?;
        events += lines;
        bytes += file.length();
        torn += u64::from(is_torn);
    }
    Ok((events, bytes, torn))
}
