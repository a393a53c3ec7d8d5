//! What a key accepts.

use std::fmt;
use std::net::SocketAddr;

use event::retention::{DAYS_MAX, HotDays, RetainDays};

use crate::problem::shown;
use crate::settings::Backend;

/// What an archive can be encrypted to at most.
const RECIPIENTS_MAX: usize = 32;

/// A value as it was given.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Raw {
    /// From the environment or a flag: text that stands for whatever the key takes.
    Text(String),
    /// A TOML string, which stands for text only.
    String(String),
    /// A TOML integer; `None` where it does not fit 64 bits. With it, how it was written.
    Integer(Option<i64>, String),
    /// A TOML boolean.
    Boolean(bool),
    /// A TOML list of strings; with it, how it was written.
    List(Vec<String>, String),
    /// Any other TOML value, as it was written: no key takes one.
    Other(String),
}

impl fmt::Display for Raw {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text)
            | Self::String(text)
            | Self::Integer(_, text)
            | Self::List(_, text)
            | Self::Other(text) => formatter.write_str(&shown(text)),
            Self::Boolean(value) => write!(formatter, "{value}"),
        }
    }
}

/// A value that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Whole(u64),
    Switch(bool),
    Text(String),
    Listen(SocketAddr),
    Backend(Backend),
    HotDays(HotDays),
    RetainDays(RetainDays),
    /// Minutes after midnight, UTC.
    TimeOfDay(u16),
    /// Sorted, each once.
    List(Vec<String>),
}

/// Which values a key takes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rule {
    /// A whole number, both bounds inclusive.
    Whole {
        min: u32,
        max: u64,
    },
    Switch,
    Listen,
    Backend,
    HotDays,
    RetainDays,
    TimeOfDay,
    Origin,
    Directory,
    File,
    /// One of these words, written exactly so.
    OneOf(&'static [&'static str]),
    ArchiveName,
    ArchiveUrl,
    /// A list of age recipients.
    Recipients,
}

impl Rule {
    /// Reads a value; the error says what is wrong and what is accepted.
    pub(crate) fn read(self, raw: &Raw) -> Result<Value, String> {
        let refused = || format!("{} is not accepted: give {}", quoted(raw), self.accepted());
        match self {
            Self::Whole { min, max } => {
                let number = whole(raw).and_then(|number| u64::try_from(number).ok());
                let accepted = number.filter(|number| (u64::from(min)..=max).contains(number));
                accepted.map(Value::Whole).ok_or_else(refused)
            }
            Self::HotDays => {
                let days = HotDays::new(whole(raw).ok_or_else(refused)?);
                days.map(Value::HotDays).map_err(|error| error.to_string())
            }
            Self::RetainDays => {
                let days = RetainDays::new(whole(raw).ok_or_else(refused)?);
                days.map(Value::RetainDays).map_err(|error| error.to_string())
            }
            Self::Switch => switch(raw).map(Value::Switch).ok_or_else(refused),
            Self::TimeOfDay => text(raw).and_then(time_of_day).map(Value::TimeOfDay).ok_or_else(refused),
            Self::Recipients => recipients(raw).map(Value::List).ok_or_else(refused),
            Self::Listen => {
                let address = text(raw).and_then(|text| text.parse().ok());
                address.map(Value::Listen).ok_or_else(refused)
            }
            Self::Backend => backend(text(raw).ok_or_else(refused)?).map(Value::Backend),
            Self::Origin => {
                let origin = text(raw).ok_or_else(refused)?;
                merkle::check_origin(origin).map_err(|error| format!("{}: {error}", quoted(raw)))?;
                Ok(Value::Text(origin.to_owned()))
            }
            Self::Directory | Self::File | Self::ArchiveUrl => {
                let given = text(raw).filter(|text| !text.is_empty() && !text.contains('\0'));
                given.map(|text| Value::Text(text.to_owned())).ok_or_else(refused)
            }
            Self::OneOf(choices) => {
                let choice = text(raw).filter(|text| choices.contains(text)).ok_or_else(refused)?;
                Ok(Value::Text(choice.to_owned()))
            }
            Self::ArchiveName => {
                let name = text(raw).filter(|name| is_name(name)).ok_or_else(refused)?;
                Ok(Value::Text(name.to_owned()))
            }
        }
    }

    /// The accepted values, for messages and the reference page.
    pub(crate) fn accepted(self) -> String {
        match self {
            Self::Whole { min, max } => {
                format!("a whole number from {} to {}", grouped(u64::from(min)), grouped(max))
            }
            Self::HotDays => format!("a number of days from 1 to {}", grouped(DAYS_MAX as u64)),
            Self::RetainDays => {
                format!("a number of days from 1 to {}, or -1 to keep for ever", grouped(DAYS_MAX as u64))
            }
            Self::Switch => "true or false".to_owned(),
            Self::TimeOfDay => "a time of day in UTC from 00:00 to 23:59, such as 02:30".to_owned(),
            Self::Listen => "an IP address and a port, such as 127.0.0.1:7717 or [::1]:7717".to_owned(),
            Self::Backend => "sqlite".to_owned(),
            Self::Origin => "1 to 255 bytes without white space, `+` and control characters, \
                             not beginning with `{`"
                .to_owned(),
            Self::Directory => "a path".to_owned(),
            Self::File => "a path, relative to where the program is started".to_owned(),
            Self::OneOf(choices) => choices.join(", "),
            Self::ArchiveName => "1 to 64 of a-z, 0-9, `-` and `_`".to_owned(),
            Self::Recipients => format!(
                "a list of 1 to {RECIPIENTS_MAX} age recipients (age1…), separated by commas where it is one text"
            ),
            Self::ArchiveUrl => "file:///absolute/path, or a path relative to the data directory".to_owned(),
        }
    }

    /// Whether the value is a string in TOML.
    pub(crate) fn takes_text(self) -> bool {
        !matches!(self, Self::Whole { .. } | Self::Switch | Self::HotDays | Self::RetainDays)
    }
}

/// Text where a number is asked for is shown in quotes, so that the quotes are seen to be the problem.
fn quoted(raw: &Raw) -> String {
    match raw {
        Raw::String(_) => format!("\"{raw}\""),
        Raw::Text(_) => format!("`{raw}`"),
        _ => raw.to_string(),
    }
}

/// Minutes after midnight of `HH:MM`.
fn time_of_day(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |text: &str, below: u16| {
        let two_digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        two_digits.then(|| text.parse().ok()).flatten().filter(|number: &u16| *number < below)
    };
    Some(number(hours, 24)? * 60 + number(minutes, 60)?)
}

fn text(raw: &Raw) -> Option<&str> {
    match raw {
        Raw::Text(text) | Raw::String(text) => Some(text),
        _ => None,
    }
}

fn whole(raw: &Raw) -> Option<i64> {
    match raw {
        Raw::Integer(number, _) => *number,
        // As in TOML, underscores may separate digits.
        Raw::Text(text) if !text.starts_with('_') && !text.ends_with('_') && !text.contains("__") => {
            text.replace('_', "").parse().ok()
        }
        _ => None,
    }
}

fn recipients(raw: &Raw) -> Option<Vec<String>> {
    let mut given: Vec<String> = match raw {
        Raw::List(given, _) => given.clone(),
        Raw::Text(text) => text.split(',').map(|part| part.trim().to_owned()).collect(),
        _ => return None,
    };
    given.sort_unstable();
    given.dedup();
    let are_recipients = given.iter().all(|text| text.parse::<age::x25519::Recipient>().is_ok());
    (are_recipients && (1..=RECIPIENTS_MAX).contains(&given.len())).then_some(given)
}

fn switch(raw: &Raw) -> Option<bool> {
    match raw {
        Raw::Boolean(value) => Some(*value),
        Raw::Text(text) => text.parse().ok(),
        _ => None,
    }
}

fn backend(name: &str) -> Result<Backend, String> {
    match name {
        "sqlite" => Ok(Backend::Sqlite),
        "postgres" | "auto" | "jsonl" | "null" => {
            Err(format!("the store \"{name}\" is not in this release: use sqlite"))
        }
        other => Err(format!("\"{}\" is not a store: use sqlite", shown(other))),
    }
}

fn is_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(is_allowed)
}

/// A number with its thousands set apart: 1,000,000.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
