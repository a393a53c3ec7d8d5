//! A manifest of the plan that is there already: then its objects are the batch's, whoever would stage it now.
//!
//! A run that ended after its first manifest has committed the batch. Staging it again may give other bytes, because
//! encryption is randomised and another release may compress otherwise; and there is one manifest for a range, ever.

use archive::{BatchPlan, Destination, MANIFEST_BYTES_MAX, Manifest};
use merkle::TileSet;

use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};

/// A batch's manifest with its bytes.
pub(super) struct Published {
    pub(super) manifest: Manifest,
    pub(super) note: String,
}

impl Engine {
    /// The manifest that an earlier attempt at this plan has published at any destination. What is at its key and is not
    /// that manifest stops the run before anything is written.
    pub(super) async fn published_manifest(
        &self,
        plan: &BatchPlan,
        tiles: &TileSet,
    ) -> Result<Option<Published>> {
        let mut published: Option<Published> = None;
        for destination in &self.ledger().inner.destinations {
            let Some(found) = self.manifest_at(destination, plan, tiles).await? else { continue };
            match &published {
                Some(earlier) if earlier.note != found.note => {
                    let what = "is not the one that another destination has";
                    return Err(conflict(destination, plan, what));
                }
                Some(_) => {}
                None => {
                    tracing::info!(
                        batch = %plan.id, destination = destination.name(), "audit_archive_batch_adopted"
                    );
                    published = Some(found);
                }
            }
        }
        Ok(published)
    }

    async fn manifest_at(
        &self,
        destination: &Destination,
        plan: &BatchPlan,
        tiles: &TileSet,
    ) -> Result<Option<Published>> {
        let bytes = match destination.read_at_most(&plan.id.manifest_key(), MANIFEST_BYTES_MAX).await {
            Err(archive::Error::NotFound { .. }) => return Ok(None),
            Err(archive::Error::TooLarge { .. }) => {
                return Err(conflict(destination, plan, "is larger than any manifest"));
            }
            bytes => bytes?,
        };
        let unreadable = |what: String| conflict(destination, plan, &format!("cannot be used: {what}"));
        let manifest = Manifest::open(&bytes, &self.ledger().inner.keys)
            .map_err(|problem| unreadable(problem.to_string()))?;
        let checkpoint = manifest
            .opened_checkpoint(&self.ledger().inner.keys)
            .map_err(|problem| unreadable(problem.to_string()))?;
        let is_of_the_plan = manifest.batch == plan.id
            && manifest.origin == plan.origin
            && manifest.created_at == plan.created_at
            && (manifest.first_seq, manifest.last_seq) == (plan.first_seq, plan.last_seq)
            && manifest.previous == plan.previous
            && checkpoint.root == tiles.root(plan.size())?;
        if !is_of_the_plan {
            return Err(conflict(destination, plan, "is of another plan"));
        }
        let note = String::from_utf8(bytes.to_vec()).map_err(|error| unreadable(error.to_string()))?;
        Ok(Some(Published { manifest, note }))
    }
}

fn conflict(destination: &Destination, plan: &BatchPlan, what: &str) -> Error {
    let message = format!(
        "the manifest {} in archive destination {} {what}; it was left alone, and the batch waits",
        plan.id.manifest_key(),
        destination.name()
    );
    Error::new(ErrorKind::Corrupt, message)
}
