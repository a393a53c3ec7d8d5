//! Tokens that were found valid, kept in memory: every request brings one, and reading its row costs more than most
//! requests.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use crate::token::TokenRow;

/// Token rows by their key, as far as they have been asked for. There are never more than the ledger has valid tokens.
#[derive(Default)]
pub(crate) struct KnownTokens {
    inner: RwLock<Inner>,
}

#[derive(Default)]
struct Inner {
    rows: HashMap<String, TokenRow>,
    /// Counts how often everything was forgotten.
    generation: u64,
}

/// The moment before a row was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment(u64);

impl KnownTokens {
    /// The row under this key, if it is known.
    pub(crate) fn find(&self, key: &str) -> Option<TokenRow> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).rows.get(key).cloned()
    }

    /// To be taken before a row is read that is to be kept.
    pub(crate) fn moment(&self) -> Moment {
        Moment(self.inner.read().unwrap_or_else(PoisonError::into_inner).generation)
    }

    /// Keeps a row that was read after `since`, unless something was forgotten since then: the row may be from before
    /// the change that was the reason.
    pub(crate) fn keep(&self, key: String, row: TokenRow, since: Moment) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        if inner.generation == since.0 {
            inner.rows.insert(key, row);
        }
    }

    /// Forgets everything: a row has changed, or may have.
    pub(crate) fn forget(&self) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        inner.rows.clear();
        inner.generation += 1;
    }
}

/// Forgets when it goes out of scope, however what was begun ends.
pub(crate) struct ForgetAtEnd<'a>(pub(crate) &'a KnownTokens);

impl Drop for ForgetAtEnd<'_> {
    fn drop(&mut self) {
        self.0.forget();
    }
}

#[cfg(test)]
mod tests {
    use event::Timestamp;

    use super::{ForgetAtEnd, KnownTokens};
    use crate::token::{Role, TokenRow};

    fn row() -> TokenRow {
        TokenRow {
            id: "tok_1".into(),
            name: "n".into(),
            role: Role::Writer,
            tenant: None,
            created_at: Timestamp::MIN,
            expires_at: None,
            sha256: String::new(),
            revoked_at: None,
        }
    }

    #[test]
    fn what_was_read_before_a_change_is_not_kept_after_it() {
        let tokens = KnownTokens::default();
        let before = tokens.moment();
        tokens.forget();
        tokens.keep("k".into(), row(), before);
        assert!(tokens.find("k").is_none());
        tokens.keep("k".into(), row(), tokens.moment());
        assert!(tokens.find("k").is_some());
    }

    #[test]
    fn a_change_that_is_given_up_half_way_is_forgotten_too() {
        let tokens = KnownTokens::default();
        tokens.keep("k".into(), row(), tokens.moment());
        drop(ForgetAtEnd(&tokens));
        assert!(tokens.find("k").is_none());
    }
}
