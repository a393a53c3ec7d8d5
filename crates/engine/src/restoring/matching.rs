//! Which archived entries a filter matches: objects that cannot hold any are left out, the rest is decided on the lines.

use archive::ManifestObject;
use event::{EntryFields, Field, Filter};

use super::row::Origin;
use super::windows::windows;
use super::{RESTORED_BY_FILTER_MAX, RestoreReport, Wanted, batch_range};
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;
use crate::seq_set::SeqSet;

impl Engine {
    /// The pruned entries that match.
    pub(super) async fn matching(
        &self,
        filter: &Filter,
        progress: &dyn Progress,
        report: &mut RestoreReport,
    ) -> Result<Wanted> {
        let mut wanted = Wanted {
            origin: Origin::Filter(Box::new(filter.clone())),
            objects: Vec::new(),
            seqs: SeqSet::default(),
        };
        let mut matched: u64 = 0;
        progress.begin("matching", None);
        for row in self.ledger().batch_rows().await?.iter().filter(|row| row.is_complete()) {
            let mut objects = self.ledger().objects_of(row.plan.id.as_str()).await?;
            objects.retain(|object| may_match(object, filter));
            let expired = self.ledger().expired_objects_of(row.plan.id.as_str()).await?;
            let gone = objects.iter().filter(|object| expired.contains(&object.key));
            report.expired += gone.map(|object| object.entries).sum::<u64>();
            objects.retain(|object| !expired.contains(&object.key));
            let pruned = self.pruned_in(&[batch_range(row)]);
            let mut reach = SeqSet::default();
            for object in &objects {
                let span = object.first_seq..object.last_seq + 1;
                pruned.within(&span).into_iter().for_each(|range| reach.insert(range));
            }
            for window in windows(&objects, &reach) {
                for entry in self.ledger().read_window(&objects, &window).await? {
                    let fields = EntryFields::parse(&entry.line).map_err(|error| {
                        let message = format!("the archived line of entry {} cannot be read", entry.seq);
                        Error::with_source(ErrorKind::Corrupt, message, error)
                    })?;
                    if pruned.contains(entry.seq) && filter.matches(&fields, &entry.line) {
                        matched += 1;
                        if matched <= RESTORED_BY_FILTER_MAX {
                            wanted.seqs.insert(entry.seq..entry.seq + 1);
                        }
                    }
                }
                progress.advance(window.end - window.start);
            }
            wanted.objects.append(&mut objects);
        }
        progress.end();
        if matched > RESTORED_BY_FILTER_MAX {
            let message = format!(
                "{matched} archived entries match, at most {RESTORED_BY_FILTER_MAX} are restored at once: narrow the \
                 filter by time, tenant or action, or restore a whole batch"
            );
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        Ok(wanted)
    }
}

/// Whether an object can hold an entry that matches, by what its manifest says about all of them.
fn may_match(object: &ManifestObject, filter: &Filter) -> bool {
    let (occurred_from, occurred_to) = filter.occurred_range();
    let (recorded_from, recorded_to) = filter.recorded_range();
    filter.tenant().is_none_or(|tenant| tenant == object.tenant)
        && filter.exact(Field::Stream).is_none_or(|stream| stream == object.stream.as_str())
        && occurred_from.is_none_or(|from| object.last_occurred_at >= from)
        && occurred_to.is_none_or(|to| object.first_occurred_at < to)
        && recorded_from.is_none_or(|from| object.day >= from.day())
        && recorded_to.is_none_or(|to| object.day <= to.day())
}
