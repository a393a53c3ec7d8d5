//! `STRONGROOM_<SECTION>__<KEY>`: settings from the environment.

use std::ffi::OsString;

use crate::layers::{Found, Layer};
use crate::problem::{Place, Problem};
use crate::rule::Raw;

const PREFIX: &str = "STRONGROOM_";
const SEPARATOR: &str = "__";

/// Takes the variables that are settings. Names without `__` are left alone: they belong to something else, such as
/// a log filter.
pub(crate) fn read(variables: &[(OsString, OsString)], problems: &mut Vec<Problem>) -> Layer {
    let mut layer = Layer::default();
    for (name, value) in variables {
        let Some(name) = name.to_str() else { continue };
        let Some(path) = name.strip_prefix(PREFIX).filter(|path| path.contains(SEPARATOR)) else { continue };
        let key = path.replace(SEPARATOR, ".").to_ascii_lowercase();
        let place = Place::Variable(name.to_owned());
        // Upper case only: two spellings of one name would leave the winner to chance.
        if path.bytes().any(|byte| byte.is_ascii_lowercase()) {
            problems.push(Problem::of_key(place, &key, "write the variable's name in upper case"));
            continue;
        }
        match value.to_str() {
            Some(text) => layer.insert(key, Found { raw: Raw::Text(text.to_owned()), place }, problems),
            None => problems.push(Problem::of_key(place, &key, "the value is not UTF-8")),
        }
    }
    layer
}
