use serde::{Deserialize, Serialize};

/// Who a ledger is: fixed by its first commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The checkpoint origin, which never changes.
    pub origin: String,
    /// The verifier keys that sign for it.
    pub vkeys: Vec<String>,
}

/// The one key of the identity table.
pub(crate) const IDENTITY_KEY: &str = "ledger";
