use std::sync::OnceLock;

use event::{EntryFields, Event, Field, Filter, Limits};
use serde_json::Value;

use crate::naive;
use crate::pairs::{Pairs, borrowed, split};
use crate::refusal::is_short;
use crate::sample::{now, submitted};

/// Lines to evaluate on: three streams, three tenants, with and without the optional members.
const LINES: usize = 12;

/// The input is a filter as a query has it: `name=value&name=value`.
///
/// A filter that is refused names the conditions that are wrong. One that is taken reads back from its pairs and from its
/// JSON, does not depend on the order of its conditions, takes none of them twice, and matches what a slow evaluation
/// matches, without the index hiding anything.
pub fn filter(data: &[u8]) {
    let Ok(query) = str::from_utf8(data) else { return };
    let pairs = split(query);
    match Filter::from_pairs(borrowed(&pairs)) {
        Err(violations) => {
            is_short(&violations);
            for violation in violations {
                // A long name is cut and ends in an ellipsis.
                let stem = violation.member.trim_end_matches('…');
                let is_given = pairs.iter().any(|(name, _)| name.starts_with(stem));
                assert!(is_given, "{:?} was not asked for", violation.member);
            }
        }
        Ok(filter) => {
            has_one_form(&filter, &pairs);
            matches_what_it_says(&filter, &pairs);
        }
    }
}

fn has_one_form(filter: &Filter, pairs: &Pairs) {
    assert_eq!(filter.is_empty(), pairs.is_empty());
    let canonical = filter.pairs();
    assert_eq!(canonical.len(), pairs.len());
    let again = Filter::from_pairs(canonical.iter().map(|(name, value)| (*name, value.as_str())));
    let reversed = Filter::from_pairs(borrowed(pairs).rev());
    let json = serde_json::to_string(filter).expect("a filter is JSON");
    let stored: Filter = serde_json::from_str(&json).expect("a filter is read from its JSON");
    for other in [again, reversed, Ok(stored)] {
        let other = other.expect("the conditions of a filter are a filter");
        assert_eq!(other, *filter);
        assert_eq!(other.fingerprint(), filter.fingerprint());
    }
    for pair in pairs {
        let twice = pairs.iter().chain([pair]).map(|(name, value)| (name.as_str(), value.as_str()));
        assert!(Filter::from_pairs(twice).is_err(), "{} is taken twice", pair.0);
    }
    let asked = filter.tenant().map(str::to_owned);
    let narrowed = filter.clone().narrowed(Field::Tenant, "7");
    assert_eq!(narrowed.is_some(), asked.is_none_or(|tenant| tenant == "7"));
    assert!(narrowed.is_none_or(|narrowed| narrowed.tenant() == Some("7")));
}

fn matches_what_it_says(filter: &Filter, pairs: &Pairs) {
    static ENTRIES: OnceLock<Vec<(Vec<u8>, Value)>> = OnceLock::new();
    let entries = ENTRIES.get_or_init(|| (0..LINES).map(entry).collect());
    for (line, parsed) in entries {
        let fields = EntryFields::parse(line).expect("a line is an entry's");
        let expected = borrowed(pairs).all(|(name, wanted)| naive::holds(parsed, name, wanted));
        assert_eq!(filter.matches(&fields, line), expected, "{filter} on {parsed}");
        let terms = fields.terms();
        let is_indexed =
            filter.exact_terms().iter().all(|(field, term)| terms[usize::from(field.number())] == *term);
        assert!(is_indexed || !expected, "the index hides a match of {filter}");
    }
}

fn entry(number: usize) -> (Vec<u8>, Value) {
    let event = Event::parse(submitted(number).as_bytes(), &Limits::default(), now()).expect("an event");
    let mut line = Vec::new();
    event.write_line(number as u64, now(), None, &mut line);
    let parsed = serde_json::from_slice(&line).expect("a line is JSON");
    (line, parsed)
}
