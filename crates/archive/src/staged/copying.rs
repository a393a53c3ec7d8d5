//! Completing the copy of a batch at one destination from the others.

use std::fs::File;
use std::io;
use std::path::Path;

use bytes::Bytes;
use tokio::sync::Semaphore;

use super::{UPLOAD_MEMORY_MIB, digest_of_file, upload_object};
use crate::batch_writer::{remove_directory, staging};
use crate::destination::Destination;
use crate::error::{Error, Result};
use crate::key::sidecar_key;
use crate::manifest::ManifestObject;
use crate::plan::BatchPlan;
use crate::problem::{Problem, Reason};
use crate::progress::Progress;
use crate::reread::sidecar_text;

/// Writes to a destination the objects, and their checksum files, that it lacks of a batch whose manifest is published,
/// taken from another destination through a file in the staging directory, one at a time. What is there already is
/// left: whether it is right is found when it is read back.
pub async fn copy_objects(
    plan: &BatchPlan,
    objects: &[ManifestObject],
    sources: &[Destination],
    target: &Destination,
    staging_directory: &Path,
    progress: &dyn Progress,
) -> Result<()> {
    let directory = staging_directory.join(plan.id.as_str());
    let memory = Semaphore::new(UPLOAD_MEMORY_MIB as usize);
    for object in objects {
        if target.exists(&object.key).await? {
            target.put_new(&sidecar_key(&object.key), Bytes::from(sidecar_text(object))).await?;
            progress.object(object.bytes, object.entries);
            continue;
        }
        // What is left there was staged by an attempt that did not come to the manifest.
        remove_directory(&directory)?;
        std::fs::create_dir_all(&directory).map_err(staging("create", &directory))?;
        let file = directory.join("copy");
        fetch(object, sources, target, &file).await?;
        upload_object(target, object, &file, &memory, progress).await?;
    }
    remove_directory(&directory)
}

/// From the first source that has the object as the manifest states it.
async fn fetch(
    object: &ManifestObject,
    sources: &[Destination],
    target: &Destination,
    file: &Path,
) -> Result<()> {
    for source in sources.iter().filter(|source| source.name() != target.name()) {
        let mut reader = match source.open_reader(&object.key, None).await {
            Err(Error::NotFound { .. }) => continue,
            other => other?,
        };
        let path = file.to_owned();
        let copied = tokio::task::spawn_blocking(move || {
            let mut copy = File::create(&path)?;
            io::copy(&mut reader, &mut copy)?;
            digest_of_file(&path)
        });
        if copied.await?.map_err(staging("write", file))? == (object.bytes, object.sha256) {
            return Ok(());
        }
    }
    let message = "a published manifest names it, and no destination has it with its bytes";
    Err(Problem::at(Reason::ObjectMissing, object.first_seq, &object.key, message).into())
}
