//! What a destination holds, read back and held against the tree.

use archive::{BatchPlan, Destination, ManifestObject, reread};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt as _};
use merkle::TileSet;

use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;

/// Objects that are read back at once; each keeps one thread busy.
const OBJECTS_AT_ONCE: usize = 4;

impl Engine {
    /// Reads every object back and compares each entry with the tree; every seq of the range exactly once.
    ///
    /// Encrypted objects that the destination has no identity for are held against the SHA-256 of what was encrypted
    /// here, where each line was compared with the tree before. How many entries these are is the answer.
    pub(super) async fn prove(
        &self,
        destination: &Destination,
        plan: &BatchPlan,
        objects: &[ManifestObject],
        tiles: &TileSet,
        progress: &dyn Progress,
    ) -> Result<u64> {
        let wrong = |reason: &str, seq: u64, key: Option<&str>| {
            let message =
                format!("{reason}: entry {seq} in the copy at {} is not the tree's", destination.name());
            Error::new(ErrorKind::Corrupt, message).at_destination(destination.name(), key)
        };
        progress.begin("proving", Some(plan.entries()));
        let mut proven = vec![false; plan.entries() as usize];
        let mut unread = 0;
        // Several at once: hashing one overlaps with reading the next, and a small one does not wait for a large one.
        // Boxed, because the compiler cannot tell that a stream of borrowing futures may move between threads.
        let read = |object| async move { (object, reread(destination, object).await) }.boxed();
        let contents: Vec<BoxFuture<'_, _>> = objects.iter().map(read).collect();
        let mut contents = stream::iter(contents).buffer_unordered(OBJECTS_AT_ONCE);
        while let Some((object, content)) = contents.next().await {
            let content = content.map_err(|error| {
                let message = format!("the archive destination {} does not confirm", destination.name());
                Error::with_source(ErrorKind::Unavailable, message, error)
                    .at_destination(destination.name(), Some(&object.key))
            })?;
            if content.unread {
                unread += object.entries;
            }
            for (seq, leaf) in content.leaves {
                let slot = seq.checked_sub(plan.first_seq).and_then(|offset| proven.get_mut(offset as usize));
                match slot {
                    Some(proven) if !*proven && tiles.leaf(seq) == Some(leaf) => *proven = true,
                    Some(true) => return Err(wrong("entry-duplicate", seq, Some(&object.key))),
                    _ => return Err(wrong("entry-changed", seq, Some(&object.key))),
                }
            }
            progress.advance(object.entries);
        }
        progress.end();
        let missing = proven.iter().filter(|proven| !**proven).count() as u64;
        match proven.iter().position(|proven| !proven) {
            Some(offset) if missing != unread => {
                Err(wrong("entry-missing", plan.first_seq + offset as u64, None))
            }
            _ => Ok(unread),
        }
    }
}
