//! Entries that the ledger writes about itself, and the state that they attest.
//!
//! A control row changes only in the commit of an entry whose `metadata.state` names the row and the SHA-256 of its
//! body (null when it is deleted). Verification collects these statements and compares them with the rows.

use event::{Event, Limits, RESERVED_SOURCE, RESERVED_TENANT, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use store::{RowChange, Table};

use crate::actor::Actor;
use crate::error::{Error, ErrorKind, Result};

/// What an entry says about one control row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attested {
    pub(crate) table: String,
    pub(crate) key: String,
    /// Hex SHA-256 of the row's body; `None` says that the row was deleted.
    pub(crate) sha256: Option<String>,
}

/// An entry about the ledger itself, before it is sequenced.
#[derive(Debug, Clone)]
pub(crate) struct Statement<'a> {
    pub(crate) action: &'static str,
    pub(crate) actor: &'a Actor,
    /// Type and id of what it is about.
    pub(crate) target: (&'static str, &'a str),
    pub(crate) details: Map<String, Value>,
}

/// Whether rows of this table are attested one by one. Objects are covered by their batch's manifest hash, and term
/// filters follow from the objects' entries.
pub(crate) fn is_attested(table: Table) -> bool {
    !table.is_transient() && !matches!(table, Table::Object | Table::TermFilter)
}

pub(crate) fn body_sha256(body: &str) -> String {
    use std::fmt::Write as _;
    Sha256::digest(body.as_bytes()).iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The event that states what was done and attests the rows it changed.
pub(crate) fn event_for(
    statement: Statement<'_>,
    changes: &[RowChange],
    event_id: &str,
    now: Timestamp,
) -> Result<Event> {
    let state: Vec<Attested> = changes
        .iter()
        .filter_map(|change| match change {
            RowChange::Put(table, row) if is_attested(*table) => Some(Attested {
                table: table.name().into(),
                key: row.key.clone(),
                sha256: Some(body_sha256(&row.body)),
            }),
            RowChange::Delete(table, key) if is_attested(*table) => {
                Some(Attested { table: table.name().into(), key: key.clone(), sha256: None })
            }
            _ => None,
        })
        .collect();
    let mut metadata = statement.details;
    if !state.is_empty() {
        metadata.insert("state".into(), json!(state));
    }
    let mut actor = json!({ "type": statement.actor.kind.as_str() });
    if let Some(id) = &statement.actor.id {
        actor["id"] = json!(id);
    }
    let submitted = json!({
        "stream": "audit", "event_id": event_id, "occurred_at": now.to_string(), "tenant": RESERVED_TENANT,
        "actor": actor, "action": statement.action,
        "target": { "type": statement.target.0, "id": statement.target.1 },
        "outcome": "success", "source": RESERVED_SOURCE, "metadata": metadata,
    });
    // The ledger's own statements are bounded by the ledger's own limits, not by what operators set for producers.
    Event::parse(submitted.to_string().as_bytes(), &Limits::default(), now).map_err(|violations| {
        let message = format!("the entry {} could not be written", statement.action);
        Error::with_violations(ErrorKind::Internal, message, violations)
    })
}

/// The members of an entry that verification reads.
#[derive(Debug, Deserialize)]
struct StatementLine {
    #[serde(default)]
    source: String,
    #[serde(default)]
    metadata: StatementMetadata,
}

#[derive(Debug, Default, Deserialize)]
struct StatementMetadata {
    #[serde(default)]
    state: Vec<Attested>,
}

/// What an entry's line attests; empty for entries that are not the ledger's own.
pub(crate) fn attested_by(line: &[u8]) -> Vec<Attested> {
    if !is_own(line) {
        return Vec::new();
    }
    match serde_json::from_slice::<StatementLine>(line) {
        Ok(statement) if statement.source == RESERVED_SOURCE => statement.metadata.state,
        _ => Vec::new(),
    }
}

/// Whether a line is one of the ledger's own entries. Producers cannot write the reserved tenant, and the member
/// order is canonical, so what precedes `actor` cannot be forged from inside a free string.
pub(crate) fn is_own(line: &[u8]) -> bool {
    const OWN_TENANT: &[u8] = b",\"tenant\":\"_strongroom\",\"actor\":{";
    // seq, recorded_at, stream, event_id and occurred_at come first and are short.
    let head = &line[..line.len().min(1_024)];
    memchr::memmem::find(head, OWN_TENANT).is_some()
}
