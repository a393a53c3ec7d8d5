//! What must be true of a ledger after everything that was offered to it and everything it answered.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use engine::{Appended, ErrorKind};
use event::EntryFields;

use crate::Submission;

/// Something that must not be: a lost event, a doubled one, an answer that was not true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding(pub String);

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Finding {}

fn found<T>(what: String) -> Result<T, Finding> {
    Err(Finding(what))
}

/// Names one call that offered events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Offer(usize);

/// Remembers every event that was offered, every acknowledgement and every refusal.
#[derive(Debug, Default)]
pub struct Oracle {
    offers: Vec<Offered>,
    events: BTreeMap<String, Known>,
    /// The marks that were offered under one identity; more than one is a conflict.
    identities: BTreeMap<String, BTreeSet<String>>,
    seqs: BTreeMap<u64, String>,
    /// The place after the last new entry that a submitter was told of.
    submitters: BTreeMap<usize, u64>,
    acknowledged: u64,
}

#[derive(Debug)]
struct Offered {
    submitter: usize,
    submissions: Vec<Submission>,
    outcome: Outcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Not known, or not answered.
    Open,
    Acknowledged,
    Refused,
}

#[derive(Debug, Default)]
struct Known {
    place: Option<(u64, String)>,
    /// Whether a receipt said that it is a new entry.
    was_new: bool,
    offers: Vec<usize>,
}

/// Whether this answer says for sure that nothing was stored.
fn is_refusal(kind: ErrorKind) -> bool {
    !matches!(
        kind,
        ErrorKind::OutcomeUnknown | ErrorKind::Truncated | ErrorKind::Corrupt | ErrorKind::Internal
    )
}

impl Oracle {
    /// An event is about to be offered by a submitter, who waits for the outcome of one offer before the next.
    pub fn offer(&mut self, submitter: usize, submissions: Vec<Submission>) -> Offer {
        let number = self.offers.len();
        for submission in &submissions {
            self.events.entry(submission.mark.clone()).or_default().offers.push(number);
            for identity in submission.identities() {
                self.identities.entry(identity).or_default().insert(submission.mark.clone());
            }
        }
        self.offers.push(Offered { submitter, submissions, outcome: Outcome::Open });
        Offer(number)
    }

    /// Receipts that a submitter holds.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Everything that was offered, one of each mark, in the order of the first offers.
    pub fn submissions(&self) -> Vec<Submission> {
        let mut seen = BTreeSet::new();
        let all = self.offers.iter().flat_map(|offer| &offer.submissions);
        all.filter(|submission| seen.insert(&submission.mark)).cloned().collect()
    }

    /// Whether events of other content were offered under one of this one's ids.
    pub fn is_contested(&self, submission: &Submission) -> bool {
        submission.identities().any(|identity| self.identities[&identity].len() > 1)
    }

    /// The call failed.
    pub fn failed(&mut self, offer: Offer, kind: ErrorKind) -> Result<(), Finding> {
        let submissions = self.offers[offer.0].submissions.clone();
        if kind == ErrorKind::Conflict && !submissions.iter().any(|submission| self.is_contested(submission))
        {
            return found(format!("offer {} was refused as a conflict, and there is none", offer.0));
        }
        if kind == ErrorKind::Corrupt {
            return found(format!("offer {} was answered with: corrupt", offer.0));
        }
        if is_refusal(kind) {
            self.offers[offer.0].outcome = Outcome::Refused;
        }
        Ok(())
    }

    /// The call was answered with receipts.
    pub fn succeeded(&mut self, offer: Offer, appended: &Appended) -> Result<(), Finding> {
        let number = offer.0;
        self.offers[number].outcome = Outcome::Acknowledged;
        let submitter = self.offers[number].submitter;
        let submissions = self.offers[number].submissions.clone();
        if appended.receipts.len() != submissions.len() {
            return found(format!("offer {number}: {} receipts", appended.receipts.len()));
        }
        let mut next = self.submitters.get(&submitter).copied().unwrap_or(0);
        for (submission, receipt) in submissions.iter().zip(&appended.receipts) {
            let what = format!("offer {number}, event {}", submission.mark);
            self.acknowledged += 1;
            if receipt.seq >= appended.tree_size {
                return found(format!("{what}: seq {} in a tree of {}", receipt.seq, appended.tree_size));
            }
            if let (Some(sent), Some(told)) = (&submission.event_id, &receipt.event_id)
                && sent != told
                && submission.external_id.is_none()
            {
                return found(format!("{what}: the receipt is that of {told}"));
            }
            if !receipt.duplicate {
                if receipt.seq < next {
                    let message =
                        format!("{what}: a new entry at {}, earlier ones are up to {next}", receipt.seq);
                    return found(message);
                }
                next = receipt.seq + 1;
            }
            let holder = self.seqs.entry(receipt.seq).or_insert_with(|| submission.mark.clone());
            if *holder != submission.mark {
                return found(format!("{what}: seq {} is that of event {holder}", receipt.seq));
            }
            let Some(known) = self.events.get_mut(&submission.mark) else { continue };
            if known.was_new && !receipt.duplicate {
                return found(format!("{what}: a second new entry, at {}", receipt.seq));
            }
            known.was_new |= !receipt.duplicate;
            if known.offers.len() == 1 && receipt.duplicate && self.offers[number].is_of_one(&submission.mark)
            {
                return found(format!("{what}: a duplicate of nothing"));
            }
            let place = (receipt.seq, receipt.leaf_hash.clone());
            let earlier = known.place.get_or_insert_with(|| place.clone());
            if *earlier != place {
                return found(format!("{what}: acknowledged at {earlier:?}, then at {place:?}"));
            }
        }
        self.submitters.insert(submitter, next);
        Ok(())
    }

    /// Holds the ledger's lines, hot and archived, against all of it.
    pub fn check(&self, lines: &BTreeMap<u64, Vec<u8>>, size: u64) -> Result<(), Finding> {
        let marks = places(lines, size)?;
        for (mark, known) in &self.events {
            let at = marks.get(mark.as_str()).map_or(&[][..], Vec::as_slice);
            if at.len() > 1 {
                return found(format!("event {mark} is in the ledger {} times: {at:?}", at.len()));
            }
            match (&known.place, at.first()) {
                (Some((seq, leaf)), Some(place)) => {
                    let stored = merkle::leaf_hash(&lines[place]).to_string();
                    if seq != place || *leaf != stored {
                        return found(format!(
                            "event {mark} was acknowledged at {seq} ({leaf}), is at {place} ({stored})"
                        ));
                    }
                }
                (Some((seq, _)), None) => {
                    return found(format!("event {mark}, acknowledged at {seq}, is lost"));
                }
                (None, Some(place)) => {
                    let offers = || known.offers.iter().map(|offer| self.offers[*offer].outcome);
                    if offers().all(|outcome| outcome == Outcome::Refused) {
                        return found(format!("event {mark} was refused, and is at {place}"));
                    }
                }
                (None, None) => {}
            }
        }
        for (number, offer) in self.offers.iter().enumerate() {
            self.check_whole(number, offer, &marks)?;
        }
        Ok(())
    }

    /// What was acknowledged from `first` on, and is not archived, is in these lines, which are all hot ones from there.
    pub fn check_places(&self, first: u64, lines: &BTreeMap<u64, Vec<u8>>) -> Result<(), Finding> {
        for (seq, mark) in self.seqs.range(first..) {
            let Some(line) = lines.get(seq) else {
                return found(format!("event {mark}, acknowledged at {seq}, is lost"));
            };
            let stored = merkle::leaf_hash(line).to_string();
            let told = self.events[mark].place.as_ref().map(|(_, leaf)| leaf.as_str());
            if told != Some(&stored) {
                return found(format!(
                    "event {mark} was acknowledged at {seq} as {told:?}, which is {stored}"
                ));
            }
        }
        Ok(())
    }

    /// All events of an offer are in the ledger, in a row, or none. Only of those that were offered once it can be said.
    fn check_whole(
        &self,
        number: usize,
        offer: &Offered,
        marks: &BTreeMap<String, Vec<u64>>,
    ) -> Result<(), Finding> {
        let mut places: Vec<u64> = Vec::new();
        for submission in &offer.submissions {
            if self.events[&submission.mark].offers.len() > 1 || self.is_contested(submission) {
                return Ok(());
            }
            places.extend(marks.get(&submission.mark).and_then(|places| places.first()).copied());
        }
        let is_in_a_row = places.windows(2).all(|pair| pair[1] == pair[0] + 1);
        if !places.is_empty() && (places.len() < offer.submissions.len() || !is_in_a_row) {
            let message =
                format!("offer {number} of {} events is at {places:?} only", offer.submissions.len());
            return found(message);
        }
        Ok(())
    }
}

impl Offered {
    /// Whether this mark is in it once.
    fn is_of_one(&self, mark: &str) -> bool {
        self.submissions.iter().filter(|submission| submission.mark == mark).count() == 1
    }
}

/// Where each mark is. The lines must be dense, in order of time, and each identity must be there once.
fn places(lines: &BTreeMap<u64, Vec<u8>>, size: u64) -> Result<BTreeMap<String, Vec<u64>>, Finding> {
    if !lines.keys().copied().eq(0..size) {
        let missing: Vec<u64> = (0..size).filter(|seq| !lines.contains_key(seq)).take(5).collect();
        let last = lines.keys().next_back();
        return found(format!("the ledger of {size} entries lacks {missing:?}; the last line is {last:?}"));
    }
    let mut marks: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let mut identities = BTreeSet::new();
    let mut recorded_at = None;
    for (seq, line) in lines {
        let fields = EntryFields::parse(line)
            .map_err(|error| Finding(format!("the line of entry {seq} cannot be read: {error}")))?;
        if fields.seq != *seq {
            return found(format!("entry {seq} says that it is {}", fields.seq));
        }
        if recorded_at > Some(fields.recorded_at) {
            return found(format!("entry {seq} was recorded before the one before it"));
        }
        recorded_at = Some(fields.recorded_at);
        let keys = event::keys_for_line(&fields);
        for key in [keys.event, keys.external].into_iter().flatten() {
            if !identities.insert(key) {
                return found(format!("entry {seq} has the id of another entry"));
            }
        }
        if fields.source.as_deref() == Some("rig")
            && let Some(mark) = fields.request_id
        {
            marks.entry(mark.into_owned()).or_default().push(*seq);
        }
    }
    Ok(marks)
}
