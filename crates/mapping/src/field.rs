//! One value out of a record: a path or a named value, then filters.

use std::borrow::Cow;

use crate::plan::{Names, Scope};

#[derive(Debug, Clone)]
pub(crate) struct Field {
    source: Source,
    filters: Vec<Filter>,
}

#[derive(Debug, Clone)]
enum Source {
    Path(Vec<String>),
    /// Index among the mapping's named values.
    Named(usize),
    RecordSha256,
}

#[derive(Debug, Clone)]
enum Filter {
    Lower,
    Upper,
    Before(String),
    After(String),
    /// Index among the mapping's tables.
    Table(usize),
    Bit(u32),
}

impl Field {
    /// Reads `path|filter|filter`. The error says what is wrong, without the place.
    pub(crate) fn parse(text: &str, names: &Names<'_>) -> Result<Self, String> {
        let (path, rest) = path(text)?;
        let source = match path.as_slice() {
            [name] if name == "$record_sha256" => Source::RecordSha256,
            [name] if name.starts_with('$') => Source::Named(names.value(&name[1..])?),
            _ => Source::Path(path),
        };
        let filters =
            rest.map_or(Ok(Vec::new()), |rest| rest.split('|').map(|text| filter(text, names)).collect())?;
        Ok(Self { source, filters })
    }

    /// Which named value the field needs, if it needs one.
    pub(crate) fn needs(&self) -> Option<usize> {
        match self.source {
            Source::Named(index) => Some(index),
            Source::Path(_) | Source::RecordSha256 => None,
        }
    }

    pub(crate) fn resolve<'s>(&'s self, scope: &Scope<'s>) -> Option<Cow<'s, str>> {
        let mut value = match &self.source {
            Source::Path(path) => {
                let mut found = scope.record;
                for step in path {
                    found = found.step(step)?;
                }
                Cow::Borrowed(found.scalar()?)
            }
            Source::Named(index) => scope.named(*index)?,
            Source::RecordSha256 => Cow::Owned(crate::identifier::sha256_hex(scope.text.as_bytes())),
        };
        if scope.plan.is_absent(&value) {
            return None;
        }
        for filter in &self.filters {
            value = filter.apply(value, scope)?;
        }
        (!value.is_empty()).then_some(value)
    }
}

impl Filter {
    fn apply<'s>(&'s self, value: Cow<'s, str>, scope: &Scope<'s>) -> Option<Cow<'s, str>> {
        Some(match self {
            Self::Lower => Cow::Owned(value.to_lowercase()),
            Self::Upper => Cow::Owned(value.to_uppercase()),
            Self::Before(mark) => match value.find(mark.as_str()) {
                Some(end) => Cow::Owned(value[..end].to_owned()),
                None => value,
            },
            Self::After(mark) => Cow::Owned(value.split_once(mark.as_str())?.1.to_owned()),
            Self::Table(index) => Cow::Borrowed(scope.plan.tables[*index].get(&*value)?),
            Self::Bit(bit) => Cow::Borrowed(if integer(&value)? >> bit & 1 == 1 { "1" } else { "0" }),
        })
    }
}

/// 64 bits, written as a signed or unsigned decimal or as `0x` and hexadecimal digits: sources use all three.
fn integer(text: &str) -> Option<u64> {
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return u64::from_str_radix(digits, 16).ok();
    }
    text.parse::<i64>().map(i64::cast_unsigned).or_else(|_| text.parse::<u64>()).ok()
}

/// Splits off the path: steps between dots, a step in single quotes where its name has a dot or a bar.
fn path(text: &str) -> Result<(Vec<String>, Option<&str>), String> {
    let mut steps = Vec::new();
    let mut rest = text;
    loop {
        let (step, after) = if let Some(quoted) = rest.strip_prefix('\'') {
            let (step, after) =
                quoted.split_once('\'').ok_or_else(|| format!("`{text}` has a quote that does not end"))?;
            (step, after)
        } else {
            rest.split_at(rest.find(['.', '|']).unwrap_or(rest.len()))
        };
        if step.is_empty() {
            return Err(format!("`{text}` has an empty step in its path"));
        }
        steps.push(step.to_owned());
        match after.split_at_checked(1) {
            None => return Ok((steps, None)),
            Some((".", after)) => rest = after,
            Some(("|", after)) => return Ok((steps, Some(after))),
            Some(_) => return Err(format!("`{text}` needs a dot or a bar after a quoted step")),
        }
    }
}

fn filter(text: &str, names: &Names<'_>) -> Result<Filter, String> {
    match text.split_once(':') {
        None if text == "lower" => Ok(Filter::Lower),
        None if text == "upper" => Ok(Filter::Upper),
        Some(("before", mark)) if !mark.is_empty() => Ok(Filter::Before(mark.to_owned())),
        Some(("after", mark)) if !mark.is_empty() => Ok(Filter::After(mark.to_owned())),
        Some(("table", name)) => names.table(name).map(Filter::Table),
        Some(("bit", number)) => match number.parse() {
            Ok(bit @ 0..64) => Ok(Filter::Bit(bit)),
            _ => Err(format!("`{text}` needs a bit from 0 to 63")),
        },
        _ => Err(format!(
            "there is no filter `{text}`; there are lower, upper, before:X, after:X, table:NAME and bit:N"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_steps_may_hold_dots_and_bars() {
        let (steps, rest) = path("a.'b.c|d'.0|lower|upper").unwrap();
        assert_eq!(steps, ["a", "b.c|d", "0"]);
        assert_eq!(rest, Some("lower|upper"));
        for broken in ["", "a.", ".a", "a..b", "'a", "'a'b", "a.''"] {
            assert!(path(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn integers_are_read_in_every_form_sources_use() {
        assert_eq!(integer("-9214364837600034816"), Some(0x8020_0000_0000_0000));
        assert_eq!(integer("9232379236109516800"), Some(0x8020_0000_0000_0000));
        assert_eq!(integer("0x8020000000000000"), Some(0x8020_0000_0000_0000));
        assert_eq!(integer("Audit Success"), None);
    }
}
