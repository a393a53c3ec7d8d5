//! Freezing: from its commit until it is thawed nothing is archived, pruned or expired, whatever else is said.

use event::{Timestamp, Violation, rule};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{Expected, ExpectedRow, Row, RowChange, Table};

use crate::actor::Actor;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result, corrupt_row};
use crate::ledger::Ledger;
use crate::state_change::Change;

/// The one row of its table.
const FREEZE_KEY: &str = "freeze";
/// Bytes of a reason.
const REASON_BYTES_MAX: usize = 1_024;

/// Why nothing is archived, pruned or expired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    /// As whoever froze it gave it.
    pub reason: String,
    /// When it was frozen.
    pub since: Timestamp,
    /// Who did.
    pub by: String,
}

impl Ledger {
    /// Whether retention is frozen, and why.
    pub async fn frozen(&self) -> Result<Option<Freeze>> {
        match self.row_body(Table::Freeze, FREEZE_KEY).await? {
            Some(body) => parsed(&body).map(Some),
            None => Ok(None),
        }
    }

    /// [`ErrorKind::Refused`], with who froze it and why, while retention is frozen.
    pub(crate) async fn refuse_when_frozen(&self) -> Result<()> {
        match self.frozen().await? {
            Some(freeze) => Err(refusal(&freeze)),
            None => Ok(()),
        }
    }
}

impl Engine {
    /// Freezes retention. It holds from this commit on, also for a run that is under way. A ledger that is frozen
    /// already is a [`ErrorKind::Conflict`].
    pub async fn freeze(&self, reason: &str, actor: &Actor) -> Result<Freeze> {
        let reason = checked(reason)?;
        let freeze = Freeze { reason, since: self.ledger().now(), by: actor.to_string() };
        let body = serde_json::to_string(&freeze)
            .map_err(|error| Error::with_source(ErrorKind::Internal, "a freeze cannot be written", error))?;
        let change = Change {
            rows: vec![RowChange::Put(Table::Freeze, Row { key: FREEZE_KEY.into(), body })],
            expected: vec![not_frozen()],
            ..Change::default()
        };
        let details = json!({ "reason": freeze.reason });
        let changed = self.change_if_expected("retention.frozen", actor, TARGET, details, change).await;
        if let Err(error) = changed {
            let earlier = self.ledger().frozen().await.ok().flatten();
            return Err(match earlier.filter(|_| error.kind() == ErrorKind::Conflict) {
                Some(Freeze { reason, since, by }) => {
                    let message = format!("retention is frozen already, by {by} since {since}: {reason}");
                    Error::new(ErrorKind::Conflict, message)
                }
                None => error,
            });
        }
        tracing::warn!(reason = freeze.reason, by = freeze.by, "audit_retention_frozen: nothing is pruned");
        Ok(freeze)
    }

    /// Ends the freeze, and answers what it was. A ledger that is not frozen is a [`ErrorKind::Conflict`].
    pub async fn thaw(&self, reason: &str, actor: &Actor) -> Result<Freeze> {
        let reason = checked(reason)?;
        let not_frozen =
            || Error::new(ErrorKind::Conflict, "retention is not frozen: there is nothing to thaw");
        let body = self.ledger().row_body(Table::Freeze, FREEZE_KEY).await?.ok_or_else(not_frozen)?;
        let freeze = parsed(&body)?;
        let change = Change {
            rows: vec![RowChange::Delete(Table::Freeze, FREEZE_KEY.into())],
            expected: vec![ExpectedRow { expected: Expected::Body(body), ..self::not_frozen() }],
            ..Change::default()
        };
        let details = json!({ "reason": reason, "frozen": freeze });
        self.change_if_expected("retention.thawed", actor, TARGET, details, change).await?;
        tracing::warn!(reason, "audit_retention_thawed");
        Ok(freeze)
    }
}

const TARGET: (&str, &str) = ("ledger", "retention");

/// What every commit expects that archives, prunes or expires: a freeze that was committed before it stops it.
pub(crate) fn not_frozen() -> ExpectedRow {
    ExpectedRow { table: Table::Freeze, key: FREEZE_KEY.into(), expected: Expected::Nothing }
}

fn refusal(Freeze { reason, since, by }: &Freeze) -> Error {
    let message = format!(
        "retention is frozen, by {by} since {since}: {reason}. Nothing is archived, pruned or expired until it is thawed"
    );
    Error::new(ErrorKind::Refused, message)
}

fn parsed(body: &str) -> Result<Freeze> {
    serde_json::from_str(body).map_err(|error| corrupt_row("freeze", FREEZE_KEY, error))
}

/// The reason without white space around it.
fn checked(reason: &str) -> Result<String> {
    let reason = reason.trim();
    let violation = if reason.is_empty() {
        Violation::new("reason", rule::REQUIRED, "is required: say why")
    } else if reason.len() > REASON_BYTES_MAX {
        let message = format!("has {} bytes, at most {REASON_BYTES_MAX} are taken", reason.len());
        Violation::new("reason", rule::TOO_LONG, message)
    } else if reason.chars().any(char::is_control) {
        Violation::new("reason", rule::CONTROL_CHARACTER, "has control characters: give one line of text")
    } else {
        return Ok(reason.to_owned());
    };
    Err(Error::with_violations(ErrorKind::Invalid, "this reason cannot be recorded", vec![violation]))
}
