//! A TOML file as flat keys, each with the line it stands on.

use std::io::ErrorKind;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::key;
use crate::layers::{Found, Layer};
use crate::problem::{Place, Problem};
use crate::rule::Raw;

/// Whether a file may be missing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Required,
    Optional,
}

/// Reads one settings file. `None` where there is none to read, or none that can be.
pub(crate) fn read(path: &Path, presence: Presence, problems: &mut Vec<Problem>) -> Option<Layer> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound && presence == Presence::Optional => return None,
        Err(error) => {
            problems.push(Problem::of_file(path, None, format!("cannot read the settings file: {error}")));
            return None;
        }
    };
    let (document, errors) = DeTable::parse_recoverable(&text);
    for error in &errors {
        let line = error.span().map(|span| line_of(&text, span.start));
        problems.push(Problem::of_file(path, line, format!("not TOML: {}", error.message())));
    }
    // What a parser guessed from broken text would only give follow-up problems.
    if !errors.is_empty() {
        return None;
    }
    let mut flat = Flat { path, text: &text, layer: Layer::default(), problems };
    flat.table("", document.get_ref());
    Some(flat.layer)
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count()
}

struct Flat<'f> {
    path: &'f Path,
    text: &'f str,
    layer: Layer,
    problems: &'f mut Vec<Problem>,
}

impl Flat<'_> {
    fn table(&mut self, path: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let place = self.place(name.span().start);
            let part = name.get_ref();
            let key = if path.is_empty() { part.to_string() } else { format!("{path}.{part}") };
            // A quoted name with a dot in it would otherwise pass for two names.
            if part.contains('.') {
                self.problems.push(Problem::of_key(place, &key, "unknown setting"));
                continue;
            }
            self.value(key, place, value);
        }
    }

    fn value(&mut self, key: String, place: Place, value: &Spanned<DeValue<'_>>) {
        match value.get_ref() {
            DeValue::Table(table) if key::is_section(&key) => self.table(&key, table),
            DeValue::Array(items) if items.iter().all(|item| item.get_ref().is_table()) => {
                if key::is_section(&format!("{key}.0")) {
                    self.layer.replaced_lists.push(format!("{key}."));
                    for (index, item) in items.iter().enumerate() {
                        self.value(format!("{key}.{index}"), self.place(item.span().start), item);
                    }
                } else {
                    self.insert(key, Raw::Other("a list".to_owned()), place);
                }
            }
            DeValue::Array(items) if items.iter().all(|item| item.get_ref().is_str()) => {
                let texts = items.iter().filter_map(|item| item.get_ref().as_str().map(ToOwned::to_owned));
                let written = self.text.get(value.span()).unwrap_or("a list").to_owned();
                self.insert(key, Raw::List(texts.collect(), written), place);
            }
            other => {
                let raw = raw(other, self.text, value);
                self.insert(key, raw, place);
            }
        }
    }

    fn insert(&mut self, key: String, raw: Raw, place: Place) {
        self.layer.insert(key, Found { raw, place }, self.problems);
    }

    fn place(&self, offset: usize) -> Place {
        Place::File { path: self.path.to_owned(), line: Some(line_of(self.text, offset)) }
    }
}

fn raw(value: &DeValue<'_>, text: &str, spanned: &Spanned<DeValue<'_>>) -> Raw {
    let written = || text.get(spanned.span()).unwrap_or(value.type_str()).to_owned();
    match value {
        DeValue::String(string) => Raw::String(string.to_string()),
        DeValue::Boolean(value) => Raw::Boolean(*value),
        DeValue::Integer(number) => {
            Raw::Integer(i64::from_str_radix(number.as_str(), number.radix()).ok(), written())
        }
        DeValue::Table(_) => Raw::Other("a section".to_owned()),
        _ => Raw::Other(written()),
    }
}
