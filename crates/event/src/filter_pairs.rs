//! Reading a filter from names and values.

use crate::filter::{Filter, Range};
use crate::needle::Needle;
use crate::term::Field;
use crate::violation::{VIOLATIONS_MAX, Violation, rule};
use crate::{Limits, Outcome, Stream, Timestamp, text_rules};

/// Every name a filter knows, as messages list them.
const NAMES: &str = "tenant, actor, actor_like, action, target_type, target_id, outcome, source, request_id, trace_id, \
conversation_id, message_id, stream, event_id, from, to, recorded_from, recorded_to, text";

/// UTF-8 bytes of a text to look for.
const TEXT_BYTES_MAX: usize = 1_024;

pub(crate) fn read<'p>(pairs: impl Iterator<Item = (&'p str, &'p str)>) -> Result<Filter, Vec<Violation>> {
    let mut filter = Filter::default();
    let mut violations = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for (name, value) in pairs {
        // A query of 64 KiB holds thousands of names; whoever sent it learns enough from the first few.
        if violations.len() == VIOLATIONS_MAX {
            let message = "what comes after these is not looked at; repair these first";
            violations.push(Violation::new("", rule::MORE, message));
            return Err(violations);
        }
        let read = if seen.contains(&name) {
            Err((rule::DUPLICATE_MEMBER, "is given twice; give it once".to_owned()))
        } else if value.is_empty() {
            Err((rule::EMPTY, "has no value; give one or leave it out".to_owned()))
        } else {
            condition(&mut filter, name, value)
        };
        seen.push(name);
        if let Err((rule, message)) = read {
            violations.push(Violation::new(name, rule, message));
        }
    }
    for (range, from, to) in
        [(filter.occurred, "from", "to"), (filter.recorded, "recorded_from", "recorded_to")]
    {
        if let Range { from: Some(start), to: Some(end) } = range
            && start >= end
        {
            let message = format!("must be after {from}: the start is in the range, the end is not");
            violations.push(Violation::new(to, rule::RANGE, message));
        }
    }
    if violations.is_empty() { Ok(filter) } else { Err(violations) }
}

type Read = Result<(), (&'static str, String)>;

fn condition(filter: &mut Filter, name: &str, value: &str) -> Read {
    match name {
        "from" => filter.occurred.from = Some(time(value)?),
        "to" => filter.occurred.to = Some(time(value)?),
        "recorded_from" => filter.recorded.from = Some(time(value)?),
        "recorded_to" => filter.recorded.to = Some(time(value)?),
        "actor_like" => filter.actor_like = Some(needle(value)?),
        "text" => filter.text = Some(needle(value)?),
        "action" if value.contains('*') => filter.action_prefix = Some(prefix(value)?.into()),
        _ => {
            let Some(field) = Field::ALL.into_iter().find(|field| field.as_str() == name) else {
                return Err((rule::UNKNOWN_MEMBER, format!("is not a filter; accepted are {NAMES}")));
            };
            filter.exact[usize::from(field.number())] = Some(exact(field, value)?.into());
        }
    }
    Ok(())
}

fn exact(field: Field, value: &str) -> Result<&str, (&'static str, String)> {
    let unknown_word = match field {
        Field::Stream => value.parse::<Stream>().err(),
        Field::Outcome => value.parse::<Outcome>().err(),
        _ => None,
    };
    if let Some(error) = unknown_word {
        return Err((rule::CHOICE, error.to_string()));
    }
    text_rules::identifier(value, Limits::default().identifier_bytes_max)?;
    Ok(value)
}

fn prefix(value: &str) -> Result<&str, (&'static str, String)> {
    let Some(prefix) = value.strip_suffix('*').filter(|prefix| !prefix.is_empty() && !prefix.contains('*'))
    else {
        return Err((
            rule::FORMAT,
            "takes one *, at the end and after something, as in session.*".to_owned(),
        ));
    };
    text_rules::identifier(prefix, Limits::default().identifier_bytes_max)?;
    Ok(prefix)
}

fn time(value: &str) -> Result<Timestamp, (&'static str, String)> {
    Timestamp::parse_rfc3339(value).map_err(|error| (rule::FORMAT, error.to_string()))
}

fn needle(value: &str) -> Result<Needle, (&'static str, String)> {
    if value.len() > TEXT_BYTES_MAX {
        return Err((rule::TOO_LONG, text_rules::too_long(value.len(), TEXT_BYTES_MAX)));
    }
    Ok(Needle::new(value))
}
