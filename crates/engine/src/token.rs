//! API tokens: 256 random bits, shown once, kept as SHA-256.

use std::fmt;
use std::str::FromStr;

use event::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What a token's bearer may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Append only.
    Writer,
    /// Search, proofs, verification, dashboards.
    Auditor,
    /// And holds, exports, archive runs, tokens.
    Admin,
    /// And all tenants; also writes.
    SuperAdmin,
}

impl Role {
    /// The role's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Writer => "writer",
            Self::Auditor => "auditor",
            Self::Admin => "admin",
            Self::SuperAdmin => "super_admin",
        }
    }

    /// Whether this role includes what `needed` may do.
    pub fn may(self, needed: Self) -> bool {
        match needed {
            Self::Writer => matches!(self, Self::Writer | Self::SuperAdmin),
            Self::Auditor => !matches!(self, Self::Writer),
            Self::Admin => matches!(self, Self::Admin | Self::SuperAdmin),
            Self::SuperAdmin => matches!(self, Self::SuperAdmin),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        [Self::Writer, Self::Auditor, Self::Admin, Self::SuperAdmin]
            .into_iter()
            .find(|role| role.as_str() == word)
            .ok_or_else(|| format!("{word:?} is no role: writer, auditor, admin or super_admin"))
    }
}

/// A token to be made.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The one tenant it is bound to, or none.
    pub tenant: Option<String>,
    /// Days until it expires, or never.
    pub days: Option<u32>,
}

/// A token that was just made: the only time that its secret is seen.
#[derive(Clone, Serialize)]
pub struct CreatedToken {
    /// Names it in lists and for revoking.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The one tenant it is bound to, or none.
    pub tenant: Option<String>,
    /// When it stops working, or never.
    pub expires_at: Option<Timestamp>,
    /// The secret.
    pub token: String,
}

impl fmt::Debug for CreatedToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("CreatedToken").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Who a valid token speaks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The token's id.
    pub id: String,
    /// The token's name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The one tenant it is bound to, or none.
    pub tenant: Option<String>,
}

/// A token's row. Its key is the first half of the secret's hash, so that it is found without reading them all.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TokenRow {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) tenant: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
    /// Hex SHA-256 of the secret.
    pub(crate) sha256: String,
}

const PREFIX: &str = "sr_";

/// The secret's text.
pub(crate) fn secret_text(random: [u8; 32]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::from(PREFIX);
    for chunk in random.chunks(3) {
        let bits =
            chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for at in 0..=chunk.len() {
            text.push(char::from(ALPHABET[(bits >> (18 - 6 * at) & 63) as usize]));
        }
    }
    text
}

/// The row key and the hash of a secret.
pub(crate) fn fingerprint(secret: &str) -> (String, [u8; 32]) {
    let hash: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
    (merkle::Hash(hash).to_string()[..32].to_owned(), hash)
}

impl TokenRow {
    /// Whether this row is of the secret with this hash, compared in constant time, and not expired.
    pub(crate) fn accepts(&self, hash: [u8; 32], now: Timestamp) -> bool {
        use subtle::ConstantTimeEq as _;
        let expected = merkle::Hash(hash).to_string();
        let equal: bool = expected.as_bytes().ct_eq(self.sha256.as_bytes()).into();
        equal && self.expires_at.is_none_or(|expires_at| now < expires_at)
    }
}

#[cfg(test)]
mod tests {
    use super::{Role, secret_text};

    #[test]
    fn a_secret_is_base64url_of_its_bytes() {
        assert_eq!(secret_text([0; 32]), format!("sr_{}", "A".repeat(43)));
        assert_eq!(secret_text([0xff; 32]), format!("sr_{}8", "_".repeat(42)));
    }

    #[test]
    fn roles_include_what_they_should() {
        let all = [Role::Writer, Role::Auditor, Role::Admin, Role::SuperAdmin];
        let may = |role: Role| all.map(|needed| role.may(needed));
        assert_eq!(may(Role::Writer), [true, false, false, false]);
        assert_eq!(may(Role::Auditor), [false, true, false, false]);
        assert_eq!(may(Role::Admin), [false, true, true, false]);
        assert_eq!(may(Role::SuperAdmin), [true; 4]);
    }
}
