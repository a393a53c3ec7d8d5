//! The table that an application would write its audit events to, and one row of it.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio_postgres::types::{Json, ToSql};
use tokio_postgres::{Client, Statement};
use uuid::Uuid;

use crate::Failure;

/// Ordinary columns, and the few indexes that questions about a tenant, an actor, an action and a request need.
pub(super) const SCHEMA: &str = "\
CREATE TABLE audit_event (
    event_id uuid PRIMARY KEY,
    stream text NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    tenant text NOT NULL,
    actor_type text,
    actor_id text,
    action text NOT NULL,
    target_type text,
    target_id text,
    outcome text,
    source text,
    request_id text,
    trace_id text,
    payload jsonb NOT NULL
);
CREATE INDEX ON audit_event (tenant, occurred_at);
CREATE INDEX ON audit_event (tenant, actor_id, occurred_at);
CREATE INDEX ON audit_event (tenant, action, occurred_at);
CREATE INDEX ON audit_event (request_id);";

const INSERT: &str = "\
INSERT INTO audit_event (event_id, stream, occurred_at, tenant, actor_type, actor_id, action, target_type, target_id,
    outcome, source, request_id, trace_id, payload)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";

/// What the columns are filled with.
#[derive(Debug, Deserialize)]
pub(super) struct Row {
    event_id: Uuid,
    stream: String,
    occurred_at: DateTime<Utc>,
    tenant: String,
    actor: Option<Thing>,
    action: String,
    target: Option<Thing>,
    outcome: Option<String>,
    source: Option<String>,
    request_id: Option<String>,
    trace_id: Option<String>,
    #[serde(default)]
    payload: Payload,
}

#[derive(Debug, Default, Deserialize)]
struct Thing {
    r#type: Option<String>,
    id: Option<String>,
}

/// The members that have no column.
#[derive(Debug)]
struct Payload(Box<RawValue>);

impl Default for Payload {
    fn default() -> Self {
        Self(
            RawValue::from_string("{}".to_owned())
                .unwrap_or_else(|_| unreachable!("an empty object is JSON")),
        )
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(Self)
    }
}

#[derive(Deserialize)]
struct Free<'j> {
    #[serde(borrow)]
    metadata: Option<&'j RawValue>,
    #[serde(borrow)]
    changes: Option<&'j RawValue>,
    #[serde(borrow)]
    error: Option<&'j RawValue>,
}

impl Row {
    /// Of a submitted event.
    pub(super) fn of(json: &[u8]) -> Result<Self, Failure> {
        let free: Free<'_> = serde_json::from_slice(json)?;
        let members = [("metadata", free.metadata), ("changes", free.changes), ("error", free.error)];
        let members: Vec<String> = members
            .iter()
            .filter_map(|(name, value)| value.map(|value| format!(r#""{name}":{}"#, value.get())))
            .collect();
        let payload = Payload(RawValue::from_string(format!("{{{}}}", members.join(",")))?);
        Ok(Self { payload, ..serde_json::from_slice(json)? })
    }
}

/// A connection with its prepared statement.
pub(super) struct Writer {
    client: Client,
    insert: Statement,
}

impl Writer {
    pub(super) async fn new(client: Client) -> Result<Self, Failure> {
        let insert = client.prepare(INSERT).await?;
        Ok(Self { client, insert })
    }

    /// One row in a transaction of its own: without a `BEGIN` the statement commits, in one round trip instead of three.
    pub(super) async fn insert(&self, row: &Row) -> Result<(), Failure> {
        let thing = |thing: &Option<Thing>| {
            thing.as_ref().map_or((None, None), |thing| (thing.r#type.clone(), thing.id.clone()))
        };
        let ((actor_type, actor_id), (target_type, target_id)) = (thing(&row.actor), thing(&row.target));
        let payload = Json(&row.payload.0);
        let values: [&(dyn ToSql + Sync); 14] = [
            &row.event_id,
            &row.stream,
            &row.occurred_at,
            &row.tenant,
            &actor_type,
            &actor_id,
            &row.action,
            &target_type,
            &target_id,
            &row.outcome,
            &row.source,
            &row.request_id,
            &row.trace_id,
            &payload,
        ];
        let rows = self.client.execute(&self.insert, &values).await?;
        if rows == 1 { Ok(()) } else { Err(format!("an insert made {rows} rows").into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_column_is_in_the_payload() {
        let row = Row::of(
            br#"{"stream":"audit","event_id":"01890a5d-ac96-774b-bcce-b302099a8057","occurred_at":"2026-01-02T03:04:05.000006Z","tenant":"7","actor":{"type":"user","id":"alice"},"action":"a.b","metadata":{"x":1},"error":{"code":"c"}}"#,
        )
        .unwrap();
        assert_eq!(row.payload.0.get(), r#"{"metadata":{"x":1},"error":{"code":"c"}}"#);
        assert_eq!(row.actor.and_then(|actor| actor.id).as_deref(), Some("alice"));
        assert!(row.target.is_none());
    }
}
