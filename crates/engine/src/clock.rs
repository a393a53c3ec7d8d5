use std::time::{SystemTime, UNIX_EPOCH};

use event::Timestamp;

/// Where "now" comes from.
pub trait Clock: Send + Sync + 'static {
    /// The wall clock's time, UTC.
    fn now(&self) -> Timestamp;
}

/// The operating system's wall clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let micros = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |micros| -micros),
        };
        // A clock outside the years 1 to 9999 is pinned to their ends; doctor and the clock checks report it.
        Timestamp::from_micros(micros).unwrap_or(if micros < 0 { Timestamp::MIN } else { Timestamp::MAX })
    }
}
