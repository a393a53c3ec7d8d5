use std::sync::atomic::{AtomicI64, Ordering};

use engine::Clock;
use event::Timestamp;

/// A clock that moves only when a test says so.
#[derive(Debug)]
pub struct ManualClock {
    micros: AtomicI64,
}

impl ManualClock {
    /// A clock that stands at this RFC 3339 time.
    pub fn at(time: &str) -> Self {
        let time: Timestamp = Timestamp::parse_rfc3339(time).expect("a test's time is RFC 3339");
        Self { micros: AtomicI64::new(time.micros()) }
    }

    /// Moves it by so many microseconds, backwards too.
    pub fn advance_micros(&self, micros: i64) {
        self.micros.fetch_add(micros, Ordering::SeqCst);
    }

    /// Moves it by whole days.
    pub fn advance_days(&self, days: i64) {
        self.advance_micros(days * 86_400 * 1_000_000);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.micros.load(Ordering::SeqCst)).expect("a test's clock stays in range")
    }
}
