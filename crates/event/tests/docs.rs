//! The examples in `docs/formats/event.md` and `line.md` are what the code takes in, refuses and writes.

mod samples;

use std::path::{Path, PathBuf};

use event::{Event, RetainDays};
use samples::{parse_text, time};

/// When the examples were recorded.
const RECORDED_AT: &str = "2026-11-22T01:33:05.000000Z";
/// What the third example, which has no id, is assigned.
const ASSIGNED_ID: &str = "019aa94c-5208-7d11-b1c4-9e8f3a2b6c05";

fn path(page: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats").join(page)
}

fn read(page: &str) -> String {
    std::fs::read_to_string(path(page)).unwrap_or_else(|error| panic!("{page}: {error}"))
}

/// Where the named example stands in a page: the bytes between its fences.
fn place(page: &str, name: &str) -> std::ops::Range<usize> {
    let marker = format!("<!-- example: {name} -->\n```");
    let fence = page.find(&marker).unwrap_or_else(|| panic!("no example {name}")) + marker.len();
    let start = fence + page[fence..].find('\n').expect("the end of the fence") + 1;
    start..start + page[start..].find("```").expect("the end of the example")
}

fn example<'p>(page: &'p str, name: &str) -> &'p str {
    &page[place(page, name)]
}

fn parsed(page: &str, name: &str) -> Event {
    parse_text(example(page, name)).unwrap_or_else(|violations| panic!("{name}: {violations:?}"))
}

/// `STRONGROOM_WRITE_EXAMPLES=1` writes the page instead of comparing it.
#[test]
fn the_events_of_the_page_become_the_lines_of_the_page() {
    let events = read("event.md");
    let recorded_at = time(RECORDED_AT);
    let until = RetainDays::default().until(recorded_at);
    let mut lines = Vec::new();
    for (seq, stream) in ["audit", "discovery", "tool"].into_iter().enumerate() {
        let mut event = parsed(&events, stream);
        assert_eq!(event.stream().as_str(), stream);
        event.assign_event_id(ASSIGNED_ID.to_owned());
        event.write_line(seq as u64, recorded_at, until, &mut lines);
        lines.push(b'\n');
    }
    let lines = String::from_utf8(lines).unwrap();
    let mut page = read("line.md");
    let written = place(&page, "lines");
    if std::env::var_os("STRONGROOM_WRITE_EXAMPLES").is_some() {
        page.replace_range(written, &lines);
        std::fs::write(path("line.md"), page).unwrap();
    } else {
        assert!(page[written] == lines, "the example in docs/formats/line.md should read:\n{lines}");
    }
}

#[test]
fn what_the_page_says_is_refused_is_refused_by_that_rule() {
    let page = read("event.md");
    let refused = example(&page, "refused");
    assert!(refused.lines().count() > 15, "the examples have gone");
    for line in refused.lines() {
        let (rule, rest) = line.split_once(' ').unwrap();
        let (member, json) = rest.trim_start().split_once(' ').unwrap();
        let member = if member == "-" { "" } else { member };
        let violations = parse_text(json.trim()).expect_err(line);
        let found: Vec<_> = violations.iter().map(|found| (found.rule, found.member.as_str())).collect();
        assert_eq!(found, [(rule, member)], "{line}");
    }
}
