//! One batch on its way: sent, sent again without what is refused, and settled when nothing of it is left.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

use super::on_disk;
use crate::error::{Refusal, RefusalKind, Violation};
use crate::spool::{Batch, FileName, Reason, SpoolDirectory, is_json};
use crate::transport::{Failure, NDJSON, Request, Transport, Trouble};

/// A batch and what is left of it.
#[derive(Debug)]
pub(super) struct Delivery {
    name: FileName,
    end: u64,
    events: u64,
    /// Lines that go together, in their order. More than one group only where the server takes no group of this size.
    groups: VecDeque<Vec<Vec<u8>>>,
}

/// What a refusal means for the events of a request.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// These cannot be taken; the others may.
    Events(BTreeMap<usize, Vec<Violation>>),
    /// Some cannot, and it does not say which.
    Some,
    /// It is not about the events.
    NotTheirs,
}

impl Delivery {
    pub(super) fn new(batch: Batch) -> Self {
        let events = batch.lines.len() as u64;
        Self { name: batch.name, end: batch.end, events, groups: VecDeque::from([batch.lines]) }
    }

    pub(super) fn events(&self) -> u64 {
        self.events
    }

    /// Sends what is left and makes it durable that it was taken. Can be called again after trouble, and goes on.
    pub(super) async fn deliver(
        &mut self,
        directory: &Arc<SpoolDirectory>,
        transport: &Transport,
    ) -> Result<(), Trouble> {
        self.set_damaged_aside(directory).await?;
        while let Some(group) = self.groups.front() {
            if group.is_empty() {
                self.groups.pop_front();
                continue;
            }
            match transport.post(&request(group), transport.attempt_max()).await {
                Ok(answer) if answer.is_for(group.len()) => {
                    self.groups.pop_front();
                }
                Ok(_) => return Err(Trouble::new("the answer is not Strongroom's")),
                Err(Failure::Trouble(trouble)) => return Err(trouble),
                Err(Failure::Refused(refusal)) => self.refused(directory, &refusal).await?,
            }
        }
        let (name, end, events) = (self.name, self.end, self.events);
        on_disk(directory, move |directory| directory.settle(name, end, events)).await
    }

    /// A line that a disk has damaged would make the whole request unreadable.
    async fn set_damaged_aside(&mut self, directory: &Arc<SpoolDirectory>) -> Result<(), Trouble> {
        for at in 0..self.groups.len() {
            let reason = || Reason {
                code: "spool_line_damaged".to_owned(),
                message: "the line in the spool is not JSON any more".to_owned(),
                details: Vec::new(),
            };
            let damaged: BTreeMap<usize, Reason> = self.groups[at]
                .iter()
                .enumerate()
                .filter(|(_, line)| !is_json(line))
                .map(|(position, _)| (position, reason()))
                .collect();
            self.set_aside(directory, at, damaged).await?;
        }
        Ok(())
    }

    async fn refused(&mut self, directory: &Arc<SpoolDirectory>, refusal: &Refusal) -> Result<(), Trouble> {
        let length = self.groups[0].len();
        let reason = |details: Vec<Violation>| Reason {
            code: refusal.code().to_owned(),
            message: refusal.message().to_owned(),
            details,
        };
        match verdict(refusal, length) {
            Verdict::NotTheirs => Err(Trouble::new(refusal.to_string())),
            Verdict::Events(positions) => {
                let refused = positions.into_iter().map(|(at, details)| (at, reason(details))).collect();
                self.set_aside(directory, 0, refused).await
            }
            Verdict::Some if length == 1 => {
                let refused = BTreeMap::from([(0, reason(refusal.violations().to_vec()))]);
                self.set_aside(directory, 0, refused).await
            }
            Verdict::Some => {
                let second = self.groups[0].split_off(length / 2);
                self.groups.insert(1, second);
                Ok(())
            }
        }
    }

    /// They are durable among the refused ones before they leave the group, and so before progress moves.
    async fn set_aside(
        &mut self,
        directory: &Arc<SpoolDirectory>,
        group: usize,
        refused: BTreeMap<usize, Reason>,
    ) -> Result<(), Trouble> {
        if refused.is_empty() {
            return Ok(());
        }
        let positions: Vec<usize> = refused.keys().copied().collect();
        let lines = &self.groups[group];
        let events: Vec<(Vec<u8>, Reason)> =
            refused.into_iter().map(|(position, reason)| (lines[position].clone(), reason)).collect();
        tracing::warn!(
            events = events.len(),
            code = events[0].1.code,
            "spooled events were refused and set aside"
        );
        let name = self.name;
        on_disk(directory, move |directory| directory.reject(name, &events)).await?;
        let mut position = 0;
        self.groups[group].retain(|_| {
            position += 1;
            positions.binary_search(&(position - 1)).is_err()
        });
        Ok(())
    }
}

fn request(group: &[Vec<u8>]) -> Request {
    let mut body = group.join(&b'\n');
    body.push(b'\n');
    Request {
        path: "/v1/events".to_owned(),
        content_type: NDJSON,
        body: Bytes::from(body),
        traceparent: None,
    }
}

fn verdict(refusal: &Refusal, events: usize) -> Verdict {
    let is_theirs = match refusal.kind() {
        RefusalKind::Malformed | RefusalKind::Conflict | RefusalKind::TooLarge | RefusalKind::Invalid => true,
        // The tenant is not the token's, or is the ledger's own. Any other 403 is about the token.
        RefusalKind::Forbidden => matches!(refusal.code(), "tenant_forbidden" | "forbidden"),
        _ => false,
    };
    // A proxy's 413 is about the size of the request, and a smaller one may pass. Of an event it proves nothing.
    if refusal.is_foreign() {
        let may_be_smaller = refusal.kind() == RefusalKind::TooLarge && events > 1;
        return if may_be_smaller { Verdict::Some } else { Verdict::NotTheirs };
    }
    if !is_theirs {
        return Verdict::NotTheirs;
    }
    let mut positions: BTreeMap<usize, Vec<Violation>> = BTreeMap::new();
    for violation in refusal.violations() {
        if let Some(position) = violation.position.filter(|position| *position < events) {
            // The place in a request that nobody sees again says nothing.
            positions.entry(position).or_default().push(Violation { position: None, ..violation.clone() });
        }
    }
    if positions.is_empty() { Verdict::Some } else { Verdict::Events(positions) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict_of(status: u16, code: &str, details: &str, events: usize) -> Verdict {
        let body = format!(r#"{{"error":{{"code":"{code}","message":"m","details":{details}}}}}"#);
        verdict(&Refusal::of(status, body.as_bytes()), events)
    }

    #[test]
    fn a_refusal_that_names_events_is_about_them() {
        let details = r#"[{"position":1,"member":"a","rule":"r","message":"m"},{"position":9}]"#;
        for (status, code) in
            [(409, "conflict"), (422, "event_invalid"), (403, "tenant_forbidden"), (403, "forbidden")]
        {
            let Verdict::Events(positions) = verdict_of(status, code, details, 3) else {
                panic!("{status} {code}")
            };
            assert_eq!(
                positions.keys().copied().collect::<Vec<_>>(),
                [1],
                "a position outside the request is none"
            );
        }
        assert_eq!(verdict_of(413, "too_large", "[]", 3), Verdict::Some);
        assert_eq!(verdict_of(422, "event_invalid", "[]", 1), Verdict::Some);
    }

    #[test]
    fn a_refusal_of_the_token_or_the_address_costs_no_event() {
        for (status, code) in [
            (401, "unauthenticated"),
            (403, "role_missing"),
            (403, "refused"),
            (404, "not_found"),
            (415, "x"),
        ] {
            assert_eq!(
                verdict_of(status, code, r#"[{"position":0}]"#, 1),
                Verdict::NotTheirs,
                "{status} {code}"
            );
        }
    }

    #[test]
    fn what_a_proxy_answers_costs_no_event() {
        for status in [400, 403, 409, 422] {
            assert_eq!(verdict(&Refusal::of(status, b"<html>"), 2), Verdict::NotTheirs, "{status}");
        }
        assert_eq!(verdict(&Refusal::of(413, b"<html>"), 2), Verdict::Some);
        assert_eq!(verdict(&Refusal::of(413, b"<html>"), 1), Verdict::NotTheirs);
    }
}
