//! A batch whose objects lie compressed in the staging directory, and its upload.

mod copying;
mod marker;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::stream::{self, TryStreamExt as _};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use crate::batch_writer::{remove_directory, staging};
use crate::destination::Destination;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::key::sidecar_key;
use crate::manifest::ManifestObject;
use crate::plan::BatchPlan;
use crate::progress::Progress;
use crate::reread::sidecar_text;
pub use copying::copy_objects;

/// Objects that are uploaded at once.
const UPLOADS_MAX: usize = 8;

/// Memory for the bodies of objects that are uploaded at once, in MiB. A larger object goes alone.
const UPLOAD_MEMORY_MIB: u32 = 128;

/// An object on its way from the writer to the staged batch.
pub(crate) struct StagedObject {
    pub(crate) object: ManifestObject,
    pub(crate) file: PathBuf,
    /// Its number, where its group was split.
    pub(crate) part: Option<u16>,
}

/// The objects of a batch, ready to be uploaded.
#[derive(Debug)]
pub struct StagedBatch {
    /// What the batch was planned to be.
    pub plan: BatchPlan,
    /// Its objects, sorted by key, as the manifest will list them.
    pub objects: Vec<ManifestObject>,
    directory: PathBuf,
    files: Vec<PathBuf>,
}

impl StagedBatch {
    pub(crate) fn new(
        plan: BatchPlan,
        directory: PathBuf,
        objects: Vec<ManifestObject>,
        files: Vec<PathBuf>,
    ) -> Self {
        Self { plan, objects, directory, files }
    }

    /// The directory the staged files are in.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Writes every object and its checksum file, create-only, a few at once. May be repeated and resumed:
    /// what is there with the same bytes counts as written, what is there with other bytes is
    /// [`Error::Conflict`].
    pub async fn upload(&self, destination: &Destination, progress: &dyn Progress) -> Result<()> {
        let memory = Semaphore::new(UPLOAD_MEMORY_MIB as usize);
        let uploads = self.objects.iter().zip(&self.files);
        stream::iter(uploads.map(Ok))
            .try_for_each_concurrent(UPLOADS_MAX, |(object, file)| {
                upload_object(destination, object, file, &memory, progress)
            })
            .await
    }

    /// Removes the staged files. For when the batch is complete at every destination.
    pub fn remove_staging(self) -> Result<()> {
        remove_directory(&self.directory)
    }
}

/// The size and the SHA-256 of a file.
fn digest_of_file(path: &Path) -> io::Result<(u64, Digest)> {
    let mut file = File::open(path)?;
    let (mut hasher, mut bytes) = (Sha256::new(), 0);
    let mut buffer = vec![0; 256 << 10];
    while let count @ 1.. = file.read(&mut buffer)? {
        hasher.update(&buffer[..count]);
        bytes += count as u64;
    }
    Ok((bytes, Digest(hasher.finalize().into())))
}

async fn upload_object(
    destination: &Destination,
    object: &ManifestObject,
    file: &Path,
    memory: &Semaphore,
    progress: &dyn Progress,
) -> Result<()> {
    let mebibytes = u32::try_from(object.bytes >> 20).unwrap_or(u32::MAX).saturating_add(1);
    let _held = memory
        .acquire_many(mebibytes.min(UPLOAD_MEMORY_MIB))
        .await
        .map_err(|error| Error::Internal(error.to_string()))?;
    let path = file.to_owned();
    let read = tokio::task::spawn_blocking(move || {
        std::fs::read(&path).map(|body| (Digest::of(&body), Bytes::from(body)))
    });
    let (digest, body) = read.await?.map_err(staging("read", file))?;
    if digest != object.sha256 {
        // Objects are never overwritten, so bytes that rotted here would stand in the batch's way for good.
        let rotten = std::io::Error::other("its bytes are no longer those that were written");
        return Err(staging("read", file)(rotten));
    }
    destination.put_new(&object.key, body).await?;
    // The checksum file comes second: where it is, its object is.
    destination.put_new(&sidecar_key(&object.key), Bytes::from(sidecar_text(object))).await?;
    progress.object(object.bytes, object.entries);
    Ok(())
}
