//! Prints what the hot paths cost: `cargo run --release -p event --example parse_rate`.

use std::hint::black_box;
use std::io::Write;
use std::time::Instant;

use event::{EntryFields, Event, Filter, Limits, Timestamp};

const EVENT: &str = r#"{"stream":"audit","event_id":"01994f3c-7b2e-7c41-9d55-0a1b2c3d4e5f","occurred_at":"2026-04-22T02:30:15.123456Z","tenant":"acme-production","actor":{"type":"user","id":"user-4711","name":"Ada Example","email":"ada@example.com","ip":"203.0.113.7","auth_method":"oidc"},"action":"document.update","target":{"type":"document","id":"doc-98765","name":"Quarterly report"},"outcome":"success","source":"web","request_id":"6f1d2c3b4a5968778695a4b3c2d1e0f1","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","metadata":{"region":"eu-central-1","attempt":1,"latency_ms":12.5,"flags":["fast","cached"]},"changes":{"title":{"before":"Draft","after":"Final"}}}"#;

const ROUNDS: u32 = 200_000;

fn main() -> std::io::Result<()> {
    let now = Timestamp::from_micros(1_800_000_000_000_000).expect("a time of this century");
    let limits = Limits::default();
    let event = Event::parse(EVENT.as_bytes(), &limits, now).expect("a valid event");
    let mut line = Vec::new();
    event.write_line(1_042, now, now.checked_add_days(1_095), &mut line);
    let fields = EntryFields::parse(&line).expect("a line");
    let filter = Filter::from_pairs([("text", "no such words")].into_iter()).expect("a filter");

    let mut out = std::io::stdout().lock();
    writeln!(out, "event {} B, line {} B", EVENT.len(), line.len())?;
    let mut report = |name: &str, nanos: f64| writeln!(out, "{name:<20} {nanos:>7.0} ns");
    report(
        "Event::parse",
        nanos_per_round(|| drop(black_box(Event::parse(EVENT.as_bytes(), &limits, now)))),
    )?;
    report("Event::keys", nanos_per_round(|| _ = black_box(event.keys())))?;
    let mut buffer = Vec::new();
    let write = || {
        buffer.clear();
        event.write_line(1_042, now, Some(now), &mut buffer);
        black_box(&buffer);
    };
    report("Event::write_line", nanos_per_round(write))?;
    report("EntryFields::parse", nanos_per_round(|| drop(black_box(EntryFields::parse(&line)))))?;
    report("EntryFields::terms", nanos_per_round(|| _ = black_box(fields.terms())))?;
    report("Filter::matches text", nanos_per_round(|| _ = black_box(filter.matches(&fields, &line))))
}

/// The best of a few series: what the work costs when nothing else runs.
fn nanos_per_round(mut work: impl FnMut()) -> f64 {
    let mut series = || {
        let start = Instant::now();
        (0..ROUNDS).for_each(|_| work());
        start.elapsed().as_secs_f64() * 1e9 / f64::from(ROUNDS)
    };
    (0..5).map(|_| series()).fold(f64::INFINITY, f64::min)
}
