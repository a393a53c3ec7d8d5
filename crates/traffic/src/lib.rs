//! Seeded, realistic audit traffic for the demo, the tests and the benchmarks.
//!
//! [`Traffic`] writes one submitted event at a time as JSON text: 85 % audit, 10 % tool and 5 % discovery, spread
//! over tenants and actors the way real organisations are (a few busy ones, a long tail), with unique event and
//! request ids, shared trace ids, mostly successful outcomes, metadata, and changes where an action changes
//! something. The same seed and the same times give the same bytes, on every machine.
//!
//! Deliberately absent: a clock (the caller gives every `occurred_at`), I/O, pacing, and invalid events. A test
//! that wants a broken event breaks one itself, so that it can say which rule it breaks.

mod json;
mod population;
mod random;
mod streams;
mod vocabulary;

use json::Writer;
use population::{Actor, ActorKind, Population};
use random::Random;

/// Tenants that [`Traffic::new`] spreads events over.
pub const TENANTS_DEFAULT: usize = 20;

/// Room for nearly every event without growing the buffer; the average is about 590 bytes.
const EVENT_CAPACITY_BYTES: usize = 1_024;

/// 9999-12-31T23:59:59.999999Z, the last instant an event can carry, in microseconds since the Unix epoch.
const OCCURRED_AT_MICROS_MAX: i64 = 253_402_300_799_999_999;

/// An endless, deterministic supply of submitted events.
#[derive(Debug, Clone)]
pub struct Traffic {
    random: Random,
    population: Population,
    /// Neighbouring events often belong to one request chain; some reuse the trace of the one before.
    trace: [u64; 2],
}

impl Traffic {
    /// Traffic of [`TENANTS_DEFAULT`] tenants and about 2,000 actors.
    pub fn new(seed: u64) -> Self {
        Self::with_tenants(seed, TENANTS_DEFAULT)
    }

    /// Traffic of `tenants` tenants, named `1`, `2`, … from the busiest down. About 2,000 actors are divided over
    /// them; every tenant has at least four. Zero is taken as one.
    pub fn with_tenants(seed: u64, tenants: usize) -> Self {
        let mut random = Random::new(seed);
        let trace = [random.next(), random.next()];
        Self { random, population: Population::new(tenants.max(1)), trace }
    }

    /// The next event, as the JSON text of a submitted event: at most 2 KiB, without a newline.
    ///
    /// `occurred_at_micros` counts from the Unix epoch; the event's `UUIDv7` id carries the same time in its first
    /// 48 bits. A time outside 1970..=9999 is moved to the nearest end, because a `UUIDv7` cannot hold it.
    pub fn event(&mut self, occurred_at_micros: i64) -> Vec<u8> {
        let occurred_at_micros = occurred_at_micros.clamp(0, OCCURRED_AT_MICROS_MAX);
        let mut writer = Writer::with_capacity(EVENT_CAPACITY_BYTES);
        match self.random.below(100) {
            0..85 => streams::audit(self, &mut writer, occurred_at_micros),
            85..95 => streams::tool(self, &mut writer, occurred_at_micros),
            _ => streams::discovery(self, &mut writer, occurred_at_micros),
        }
        writer.finish()
    }

    fn next_trace(&mut self) -> [u64; 2] {
        if !self.random.one_in(4) {
            self.trace = [self.random.next(), self.random.next()];
        }
        self.trace
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_tenants_is_one_tenant() {
        let text = String::from_utf8(Traffic::with_tenants(3, 0).event(0)).unwrap();
        assert!(text.contains(r#""tenant":"1""#), "{text}");
    }

    #[test]
    fn times_outside_the_format_are_moved_to_its_ends() {
        let early = String::from_utf8(Traffic::new(1).event(i64::MIN)).unwrap();
        let late = String::from_utf8(Traffic::new(1).event(i64::MAX)).unwrap();
        assert!(early.contains(r#""occurred_at":"1970-01-01T00:00:00.000000Z""#), "{early}");
        assert!(late.contains(r#""occurred_at":"9999-12-31T23:59:59.999999Z""#), "{late}");
    }
}
