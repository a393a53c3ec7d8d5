//! The shared credentials file of the AWS tools: sections in brackets, `name = value` below them.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::credentials::Credentials;
use super::start_error::StartError;
use crate::error::{Error, Result};

/// No such file is larger.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The section that is used where none is named.
const DEFAULT: &str = "default";

/// What is taken from a section, by its name there and in the environment.
const MEMBERS: [(&str, &str); 3] = [
    ("aws_access_key_id", "AWS_ACCESS_KEY_ID"),
    ("aws_secret_access_key", "AWS_SECRET_ACCESS_KEY"),
    ("aws_session_token", "AWS_SESSION_TOKEN"),
];

/// Adds the keys of the profile to credentials that have none of their own: the one that `AWS_PROFILE` names, which
/// must then be there, or `default`, if it is.
pub(super) fn add(credentials: &mut Credentials) -> Result<()> {
    if credentials.value("AWS_ACCESS_KEY_ID").is_some() {
        return Ok(());
    }
    let named = credentials.value("AWS_PROFILE").map(str::to_owned);
    // The AWS tools, too, prefer a web identity to a profile that nobody asked for.
    if named.is_none() && credentials.value("AWS_WEB_IDENTITY_TOKEN_FILE").is_some() {
        return Ok(());
    }
    let path = match (credentials.value("AWS_SHARED_CREDENTIALS_FILE"), credentials.value("HOME")) {
        (Some(path), _) => PathBuf::from(path),
        (None, Some(home)) => Path::new(home).join(".aws/credentials"),
        (None, None) => return named.map_or(Ok(()), |name| Err(missing(&name, "there is no HOME"))),
    };
    let section = named.as_deref().unwrap_or(DEFAULT);
    let text = match read(&path) {
        Ok(text) => text,
        Err(_) if named.is_none() => return Ok(()),
        Err(error) => return Err(missing(section, &format!("{} cannot be read: {error}", path.display()))),
    };
    let found = members(&text, section);
    if found.iter().filter(|(name, _)| *name != "AWS_SESSION_TOKEN").count() < 2 {
        if named.is_none() {
            return Ok(());
        }
        let what = format!("{} has no section [{section}] with a key and its secret", path.display());
        return Err(missing(section, &what));
    }
    credentials.extend(found);
    Ok(())
}

fn missing(profile: &str, why: &str) -> Error {
    Error::start(StartError::Credentials, format!("the AWS profile `{profile}` cannot be used: {why}"))
}

fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

fn members(text: &str, section: &str) -> Vec<(&'static str, String)> {
    let mut inside = false;
    let mut found = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            inside = name.trim() == section;
        } else if let Some((name, value)) = line.split_once('=').filter(|_| inside) {
            let known = MEMBERS.iter().find(|(member, _)| member.eq_ignore_ascii_case(name.trim()));
            if let Some((_, variable)) = known {
                found.push((*variable, value.trim().to_owned()));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "[default]\naws_access_key_id = one\naws_secret_access_key=first\n\n# other\n[ other ]\n\
                        AWS_ACCESS_KEY_ID=two\naws_secret_access_key=second=\naws_session_token = token\n\
                        [half]\naws_access_key_id = three\n";

    fn taken(pairs: &[(&str, &str)]) -> Result<Credentials> {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join(".aws")).unwrap();
        std::fs::write(directory.path().join(".aws/credentials"), FILE).unwrap();
        let home = [("HOME", directory.path().to_str().unwrap())];
        let mut credentials = Credentials::from_pairs(pairs.iter().copied().chain(home)).unwrap();
        add(&mut credentials).map(|()| credentials)
    }

    #[test]
    fn the_named_profile_is_taken_else_the_default_and_keys_come_before_both() {
        let key =
            |pairs: &[(&str, &str)]| taken(pairs).unwrap().value("AWS_ACCESS_KEY_ID").map(str::to_owned);
        assert_eq!(key(&[]).as_deref(), Some("one"));
        assert_eq!(key(&[("AWS_PROFILE", "other")]).as_deref(), Some("two"));
        let own = [("AWS_ACCESS_KEY_ID", "own"), ("AWS_PROFILE", "other")];
        assert_eq!(key(&own).as_deref(), Some("own"));
        assert_eq!(key(&[("AWS_WEB_IDENTITY_TOKEN_FILE", "/t")]), None);
        let other = taken(&[("AWS_PROFILE", "other")]).unwrap();
        assert_eq!(other.value("AWS_SECRET_ACCESS_KEY"), Some("second="));
        assert_eq!(other.value("AWS_SESSION_TOKEN"), Some("token"));
    }

    #[test]
    fn a_named_profile_that_is_not_there_is_an_error() {
        for name in ["none", "half"] {
            let message = taken(&[("AWS_PROFILE", name)]).unwrap_err().to_string();
            assert!(message.starts_with("SR-E011") && message.contains(name), "{message}");
        }
    }
}
