//! Where settings come from, and which of two wins.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::edit_distance::closest;
use crate::file::{self, Presence};
use crate::key::{self, KEYS};
use crate::problem::{Place, Problem};
use crate::rule::{Raw, Rule, Value};
use crate::{environment, problem};

/// Name of the settings file, in the working directory and in the data directory.
pub const FILE_NAME: &str = "strongroom.toml";

/// A setting given on the command line.
#[derive(Clone, Debug)]
pub struct Flag {
    /// The flag as the user knows it, such as `--listen`; for messages.
    pub flag: &'static str,
    /// The key it sets, such as `server.listen`.
    pub key: &'static str,
    /// Its value as text, as it would be in the environment.
    pub value: String,
}

/// Where settings come from. What stands earlier wins, key by key:
///
/// 1. `flags`,
/// 2. `environment`,
/// 3. the file `config`,
/// 4. `strongroom.toml` in `working_directory`, if it is there,
/// 5. `strongroom.toml` in the data directory that the first four name, if it is there.
///
/// A list (`[[archive]]`) is taken from the first file that has one, as a whole; the environment changes its members by
/// index.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Settings from the command line.
    pub flags: Vec<Flag>,
    /// The process environment; variables that are no settings are passed over.
    pub environment: Vec<(OsString, OsString)>,
    /// The file named by `--config`; it must be there. A relative path is taken from `working_directory`.
    pub config: Option<PathBuf>,
    /// The directory the program was started in, absolute.
    pub working_directory: PathBuf,
}

/// A value and where it was given.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) raw: Raw,
    pub(crate) place: Place,
}

/// What one source says.
#[derive(Debug, Default)]
pub(crate) struct Layer {
    found: BTreeMap<String, Found>,
    /// Prefixes of the lists this source has as a whole.
    pub(crate) replaced_lists: Vec<String>,
}

impl Layer {
    /// Takes a value in if there is such a key, and reports it if there is not.
    pub(crate) fn insert(&mut self, key: String, found: Found, problems: &mut Vec<Problem>) {
        if key::find(&key).is_some() {
            self.found.insert(key, found);
        } else {
            let value = Some(found.raw.to_string());
            problems.push(Problem { value, ..Problem::of_key(found.place, &key, unknown(&key)) });
        }
    }
}

/// The merged values and the absolute data directory they name.
pub(crate) struct Merged {
    pub(crate) found: BTreeMap<String, Found>,
    pub(crate) data_dir: PathBuf,
}

impl Sources {
    pub(crate) fn merge(&self, problems: &mut Vec<Problem>) -> Merged {
        let mut files = Vec::new();
        let mut layers = vec![self.flag_layer(problems), environment::read(&self.environment, problems)];
        if let Some(config) = &self.config {
            self.read_once(config.clone(), Presence::Required, &mut files, &mut layers, problems);
        }
        let here = PathBuf::from(FILE_NAME);
        self.read_once(here, Presence::Optional, &mut files, &mut layers, problems);

        let data_dir = self.data_dir(&layers);
        let known = layers.len();
        let file = data_dir.join(FILE_NAME);
        self.read_once(file, Presence::Optional, &mut files, &mut layers, problems);
        if let Some(found) = layers.get(known).and_then(|layer| layer.found.get("ledger.data_dir")) {
            let message = "the file in the data directory cannot name the data directory: remove the line";
            problems.push(Problem::of_key(found.place.clone(), "ledger.data_dir", message));
        }
        Merged { found: merged(layers), data_dir }
    }

    /// A file that is reached in two ways counts once, as the source that is named first.
    fn read_once(
        &self,
        path: PathBuf,
        presence: Presence,
        read: &mut Vec<PathBuf>,
        layers: &mut Vec<Layer>,
        problems: &mut Vec<Problem>,
    ) {
        let path = if path == Path::new(FILE_NAME) && self.working_directory.as_os_str().is_empty() {
            path
        } else {
            self.working_directory.join(path)
        };
        if let Ok(canonical) = path.canonicalize() {
            if read.contains(&canonical) {
                return;
            }
            read.push(canonical);
        }
        layers.extend(file::read(&path, presence, problems));
    }

    fn flag_layer(&self, problems: &mut Vec<Problem>) -> Layer {
        let mut layer = Layer::default();
        for flag in &self.flags {
            let found = Found { raw: Raw::Text(flag.value.clone()), place: Place::Flag(flag.flag) };
            layer.insert(flag.key.to_owned(), found, problems);
        }
        layer
    }

    /// An unacceptable directory is reported when the values are read; until then the default stands in for it.
    fn data_dir(&self, layers: &[Layer]) -> PathBuf {
        let given = layers.iter().find_map(|layer| layer.found.get("ledger.data_dir"));
        let accepted = given.and_then(|found| Rule::Directory.read(&found.raw).ok());
        let default = || KEYS.iter().find(|key| key.name == "ledger.data_dir").and_then(|key| key.default);
        match accepted {
            Some(Value::Text(path)) => self.working_directory.join(path),
            _ => self.working_directory.join(default().unwrap_or_default()),
        }
    }
}

/// Earlier layers win: so the later ones are laid down first and the earlier ones over them.
fn merged(layers: Vec<Layer>) -> BTreeMap<String, Found> {
    let mut merged: BTreeMap<String, Found> = BTreeMap::new();
    for layer in layers.into_iter().rev() {
        for list in &layer.replaced_lists {
            merged.retain(|key, _| !key.starts_with(list));
        }
        merged.extend(layer.found);
    }
    merged
}

fn unknown(name: &str) -> String {
    if key::is_section(&format!("{name}.0")) {
        return format!("is a list: write [[{name}]]");
    }
    if key::is_section(name) {
        return format!("is a section: write [{name}] and its settings below it");
    }
    if let Some((section, member)) = name.rsplit_once('.')
        && key::find(&format!("{section}.0.{member}")).is_some()
    {
        return format!("`{section}` is a list: write [[{section}]]");
    }
    let shown = problem::shown(name);
    match closest(&shown, KEYS.iter().map(|key| key.name)) {
        Some(meant) => format!("unknown setting; did you mean {meant}?"),
        None => "unknown setting; this release has none of that name".to_owned(),
    }
}
