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
    pub(super) async fn prove(
        &self,
        destination: &Destination,
        plan: &BatchPlan,
        objects: &[ManifestObject],
        tiles: &TileSet,
        progress: &dyn Progress,
    ) -> Result<()> {
        let wrong = |reason: &str, seq: u64| {
            let message =
                format!("{reason}: entry {seq} in the copy at {} is not the tree's", destination.name());
            Error::new(ErrorKind::Corrupt, message)
        };
        progress.begin("proving", Some(plan.entries()));
        let mut proven = vec![false; plan.entries() as usize];
        // Several at once, in order: hashing one overlaps with reading the next.
        // Boxed, because the compiler cannot tell that a stream of borrowing futures may move between threads.
        let read = |object| async move { (object, reread(destination, object).await) }.boxed();
        let contents: Vec<BoxFuture<'_, _>> = objects.iter().map(read).collect();
        let mut contents = stream::iter(contents).buffered(OBJECTS_AT_ONCE);
        while let Some((object, content)) = contents.next().await {
            let content = content.map_err(|error| {
                let message = format!("the archive destination {} does not confirm", destination.name());
                Error::with_source(ErrorKind::Unavailable, message, error)
            })?;
            for (seq, leaf) in content.leaves {
                let slot = seq.checked_sub(plan.first_seq).and_then(|offset| proven.get_mut(offset as usize));
                match slot {
                    Some(proven) if !*proven && tiles.leaf(seq) == Some(leaf) => *proven = true,
                    Some(true) => return Err(wrong("entry-duplicate", seq)),
                    _ => return Err(wrong("entry-changed", seq)),
                }
            }
            progress.advance(object.entries);
        }
        progress.end();
        match proven.iter().position(|proven| !proven) {
            Some(offset) => Err(wrong("entry-missing", plan.first_seq + offset as u64)),
            None => Ok(()),
        }
    }
}
