use event::{EntryFields, Event, Field, Filter, Limits, content_hashes_possible, keys_for_line};
use serde_json::{Map, Value};

use crate::canonical;
use crate::naive::same;
use crate::refusal::is_short;
use crate::sample::{now, time};

/// The input is one submitted event.
///
/// An event that is taken has one line, the line says what was submitted, and it reads back as the same event: terms,
/// keys and content hash agree on both sides, whatever the ledger adds. Every value that can be searched finds the entry.
/// An event that is refused is refused in few and short words, and narrower limits take nothing that wider ones refuse.
pub fn event(data: &[u8]) {
    let taken = Event::parse(data, &Limits::default(), now());
    match &taken {
        Ok(event) => {
            let line = line(event);
            says_what_was_submitted(data, &line);
            is_the_one_line(event, &line);
            agrees_with_its_entry(event.clone());
        }
        Err(violations) => is_short(violations),
    }
    let narrow = Limits {
        event_bytes_max: 400,
        identifier_bytes_max: 16,
        string_bytes_max: 32,
        metadata_depth_max: 3,
        future_seconds_max: 0,
        ..Limits::default()
    };
    match Event::parse(data, &narrow, now()) {
        Ok(event) => assert_eq!(line(&event), line(&taken.expect("what narrow limits take, wide ones take"))),
        Err(violations) => is_short(&violations),
    }
}

/// The line at seq 1042 with nothing assigned or defaulted.
fn line(event: &Event) -> String {
    let mut out = Vec::new();
    event.write_line(1_042, now(), None, &mut out);
    String::from_utf8(out).expect("a line is UTF-8")
}

fn says_what_was_submitted(data: &[u8], line: &str) {
    assert!(line.bytes().all(|byte| byte >= 0x20), "a line has no newline and no other control character");
    let mut said: Map<String, Value> = serde_json::from_str(line).expect("a line is a JSON object");
    assert_eq!(said.remove("seq"), Some(1_042.into()));
    assert_eq!(said.remove("recorded_at"), Some(now().to_string().into()));
    let mut submitted: Map<String, Value> =
        serde_json::from_slice(data).expect("only JSON objects are taken");
    for name in ["occurred_at", "retention_until"] {
        if let Some(Value::String(text)) = submitted.get_mut(name) {
            *text = time(text).to_string();
        }
    }
    assert!(same(&said.into(), &submitted.into()), "the line says something else: {line}");
}

/// Every token of the line has its one form. The line without what the ledger added is an event with the same line, and so
/// is a permutation of it.
fn is_the_one_line(event: &Event, line: &str) {
    canonical::check(line);
    let members = &line[line.find("\"stream\"").expect("every line has a stream")..];
    let submitted = format!("{{{members}");
    let sorted: Value = serde_json::from_str(&submitted).expect("a line is JSON");
    for text in [submitted, sorted.to_string()] {
        // serde_json writes 1e15 as 1000000000000000.0: a permutation may be longer than what was submitted.
        if text.len() > Limits::default().event_bytes_max {
            continue;
        }
        let again =
            Event::parse(text.as_bytes(), &Limits::default(), now()).expect("a line is an event again");
        assert_eq!(self::line(&again), line, "the line is not a fixpoint");
        assert_eq!(again.content_hash(), event.content_hash());
        assert_eq!(again.terms(), event.terms());
        assert_eq!(again.keys(), event.keys());
    }
}

fn agrees_with_its_entry(mut event: Event) {
    let content_hash = event.content_hash();
    event.assign_event_id("assigned \"1\"".to_owned());
    assert_eq!(event.content_hash(), content_hash, "a retry without an id would not be found equal");
    for default_retention_until in [None, Some(time("2029-01-01T00:00:00Z"))] {
        let mut line = Vec::new();
        event.write_line(u64::MAX, now(), default_retention_until, &mut line);
        let fields = EntryFields::parse(&line).expect("a line is an entry's");
        assert_eq!((fields.seq, fields.recorded_at), (u64::MAX, now()));
        assert_eq!((fields.stream, &*fields.tenant), (event.stream(), event.tenant()));
        assert_eq!(Some(&*fields.event_id), event.event_id());
        assert_eq!(fields.occurred_at, event.occurred_at());
        assert_eq!(fields.source.as_deref(), event.source());
        assert_eq!(fields.external_id.as_deref(), event.external_id());
        assert_eq!(fields.retention_until, event.retention_until().or(default_retention_until));
        assert_eq!(fields.terms(), event.terms());
        assert_eq!(keys_for_line(&fields), event.keys());
        let possible = content_hashes_possible(&line).expect("a line is an entry's");
        assert!(possible.contains(&content_hash), "a retry would be taken for a conflict");
        is_found(&fields, &line);
    }
}

fn is_found(fields: &EntryFields<'_>, line: &[u8]) {
    for field in Field::ALL {
        let Some(value) = fields.value(field) else { continue };
        let filter =
            Filter::from_pairs([(field.as_str(), value)].into_iter()).expect("a value is a condition");
        assert!(filter.matches(fields, line), "{} does not find the entry", field.as_str());
        let term = fields.terms()[usize::from(field.number())];
        assert_eq!(filter.exact_terms(), [(field, term)], "the index hides the entry");
    }
}
