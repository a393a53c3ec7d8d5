//! What keeps a destination from being opened, each under an identifier that stays.

use std::fmt;

/// A destination cannot be used as it is described. `docs/errors.md` has a paragraph for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartError {
    /// The URL is none that a destination has.
    Url,
    /// The URL names no bucket or container.
    Bucket,
    /// Amazon S3 without a region.
    Region,
    /// Azure without a storage account.
    Account,
    /// A credentials file that cannot be read, that others may read, or that is not `NAME=VALUE` lines.
    CredentialsFile,
    /// Credentials that are not complete, or a profile that is not there.
    Credentials,
    /// Encryption and its key do not go together.
    Encryption,
    /// The client library refused the description.
    Client,
}

impl StartError {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Bucket,
        Self::Region,
        Self::Account,
        Self::Url,
        Self::Encryption,
        Self::CredentialsFile,
        Self::Credentials,
        Self::Client,
    ];

    /// The identifier: `SR-E` and three digits. It never changes and is never given to anything else.
    pub fn id(self) -> &'static str {
        match self {
            Self::Bucket => "SR-E001",
            Self::Region => "SR-E002",
            Self::Account => "SR-E003",
            Self::Url => "SR-E004",
            Self::Encryption => "SR-E005",
            Self::CredentialsFile => "SR-E010",
            Self::Credentials => "SR-E011",
            Self::Client => "SR-E012",
        }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.id())
    }
}
