//! What the server answers, and what the caller is told.

use serde::Deserialize;

use crate::prepared::PreparedEvent;

/// An event's place in the ledger: it is durable and sequenced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The id of the entry.
    pub event_id: String,
    /// Its place in the ledger, from 0.
    pub seq: u64,
    /// Base64 of its leaf hash in the ledger's tree (RFC 6962).
    pub leaf_hash: String,
    /// The event was there before, with the same content.
    pub duplicate: bool,
}

/// Where an event waits that is durable and not yet in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpooledAt {
    /// In this client's spool directory.
    Client,
    /// In the server's spool: its store was away.
    Server,
}

/// What became of an event that was appended. Either way it will not be lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It is in the ledger.
    Recorded(Receipt),
    /// It is on a disk, and will be in the ledger when what is away comes back.
    Spooled {
        /// The id it will have there.
        event_id: String,
        /// On whose disk.
        at: SpooledAt,
    },
}

impl Appended {
    /// The receipt, if it is in the ledger.
    pub fn receipt(&self) -> Option<&Receipt> {
        match self {
            Self::Recorded(receipt) => Some(receipt),
            Self::Spooled { .. } => None,
        }
    }

    /// The event's id.
    pub fn event_id(&self) -> &str {
        match self {
            Self::Recorded(receipt) => &receipt.event_id,
            Self::Spooled { event_id, .. } => event_id,
        }
    }
}

/// An event that is synced to the spool and on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// The id it will have in the ledger.
    pub event_id: String,
}

#[derive(Deserialize)]
struct Receipts {
    receipts: Vec<ReceiptShape>,
    #[serde(default)]
    spooled: bool,
}

/// As the server writes it. A duplicate that is known by its external id alone, and archived, comes without its id.
#[derive(Deserialize)]
struct ReceiptShape {
    event_id: Option<String>,
    seq: Option<u64>,
    leaf_hash: Option<String>,
    #[serde(default)]
    duplicate: bool,
}

/// Reads the answer to an append. `None` when it is not one: then somebody else than Strongroom answered, and nothing is
/// known about the events.
pub(crate) fn appended(body: &[u8], events: &[PreparedEvent]) -> Option<Vec<Appended>> {
    let answer: Receipts = serde_json::from_slice(body).ok()?;
    if answer.spooled && answer.receipts.len() != events.len() {
        return Some(events.iter().map(|event| spooled(event, SpooledAt::Server)).collect());
    }
    if answer.receipts.len() != events.len() {
        return None;
    }
    let receipts = answer.receipts.into_iter().zip(events);
    receipts.map(|(receipt, event)| receipt.appended(event, answer.spooled)).collect()
}

/// Reads a receipt that stands alone.
pub(crate) fn receipt(body: &[u8], event_id: &str) -> Option<Receipt> {
    serde_json::from_slice::<ReceiptShape>(body).ok()?.receipt(event_id)
}

pub(crate) fn spooled(event: &PreparedEvent, at: SpooledAt) -> Appended {
    Appended::Spooled { event_id: event.event_id().to_owned(), at }
}

impl ReceiptShape {
    fn appended(self, event: &PreparedEvent, may_be_spooled: bool) -> Option<Appended> {
        if self.seq.is_none() && may_be_spooled {
            return Some(spooled(event, SpooledAt::Server));
        }
        self.receipt(event.event_id()).map(Appended::Recorded)
    }

    fn receipt(self, event_id: &str) -> Option<Receipt> {
        Some(Receipt {
            event_id: self.event_id.unwrap_or_else(|| event_id.to_owned()),
            seq: self.seq?,
            leaf_hash: self.leaf_hash?,
            duplicate: self.duplicate,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(count: usize) -> Vec<PreparedEvent> {
        let event = |number: usize| serde_json::json!({ "event_id": format!("e{number}") });
        (0..count).map(|number| PreparedEvent::of(&event(number), crate::prepared::now()).unwrap()).collect()
    }

    #[test]
    fn a_receipt_without_an_id_is_for_the_event_at_its_place() {
        let body =
            br#"{"receipts":[{"event_id":null,"seq":3,"leaf_hash":"x","duplicate":true}],"tree_size":9}"#;
        let answer = appended(body, &events(1)).unwrap();
        assert_eq!(answer[0].event_id(), "e0");
        assert_eq!(answer[0].receipt().unwrap().seq, 3);
    }

    #[test]
    fn an_answer_that_does_not_fit_the_events_is_none() {
        for body in ["", "<html>", "{}", r#"{"receipts":[]}"#, r#"{"receipts":[{"event_id":"e0"}]}"#] {
            assert_eq!(appended(body.as_bytes(), &events(1)), None, "{body}");
        }
    }

    #[test]
    fn a_server_that_spooled_says_so_for_each_event() {
        for body in
            [r#"{"receipts":[],"spooled":true}"#, r#"{"receipts":[{"event_id":"e0"}],"spooled":true}"#]
        {
            let answer = appended(body.as_bytes(), &events(1)).unwrap();
            assert_eq!(answer, [spooled(&events(1)[0], SpooledAt::Server)], "{body}");
        }
    }
}
