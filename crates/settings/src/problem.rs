//! What is wrong with the settings, where it stands, and what would be accepted.

use std::fmt;
use std::path::PathBuf;

/// Characters of a refused value that are shown.
const VALUE_CHARACTERS_MAX: usize = 200;

/// Where a value was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a settings file.
    File {
        /// The file, as it was named or found.
        path: PathBuf,
        /// The line, from 1; `None` when the file as a whole is meant.
        line: Option<usize>,
    },
    /// In an environment variable of this name.
    Variable(String),
    /// On the command line, by this flag.
    Flag(&'static str),
    /// Nowhere: a required value is missing, or two values do not go together.
    Together,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line: Some(line) } => write!(formatter, "{}:{line}", path.display()),
            Self::File { path, line: None } => write!(formatter, "{}", path.display()),
            Self::Variable(name) => formatter.write_str(name),
            Self::Flag(name) => formatter.write_str(name),
            Self::Together => formatter.write_str("settings"),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it stands.
    pub place: Place,
    /// The key, such as `retention.hot_days`; `None` when it is about a file as a whole.
    pub key: Option<String>,
    /// The refused value as it was written, credentials in a URL left out and cut at 200 characters.
    pub value: Option<String>,
    /// What is wrong and what is accepted.
    pub message: String,
}

impl Problem {
    pub(crate) fn of_file(path: impl Into<PathBuf>, line: Option<usize>, message: impl Into<String>) -> Self {
        let place = Place::File { path: path.into(), line };
        Self { place, key: None, value: None, message: message.into() }
    }

    pub(crate) fn of_key(place: Place, key: &str, message: impl Into<String>) -> Self {
        Self { place, key: Some(key.to_owned()), value: None, message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: ", self.place)?;
        if let Some(key) = &self.key {
            write!(formatter, "{key}: ")?;
        }
        formatter.write_str(&self.message)
    }
}

/// Settings that were not accepted, with every problem that was found. Nothing of them is in effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    problems: Vec<Problem>,
}

impl Error {
    pub(crate) fn new(problems: Vec<Problem>) -> Self {
        Self { problems }
    }

    /// Every problem, at least one.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.as_slice() {
            [only] => write!(formatter, "the settings were not accepted: {only}"),
            many => {
                write!(formatter, "the settings were not accepted, {} problems:", many.len())?;
                many.iter().try_for_each(|problem| write!(formatter, "\n  {problem}"))
            }
        }
    }
}

impl std::error::Error for Error {}

/// A refused value as messages show it. What stands before an `@` in a URL is a credential more often than not.
pub(crate) fn shown(value: &str) -> String {
    // Where a recipient is asked for, people paste the other half of the key pair.
    if value.to_ascii_uppercase().contains("AGE-SECRET-KEY-") {
        return "*** (a secret key)".to_owned();
    }
    let mut text: String = value.chars().take(VALUE_CHARACTERS_MAX).collect();
    if text.len() < value.len() {
        text.push('…');
    }
    let Some(start) = text.find("//").map(|at| at + 2) else { return text };
    let end = text[start..].find('/').map_or(text.len(), |at| start + at);
    if let Some(at) = text[start..end].rfind('@') {
        text.replace_range(start..start + at, "***");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn a_shown_value_is_bounded_and_has_no_credentials() {
        assert_eq!(shown("s3://key:secret@bucket/a@b"), "s3://***@bucket/a@b");
        assert_eq!(shown("file:///a"), "file:///a");
        assert_eq!(shown(&"é".repeat(300)).chars().count(), 201);
    }
}
