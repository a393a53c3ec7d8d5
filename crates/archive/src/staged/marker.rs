//! The marker in a batch's staging directory: it is there only when everything beside it is durable and whole, so
//! that a retry or a restart uploads the same bytes again.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{StagedBatch, digest_of_file};
use crate::batch_writer::staging;
use crate::digest::Digest;
use crate::encryption::Recipients;
use crate::error::{Error, Result};
use crate::manifest::{MANIFEST_BYTES_MAX, ManifestObject};
use crate::plan::BatchPlan;

const MARKER_NAME: &str = "staged";

/// A marker describes the objects as a manifest does, and names a file for each.
const MARKER_BYTES_MAX: u64 = 2 * MANIFEST_BYTES_MAX;

/// One line of JSON; the SHA-256 of it follows on a line of its own.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Marker {
    plan: BatchPlan,
    /// To whom the objects are encrypted; empty: to nobody.
    encrypt_to: Vec<String>,
    objects: Vec<ManifestObject>,
    /// The name of each object's file.
    files: Vec<String>,
}

impl StagedBatch {
    /// Makes the staged files durable and says so, in this order: a marker that is there speaks of whole files.
    pub(crate) fn mark(&self, recipients: Option<&Recipients>) -> Result<()> {
        for file in &self.files {
            File::open(file).and_then(|file| file.sync_all()).map_err(staging("sync", file))?;
        }
        let name = |file: &PathBuf| file.file_name().and_then(|name| name.to_str()).map(ToOwned::to_owned);
        let marker = Marker {
            plan: self.plan.clone(),
            encrypt_to: texts(recipients),
            objects: self.objects.clone(),
            files: self.files.iter().filter_map(name).collect(),
        };
        let line = serde_json::to_string(&marker)
            .map_err(|error| Error::Internal(format!("a staging marker: {error}")))?;
        let text = format!("{line}\n{}\n", Digest::of(line.as_bytes()));
        let (path, unfinished) = (self.directory.join(MARKER_NAME), self.directory.join("staged.new"));
        let write = || {
            let mut file = File::create(&unfinished)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&unfinished, &path)?;
            sync_directory(&self.directory)?;
            self.directory.parent().map_or(Ok(()), sync_directory)
        };
        write().map_err(staging("write", &path))
    }

    /// What an earlier attempt at this plan staged for these recipients, if all of it is there, unchanged. Reads every
    /// staged byte. `None`: stage anew.
    pub fn resume(
        plan: &BatchPlan,
        staging_directory: &Path,
        recipients: Option<&Recipients>,
    ) -> Option<Self> {
        let directory = staging_directory.join(plan.id.as_str());
        let marker = read(&directory.join(MARKER_NAME))?;
        let fits = marker.plan == *plan
            && marker.encrypt_to == texts(recipients)
            && marker.files.len() == marker.objects.len()
            && marker.files.iter().all(|name| !name.contains('/'));
        if !fits {
            return None;
        }
        let files: Vec<PathBuf> = marker.files.iter().map(|name| directory.join(name)).collect();
        let whole = |(object, file): (&ManifestObject, &PathBuf)| {
            digest_of_file(file).is_ok_and(|found| found == (object.bytes, object.sha256))
        };
        if !marker.objects.iter().zip(&files).all(whole) {
            return None;
        }
        Some(Self { plan: marker.plan, objects: marker.objects, directory, files })
    }
}

fn texts(recipients: Option<&Recipients>) -> Vec<String> {
    recipients.map(Recipients::texts).unwrap_or_default()
}

/// A marker that is torn, or of another release, is none.
fn read(path: &Path) -> Option<Marker> {
    if fs::metadata(path).ok()?.len() > MARKER_BYTES_MAX {
        return None;
    }
    let text = fs::read_to_string(path).ok()?;
    let (line, digest) = text.strip_suffix('\n')?.split_once('\n')?;
    (digest.parse() == Ok(Digest::of(line.as_bytes()))).then_some(())?;
    serde_json::from_str(line).ok()
}

#[cfg(unix)]
fn sync_directory(path: &Path) -> std::io::Result<()> {
    File::open(path)?.sync_all()
}

/// Directories cannot be opened and synced portably elsewhere.
#[cfg(not(unix))]
fn sync_directory(_path: &Path) -> std::io::Result<()> {
    Ok(())
}
