//! What submitters offer: new events, the same again, and others under the same ids.

use rand::rngs::StdRng;
use rand::{RngExt as _, seq::IndexedRandom as _};
use testkit::Submission;

/// Events offered at once.
const BATCH_EVENTS_MAX: usize = 50;

#[derive(Debug, Default)]
pub(crate) struct Workload {
    events: u64,
    offered: Vec<Submission>,
}

impl Workload {
    /// A batch of 1 to 50 events.
    pub(crate) fn batch(&mut self, random: &mut StdRng) -> Vec<Submission> {
        let count = match random.random_range(0..4) {
            0 => 1,
            1 => random.random_range(1..=BATCH_EVENTS_MAX),
            _ => random.random_range(1..=12),
        };
        // One batch in ten has an event that contradicts an earlier one, and so is refused as a whole.
        let contradicts = random.random_bool(0.1);
        let mut batch: Vec<Submission> = (0..count)
            .map(|_| match self.offered.choose(random) {
                Some(earlier) if random.random_bool(0.08) => earlier.clone(),
                _ => self.new_event(random),
            })
            .collect();
        if contradicts && let Some(earlier) = self.offered.choose(random) {
            let other = Submission { mark: format!("{}-other", earlier.mark), ..earlier.clone() };
            let place = random.random_range(0..batch.len());
            batch[place] = other;
        }
        self.offered.extend(batch.iter().cloned());
        batch
    }

    /// So many new events with ids.
    pub(crate) fn plain(&mut self, count: usize) -> Vec<Submission> {
        (0..count)
            .map(|_| {
                self.events += 1;
                let number = self.events;
                Submission {
                    mark: format!("m{number}"),
                    tenant: "t1".into(),
                    event_id: Some(format!("event-{number}")),
                    external_id: None,
                    padding: 300,
                }
            })
            .collect()
    }

    fn new_event(&mut self, random: &mut StdRng) -> Submission {
        self.events += 1;
        let number = self.events;
        let kind = random.random_range(0..4);
        let padding = if random.random_bool(0.05) { 20_000 } else { random.random_range(0..900) };
        Submission {
            mark: format!("m{number}"),
            tenant: format!("t{}", random.random_range(0..3)),
            event_id: (kind != 0).then(|| format!("event-{number}")),
            external_id: (kind < 2).then(|| format!("external-{number}")),
            padding,
        }
    }
}
