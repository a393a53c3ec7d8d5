//! From a committed expiry to its end: the note everywhere, then the objects nowhere.

use archive::{
    Destination, Digest, EXPIRY_NOTE_BYTES_MAX, ExpiredObject, ExpiryNote, ExpiryPlan, publish_expiry,
    sidecar_key,
};
use serde_json::json;

use super::examining::Verdict;
use super::row::ExpiredRow;
use super::{Expiry, RefusedRemoval};
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::freeze::not_frozen;
use crate::state_change::Change;

impl Engine {
    /// Takes an expiry to its end; what a destination does not let go is reported, and the row stays open.
    pub(super) async fn carry_out(
        &self,
        expiry: &mut Expiry<'_>,
        row: &ExpiredRow,
        text: Option<String>,
    ) -> Result<()> {
        let text = match text {
            Some(text) => text,
            None => self.note_again(expiry.destinations, row).await?,
        };
        for destination in expiry.destinations {
            publish_expiry(destination, &text, &self.ledger().inner.keys).await?;
        }
        let note = ExpiryNote::open(text.as_bytes(), &self.ledger().inner.keys).map_err(|problem| {
            Error::with_source(ErrorKind::Corrupt, "an expiry note cannot be read", problem)
        })?;
        let seqs = note.objects.iter().flat_map(|object| object.seqs.iter());
        let blocked = self.blocked(seqs.flat_map(|[first, last]| *first..=*last));
        match blocked {
            Some(Verdict::Held) => expiry.report.held += row.objects.len() as u64,
            Some(_) => expiry.report.hot += row.objects.len() as u64,
            None => return self.let_go(expiry, row).await,
        }
        Ok(())
    }

    async fn let_go(&self, expiry: &mut Expiry<'_>, row: &ExpiredRow) -> Result<()> {
        let refused_before = expiry.report.refused.len();
        for destination in expiry.destinations {
            for key in &row.objects {
                // A freeze holds from its commit on, also for what is under way.
                self.ledger().refuse_when_frozen().await?;
                if let Err(message) = remove(destination, key).await {
                    expiry.report.refused.push(RefusedRemoval {
                        destination: destination.name().to_owned(),
                        key: key.clone(),
                        message,
                    });
                }
            }
        }
        if expiry.report.refused.len() > refused_before {
            return Ok(());
        }
        let ended = ExpiredRow { ended_at: Some(self.ledger().now()), ..row.clone() };
        let (id, key) = (row.batch.to_string(), &row.note.key);
        let details = json!({ "note": key, "objects": row.objects.len(), "entries": row.entries });
        let change = Change { rows: vec![ended.put()?], expected: vec![not_frozen()], ..Change::default() };
        let target = ("batch", id.as_str());
        self.change_if_expected("archive.batch.expired", expiry.actor, target, details, change).await?;
        expiry.report.expired += row.objects.len() as u64;
        expiry.report.entries += row.entries;
        expiry.report.bytes += row.bytes;
        Ok(())
    }

    /// The note of an expiry that was interrupted: from a destination that has it, or made again. Nothing has gone
    /// before every destination had it, so where none has it the objects are all there.
    async fn note_again(&self, destinations: &[Destination], row: &ExpiredRow) -> Result<String> {
        for destination in destinations {
            match destination.read_at_most(&row.note.key, EXPIRY_NOTE_BYTES_MAX).await {
                Ok(bytes) if Digest::of(&bytes) == row.note.sha256 => {
                    if let Ok(text) = String::from_utf8(bytes.to_vec()) {
                        return Ok(text);
                    }
                }
                Ok(_) | Err(archive::Error::NotFound { .. } | archive::Error::TooLarge { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let mut objects = self.ledger().objects_of(row.batch.as_str()).await?;
        objects.retain(|object| row.objects.contains(&object.key));
        let mut expired = Vec::with_capacity(objects.len());
        for object in &objects {
            let leaves = self.leaves_of(destinations, object).await?;
            expired.push(ExpiredObject::new(object, &leaves));
        }
        let batches = self.ledger().batch_rows().await?;
        let manifest = batches.into_iter().find(|batch| batch.plan.id == row.batch);
        let manifest = manifest.and_then(|batch| batch.completed).map(|completed| completed.manifest);
        let gone = |what: &str| {
            let message = format!("the expiry note {} cannot be made again: {what}", row.note.key);
            Error::new(ErrorKind::Corrupt, message)
        };
        let plan = ExpiryPlan {
            origin: self.ledger().identity().origin.clone(),
            created_at: row.created_at,
            tree_size: row.tree_size,
            batch: row.batch.clone(),
            number: row.number,
            manifest: manifest.ok_or_else(|| gone("its batch is not in the catalogue"))?,
        };
        let text = ExpiryNote::new(plan, expired).sign(&self.inner.signer)?;
        if Digest::of(text.as_bytes()) != row.note.sha256 {
            return Err(gone("what the objects hold is not what it was made of"));
        }
        Ok(text)
    }
}

/// The object, then its checksum file: without the object the file says nothing that the note does not.
async fn remove(destination: &Destination, key: &str) -> std::result::Result<(), String> {
    for key in [key, &sidecar_key(key)] {
        destination.remove(key).await.map_err(|error| message_of(&error))?;
        let left = destination.exists(key).await.map_err(|error| message_of(&error))?;
        if left {
            return Err(format!("{key} was removed and is still there"));
        }
    }
    Ok(())
}

/// An error with its causes, which a list of refusals has no other place for.
fn message_of(error: &archive::Error) -> String {
    let mut message = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let text = error.to_string();
        if !message.contains(&text) {
            message.push_str(": ");
            message.push_str(&text);
        }
        cause = error.source();
    }
    message
}
