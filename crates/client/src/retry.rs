//! When to try again, and when to give up.

use std::time::{Duration, Instant, SystemTime};

const PAUSE_FIRST: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// Statuses after which the same request may succeed: the server or something before it was busy, away or full.
pub(crate) fn is_worth_repeating(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502 | 503 | 504 | 507)
}

/// The longest pause after this many failures: 100 ms, doubling to 10 s.
fn pause_max(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    PAUSE_FIRST.saturating_mul(1 << doublings).min(PAUSE_MAX)
}

/// Full jitter: anything from nothing to the longest, so that clients which failed together do not come back together.
pub(crate) fn pause(failures: u32) -> Duration {
    pause_max(failures).mul_f64(rand::random_range(0.0..=1.0))
}

/// `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date.
pub(crate) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u32>() {
        return Some(Duration::from_secs(u64::from(seconds)));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// The attempts of one call, within its deadline.
#[derive(Debug)]
pub(crate) struct Attempts {
    started: Instant,
    deadline: Duration,
    failures: u32,
}

impl Attempts {
    pub(crate) fn within(deadline: Duration) -> Self {
        Self { started: Instant::now(), deadline, failures: 0 }
    }

    pub(crate) fn waited(&self) -> Duration {
        self.started.elapsed()
    }

    pub(crate) fn left(&self) -> Duration {
        self.deadline.saturating_sub(self.waited())
    }

    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// Counts a failure. How long to wait before the next attempt; `None` when the deadline comes first, because an
    /// attempt that has no time left to be answered would only add to the load.
    pub(crate) fn next(&mut self, asked: Option<Duration>) -> Option<Duration> {
        self.failures += 1;
        // Jitter comes on top of what the server asks for: many were told the same, and are not to come back at once.
        let wait = asked.unwrap_or_default().saturating_add(pause(self.failures));
        (wait < self.left()).then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_ten_seconds_and_never_exceed_it() {
        let millis: Vec<u128> = (1..=9).map(|failures| pause_max(failures).as_millis()).collect();
        assert_eq!(millis, [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
        assert_eq!(pause_max(u32::MAX), PAUSE_MAX);
        for failures in [1, 4, 40] {
            for _ in 0..100 {
                assert!(pause(failures) <= pause_max(failures));
            }
        }
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        assert_eq!(retry_after(" 5 ", now), Some(Duration::from_secs(5)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:40 GMT", now), Some(Duration::from_secs(3)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:30 GMT", now), Some(Duration::ZERO));
        for unread in ["", "-1", "soon", "1.5"] {
            assert_eq!(retry_after(unread, now), None, "{unread}");
        }
    }

    #[test]
    fn a_wait_beyond_the_deadline_is_not_begun() {
        let mut attempts = Attempts::within(Duration::from_secs(30));
        let asked = attempts.next(Some(Duration::from_secs(5))).unwrap();
        assert!(asked >= Duration::from_secs(5), "what the server asks for is the least");
        assert_eq!(attempts.next(Some(Duration::from_secs(31))), None);
        assert_eq!(attempts.failures(), 2);
        assert_eq!(Attempts::within(Duration::ZERO).next(None), None);
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let repeated: Vec<u16> = (100..600).filter(|status| is_worth_repeating(*status)).collect();
        assert_eq!(repeated, [408, 429, 500, 502, 503, 504, 507]);
    }
}
