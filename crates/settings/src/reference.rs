//! The two texts made from the table of keys: the reference page and a new data directory's settings file.

use std::fmt::Write;

use crate::key::{KEYS, Key, SECTIONS};

const WRITE: &str = "writing to a string cannot fail";

const INTRODUCTION: &str = "\
# Settings

<!-- Made by `cargo run -p settings --example reference > docs/settings.md`; a test compares. -->

Settings come from, the first that has a key winning: flags, environment variables, the file named by `--config`,
`./strongroom.toml`, and `strongroom.toml` in the data directory. They are merged key by key; a list (`[[archive]]`) is
taken as a whole from the first file that has one, and the environment changes its members by index, from 0.

A key or a variable with `__` in its name that is not on this page is refused, and so is a value that is not accepted.
All problems are reported at once, each with its file and line or its variable.
";

/// The reference page, Markdown: every key with its variable, default, accepted values and meaning.
pub fn reference_page() -> String {
    let mut page = INTRODUCTION.to_owned();
    for (section, about) in SECTIONS {
        write!(page, "\n## {}\n\n{about}\n", header(section)).expect(WRITE);
        for key in keys_of(section) {
            let default = match key.default {
                Some(default) => format!("`{}`", in_toml(key, default)),
                None => "none".to_owned(),
            };
            write!(
                page,
                "\n### `{}`\n\n{}\n\n- Accepted: {}\n- Default: {default}\n- Variable: `{}`\n",
                key.member(),
                key.about,
                key.rule.accepted(),
                key.variable()
            )
            .expect(WRITE);
        }
    }
    page
}

/// The settings file of a new data directory: the ledger's origin, its store and one archive are set, everything else
/// stands there as a comment with its default.
///
/// `archive_url` may be relative to the data directory, so that both can be moved together.
pub fn initial_file(origin: &str, archive_url: &str) -> String {
    let mut file = String::from(
        "# Settings of this ledger. Flags, environment variables, --config and ./strongroom.toml come before them.\n\
         # A line that begins with # shows a default.\n",
    );
    for (section, about) in SECTIONS {
        write!(file, "\n# {about}\n{}\n", header(section)).expect(WRITE);
        // The file is found through the data directory, so it cannot say where that is.
        for key in keys_of(section).filter(|key| key.name != "ledger.data_dir") {
            let set = match key.name {
                "ledger.origin" => Some(origin),
                "store.backend" => Some("sqlite"),
                "archive.#.name" => Some("primary"),
                "archive.#.url" => Some(archive_url),
                _ => None,
            };
            writeln!(file, "# {} ({})", key.about, key.rule.accepted()).expect(WRITE);
            let (member, shown) = (key.member(), |value| in_toml(key, value));
            let line = match (set, key.default) {
                (Some(set), _) => format!("{member} = {}", shown(set)),
                (None, Some(default)) => format!("# {member} = {}", shown(default)),
                (None, None) => format!("# {member} has no default"),
            };
            writeln!(file, "{line}").expect(WRITE);
        }
    }
    file
}

fn header(section: &str) -> String {
    match section.strip_suffix(".#") {
        Some(list) => format!("[[{list}]]"),
        None => format!("[{section}]"),
    }
}

fn keys_of(section: &str) -> impl Iterator<Item = &'static Key> {
    KEYS.iter().filter(move |key| key.section() == section)
}

fn in_toml(key: &Key, value: &str) -> String {
    if key.rule.takes_text() { toml::Value::String(value.to_owned()).to_string() } else { value.to_owned() }
}
