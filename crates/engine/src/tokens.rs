//! Making, listing and revoking API tokens. Each change of a row is a commit with the entry that attests it.

use serde_json::json;
use store::{Row, RowChange, Table};

use crate::actor::Actor;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result, corrupt_row};
use crate::known_tokens::ForgetAtEnd;
use crate::ledger::Ledger;
use crate::token::{
    CreatedToken, LastSuperAdmin, NewToken, Role, TokenRow, TokenSummary, fingerprint, secret_text,
};

impl Ledger {
    /// All tokens there ever were, oldest first, also those that expired or were revoked.
    pub async fn tokens(&self) -> Result<Vec<TokenSummary>> {
        let mut tokens: Vec<TokenSummary> =
            self.token_rows().await?.iter().map(|(_, row)| row.summary()).collect();
        tokens.sort_by(|one, other| (one.created_at, &one.id).cmp(&(other.created_at, &other.id)));
        Ok(tokens)
    }

    async fn token_rows(&self) -> Result<Vec<(String, TokenRow)>> {
        let rows = self.all_rows(Table::Token, "").await?;
        let read = |Row { key, body }| match serde_json::from_str(&body) {
            Ok(row) => Ok((key, row)),
            Err(error) => Err(corrupt_row("token", &key, error)),
        };
        rows.into_iter().map(read).collect()
    }
}

impl Engine {
    /// Makes an API token; its secret is in the answer and nowhere else. What is wrong with the wish is reported all at
    /// once, by member.
    pub async fn create_token(&self, new: NewToken, actor: &Actor) -> Result<CreatedToken> {
        let violations = new.violations(self.ledger().limits());
        if !violations.is_empty() {
            let message = "this token cannot be made; nothing was stored";
            return Err(Error::with_violations(ErrorKind::Invalid, message, violations));
        }
        let now = self.ledger().now();
        let expires_at = match new.days {
            None => None,
            Some(days) => Some(now.checked_add_days(i64::from(days)).ok_or_else(|| {
                Error::new(ErrorKind::Invalid, format!("{days} days from now is no date: give fewer days"))
            })?),
        };
        let secret = secret_text(self.random());
        let (key, hash) = fingerprint(&secret);
        let row = TokenRow {
            id: format!("tok_{}", merkle::Hash(self.random())).chars().take(20).collect(),
            name: new.name,
            role: new.role,
            tenant: new.tenant,
            created_at: now,
            expires_at,
            sha256: merkle::Hash(hash).to_string(),
            revoked_at: None,
        };
        let details =
            json!({ "name": row.name, "role": row.role, "tenant": row.tenant, "expires_at": expires_at });
        let changes = vec![put(key, &row)?];
        self.state_change("token.created", actor, ("token", &row.id), details, changes, None).await?;
        let TokenRow { id, name, role, tenant, .. } = row;
        Ok(CreatedToken { id, name, role, tenant, expires_at, token: secret })
    }

    /// Revokes a token: from this answer on it speaks for nobody. It stays listed. Revoking it again changes nothing and
    /// answers when it was revoked.
    ///
    /// The last valid `super_admin` that is bound to no tenant is [`ErrorKind::Refused`] where `last` says so.
    pub async fn revoke_token(&self, id: &str, last: LastSuperAdmin, actor: &Actor) -> Result<TokenSummary> {
        let _one_at_a_time = self.inner.revoking.lock().await;
        let rows = self.ledger().token_rows().await?;
        let Some((key, row)) = rows.iter().find(|(_, row)| row.id == id) else {
            return Err(Error::new(ErrorKind::NotFound, format!("there is no token {id}")));
        };
        if row.revoked_at.is_some() {
            return Ok(row.summary());
        }
        let now = self.ledger().now();
        let rules_all = |row: &TokenRow| {
            row.role == Role::SuperAdmin && row.tenant.is_none() && row.summary().is_valid(now)
        };
        let others = rows.iter().filter(|(_, other)| other.id != id && rules_all(other)).count();
        if last == LastSuperAdmin::Keep && rules_all(row) && others == 0 {
            let message = "this is the last super_admin token: make another one first, or revoke it where the data \
                           directory is, with `strongroom token revoke`";
            return Err(Error::new(ErrorKind::Refused, message));
        }
        let revoked = TokenRow { revoked_at: Some(now), ..row.clone() };
        let details = json!({ "name": row.name, "role": row.role, "tenant": row.tenant });
        let changes = vec![put(key.clone(), &revoked)?];
        // However this ends: a failure may have been applied all the same.
        let _changed = ForgetAtEnd(&self.ledger().inner.known_tokens);
        self.state_change("token.revoked", actor, ("token", id), details, changes, None).await?;
        Ok(revoked.summary())
    }
}

fn put(key: String, row: &TokenRow) -> Result<RowChange> {
    let body = serde_json::to_string(row)
        .map_err(|error| Error::with_source(ErrorKind::Internal, "a token row cannot be written", error))?;
    Ok(RowChange::Put(Table::Token, Row { key, body }))
}
