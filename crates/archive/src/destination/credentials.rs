//! Who asks: names and values as the providers' own tools have them in the environment.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::start_error::StartError;
use crate::error::{Error, Result};

/// No file of credentials is larger.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// Every name that is understood, and whether its value is secret. Anything else in the environment is not looked at,
/// and in a file it is an error.
const NAMES: &[(&str, Secrecy)] = &[
    ("AWS_ACCESS_KEY_ID", Secrecy::Secret),
    ("AWS_SECRET_ACCESS_KEY", Secrecy::Secret),
    ("AWS_SESSION_TOKEN", Secrecy::Secret),
    ("AWS_PROFILE", Secrecy::Public),
    ("AWS_SHARED_CREDENTIALS_FILE", Secrecy::Public),
    ("AWS_REGION", Secrecy::Public),
    ("AWS_DEFAULT_REGION", Secrecy::Public),
    ("AWS_ENDPOINT_URL", Secrecy::Public),
    ("AWS_ENDPOINT_URL_S3", Secrecy::Public),
    ("AWS_ENDPOINT_URL_STS", Secrecy::Public),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", Secrecy::Public),
    ("AWS_ROLE_ARN", Secrecy::Public),
    ("AWS_ROLE_SESSION_NAME", Secrecy::Public),
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", Secrecy::Public),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", Secrecy::Public),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", Secrecy::Public),
    ("GOOGLE_APPLICATION_CREDENTIALS", Secrecy::Public),
    ("GOOGLE_SERVICE_ACCOUNT_KEY", Secrecy::Secret),
    ("GOOGLE_BEARER_TOKEN", Secrecy::Secret),
    ("AZURE_STORAGE_ACCOUNT_NAME", Secrecy::Public),
    ("AZURE_STORAGE_ACCOUNT_KEY", Secrecy::Secret),
    ("AZURE_STORAGE_SAS_TOKEN", Secrecy::Secret),
    ("AZURE_STORAGE_TOKEN", Secrecy::Secret),
    ("AZURE_TENANT_ID", Secrecy::Public),
    ("AZURE_CLIENT_ID", Secrecy::Public),
    ("AZURE_CLIENT_SECRET", Secrecy::Secret),
    ("AZURE_FEDERATED_TOKEN_FILE", Secrecy::Public),
    ("AZURE_AUTHORITY_HOST", Secrecy::Public),
    ("IDENTITY_ENDPOINT", Secrecy::Public),
    ("HOME", Secrecy::Public),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Secrecy {
    Secret,
    Public,
}

/// Values by name. Printing shows the names only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    values: BTreeMap<String, String>,
}

impl Credentials {
    /// From this process's environment; what is not UTF-8 or empty is passed over.
    pub fn from_environment() -> Self {
        let values = NAMES.iter().filter_map(|(name, _)| {
            let value = std::env::var(name).ok().filter(|value| !value.is_empty())?;
            Some(((*name).to_owned(), value))
        });
        Self { values: values.collect() }
    }

    /// From a file of `NAME=VALUE` lines; empty lines and lines that begin with `#` are passed over. The file must be
    /// readable by its owner only.
    pub fn from_file(path: &Path) -> Result<Self> {
        let refused = |message: String| {
            let message = format!("the credentials file {} {message}", path.display());
            Error::start(StartError::CredentialsFile, message)
        };
        let file = File::open(path).map_err(|error| refused(format!("cannot be read: {error}")))?;
        check_owner_only(&file).map_err(&refused)?;
        let mut text = String::new();
        file.take(FILE_BYTES_MAX + 1)
            .read_to_string(&mut text)
            .map_err(|error| refused(format!("cannot be read: {error}")))?;
        if text.len() as u64 > FILE_BYTES_MAX {
            return Err(refused(format!("is larger than {FILE_BYTES_MAX} bytes")));
        }
        let mut credentials = Self::parse(&text).map_err(refused)?;
        // Where an AWS profile is looked for, which is no credential.
        if let Some(home) = std::env::var("HOME").ok().filter(|home| !home.is_empty()) {
            credentials.values.entry("HOME".to_owned()).or_insert(home);
        }
        Ok(credentials)
    }

    /// These pairs. A name that is not understood is an error.
    pub fn from_pairs<'p>(pairs: impl IntoIterator<Item = (&'p str, &'p str)>) -> Result<Self> {
        let mut credentials = Self::default();
        for (name, value) in pairs {
            if !NAMES.iter().any(|(known, _)| *known == name) {
                let message = format!("{name} is not the name of a credential");
                return Err(Error::start(StartError::Credentials, message));
            }
            credentials.values.insert(name.to_owned(), value.to_owned());
        }
        Ok(credentials)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut values = BTreeMap::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            // What stands there may be a secret: it is never repeated, only where it stands.
            let (name, value) =
                line.split_once('=').ok_or_else(|| format!("has no NAME=VALUE on line {number}"))?;
            let (name, value) = (name.trim(), value.trim());
            if !NAMES.iter().any(|(known, _)| *known == name) {
                return Err(format!(
                    "has a name on line {number} that is not understood; those of docs/destinations.md are"
                ));
            }
            let unquoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
            let value = unquoted.unwrap_or(value);
            if value.is_empty() {
                return Err(format!("has no value on line {number}"));
            }
            if values.insert(name.to_owned(), value.to_owned()).is_some() {
                return Err(format!("gives {name} twice"));
            }
        }
        Ok(Self { values })
    }

    pub(super) fn value(&self, name: &str) -> Option<&str> {
        debug_assert!(NAMES.iter().any(|(known, _)| *known == name), "{name}");
        self.values.get(name).map(String::as_str)
    }

    /// What must never be printed.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &str> {
        let is_secret =
            |name: &str| NAMES.iter().any(|(known, secrecy)| *known == name && *secrecy == Secrecy::Secret);
        self.values.iter().filter(move |(name, _)| is_secret(name)).map(|(_, value)| value.as_str())
    }

    /// Adds values that were found elsewhere.
    pub(super) fn extend(&mut self, pairs: impl IntoIterator<Item = (&'static str, String)>) {
        self.values.extend(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)));
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.values.keys()).finish()
    }
}

#[cfg(unix)]
fn check_owner_only(file: &File) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = file.metadata().map_err(|error| format!("cannot be read: {error}"))?;
    if !metadata.is_file() {
        return Err("is not a file".to_owned());
    }
    let mode = metadata.permissions().mode() & 0o777;
    let of_others = mode & 0o077;
    if of_others == 0 {
        return Ok(());
    }
    Err(format!("can be read or changed by others than its owner (mode {mode:o}): chmod 600 it"))
}

/// Permissions elsewhere are not expressed in a mode.
#[cfg(not(unix))]
fn check_owner_only(_file: &File) -> Result<(), String> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_names_and_values() {
        let text = "# who\n\nAWS_ACCESS_KEY_ID = id\nAWS_SECRET_ACCESS_KEY=\"a=b\"\n";
        let credentials = Credentials::parse(text).unwrap();
        assert_eq!(credentials.value("AWS_ACCESS_KEY_ID"), Some("id"));
        assert_eq!(credentials.value("AWS_SECRET_ACCESS_KEY"), Some("a=b"));
        assert_eq!(format!("{credentials:?}"), "{\"AWS_ACCESS_KEY_ID\", \"AWS_SECRET_ACCESS_KEY\"}");
    }

    #[test]
    fn what_is_wrong_is_said_by_its_line_and_never_repeated() {
        for text in ["s3cret", "MY_S3CRET=x", "AWS_PROFILE=", "AWS_PROFILE=a\nAWS_PROFILE=b"] {
            let message = Credentials::parse(text).unwrap_err();
            assert!(!message.to_lowercase().contains("s3cret"), "{message}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("credentials");
        std::fs::write(&path, "AWS_PROFILE=x\n").unwrap();
        for (mode, accepted) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let read = Credentials::from_file(&path);
            assert_eq!(read.is_ok(), accepted, "{mode:o}: {read:?}");
        }
    }
}
