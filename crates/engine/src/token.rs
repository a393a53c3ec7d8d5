//! API tokens: 256 random bits, shown once, kept as SHA-256.

use std::fmt;
use std::str::FromStr;

use event::{Limits, RESERVED_TENANT, Timestamp, Violation, rule};
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

/// Characters of a token's name.
const NAME_CHARACTERS_MAX: usize = 128;

/// Days that a token may live: as many as the hot window at its longest.
const DAYS_MAX: u32 = 36_500;

/// A token to be made.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// What people call it: 1 to 128 characters, none of them a control character.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The one tenant it is bound to, or none. Auditors and admins need one: without it there is nothing they may see.
    pub tenant: Option<String>,
    /// Days until it expires, 1 to 36,500, or never.
    pub days: Option<u32>,
}

impl NewToken {
    /// Everything that is wrong with it, by member.
    pub(crate) fn violations(&self, limits: &Limits) -> Vec<Violation> {
        let mut violations = Vec::new();
        let characters = self.name.chars().count();
        if characters == 0 {
            violations.push(Violation::new("name", rule::EMPTY, "is empty; say what the token is for"));
        } else if characters > NAME_CHARACTERS_MAX {
            let message =
                format!("is {characters} characters long; at most {NAME_CHARACTERS_MAX} are accepted");
            violations.push(Violation::new("name", rule::TOO_LONG, message));
        }
        if self.name.chars().any(char::is_control) {
            let message = "has a control character, which no name may have";
            violations.push(Violation::new("name", rule::CONTROL_CHARACTER, message));
        }
        violations.extend(self.tenant_violation(limits));
        if let Some(days) = self.days.filter(|days| !(1..=DAYS_MAX).contains(days)) {
            let message = format!(
                "is {days}; 1 to {DAYS_MAX} are accepted, or leave it out for a token that never expires"
            );
            violations.push(Violation::new("days", rule::INTEGER_RANGE, message));
        }
        violations
    }

    fn tenant_violation(&self, limits: &Limits) -> Option<Violation> {
        match self.tenant.as_deref() {
            None if matches!(self.role, Role::Auditor | Role::Admin) => {
                let role = self.role;
                let message = format!(
                    "is missing and is required: the role {role} sees one tenant, and without it none"
                );
                Some(Violation::new("tenant", rule::REQUIRED, message))
            }
            None => None,
            Some(RESERVED_TENANT) if self.role == Role::Writer => {
                let message = "is the ledger's own, which nobody else writes; use another";
                Some(Violation::new("tenant", rule::CHOICE, message))
            }
            Some(tenant) => event::identifier_violation("tenant", tenant, limits),
        }
    }
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

/// A token as it is listed: nothing that its secret could be found by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TokenSummary {
    /// Names it for revoking.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The one tenant it is bound to, or none.
    pub tenant: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops working, or never.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked, if it was. It stays listed: an auditor wants to see what could once be done.
    pub revoked_at: Option<Timestamp>,
}

impl TokenSummary {
    /// Whether it works at a time.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        is_valid(self.revoked_at, self.expires_at, now)
    }
}

fn is_valid(revoked_at: Option<Timestamp>, expires_at: Option<Timestamp>, now: Timestamp) -> bool {
    revoked_at.is_none() && expires_at.is_none_or(|expires_at| now < expires_at)
}

/// What becomes of the last token that may do everything, when it is to be revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastSuperAdmin {
    /// It is refused: over the network nobody could make another afterwards.
    Keep,
    /// It is revoked: whoever has the data directory makes another without a token.
    Revoke,
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

impl Principal {
    /// Whether this bearer may make, see and revoke tokens of this role and tenant: those of its own tenant, and
    /// nothing above its own role; all of them only where a `super_admin` is bound to no tenant.
    pub fn manages(&self, role: Role, tenant: Option<&str>) -> bool {
        let is_super = self.role == Role::SuperAdmin;
        let within = match self.tenant.as_deref() {
            None => is_super,
            own => tenant == own,
        };
        self.role.may(Role::Admin) && within && (is_super || role != Role::SuperAdmin)
    }
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
    /// Absent from rows of tokens that were never revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) revoked_at: Option<Timestamp>,
}

const PREFIX: &str = "sr_";
/// 256 bits, six a character.
const SECRET_CHARACTERS: usize = 43;

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

/// Whether a text looks like a secret at all: what does not costs no look into the store.
pub(crate) fn is_token(text: &str) -> bool {
    text.strip_prefix(PREFIX).is_some_and(|rest| {
        rest.len() == SECRET_CHARACTERS
            && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    })
}

/// The row key and the hash of a secret.
pub(crate) fn fingerprint(secret: &str) -> (String, [u8; 32]) {
    let hash: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
    (merkle::Hash(hash).to_string()[..32].to_owned(), hash)
}

impl TokenRow {
    /// Whether this row is of the secret with this hash, compared in constant time, and neither expired nor revoked.
    pub(crate) fn accepts(&self, hash: [u8; 32], now: Timestamp) -> bool {
        use subtle::ConstantTimeEq as _;
        let expected = merkle::Hash(hash).to_string();
        let equal: bool = expected.as_bytes().ct_eq(self.sha256.as_bytes()).into();
        equal && is_valid(self.revoked_at, self.expires_at, now)
    }

    /// Who its bearer is.
    pub(crate) fn principal(&self) -> Principal {
        Principal {
            id: self.id.clone(),
            name: self.name.clone(),
            role: self.role,
            tenant: self.tenant.clone(),
        }
    }

    pub(crate) fn summary(&self) -> TokenSummary {
        TokenSummary {
            id: self.id.clone(),
            name: self.name.clone(),
            role: self.role,
            tenant: self.tenant.clone(),
            created_at: self.created_at,
            expires_at: self.expires_at,
            revoked_at: self.revoked_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Principal, Role, is_token, secret_text};

    #[test]
    fn a_secret_is_base64url_of_its_bytes() {
        assert_eq!(secret_text([0; 32]), format!("sr_{}", "A".repeat(43)));
        assert_eq!(secret_text([0xff; 32]), format!("sr_{}8", "_".repeat(42)));
        assert!(is_token(&secret_text([0; 32])) && is_token(&secret_text([0xa7; 32])));
        for other in ["", "sr_", "sr_wrong", &"a".repeat(46), &format!("sr_{}=", "a".repeat(42))] {
            assert!(!is_token(other), "{other}");
        }
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

    #[test]
    fn g1_tokens_are_managed_within_the_tenant_and_not_above_the_role() {
        let may = |role, own: Option<&str>, asked, tenant| {
            let principal =
                Principal { id: "1".into(), name: "n".into(), role, tenant: own.map(str::to_owned) };
            principal.manages(asked, tenant)
        };
        for asked in [Role::Writer, Role::Auditor, Role::Admin] {
            assert!(may(Role::Admin, Some("7"), asked, Some("7")), "{asked}");
            assert!(!may(Role::Admin, Some("7"), asked, Some("8")), "{asked}");
            assert!(!may(Role::Admin, Some("7"), asked, None), "{asked}");
            assert!(!may(Role::Admin, None, asked, None), "{asked}");
            assert!(may(Role::SuperAdmin, None, asked, Some("8")), "{asked}");
        }
        assert!(!may(Role::Admin, Some("7"), Role::SuperAdmin, Some("7")));
        assert!(may(Role::SuperAdmin, Some("7"), Role::SuperAdmin, Some("7")));
        assert!(!may(Role::SuperAdmin, Some("7"), Role::SuperAdmin, None));
        assert!(may(Role::SuperAdmin, None, Role::SuperAdmin, None));
        assert!(!may(Role::Writer, Some("7"), Role::Writer, Some("7")));
        assert!(!may(Role::Auditor, Some("7"), Role::Auditor, Some("7")));
    }
}
