//! How long entries stay hot, and how long they stay at all. Both count from `recorded_at`.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// The largest number of days either window takes: a hundred years.
pub const DAYS_MAX: i64 = 36_500;

/// A number of days that is not accepted. The message has the value, once, and the accepted range; where the value was
/// given is for the caller to put before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RetentionError {
    /// A hot window outside 1 to 36,500 days.
    #[error("{0} is not accepted: give a number of days from 1 to 36,500")]
    HotDays(i64),
    /// A retention outside 1 to 36,500 days that is not -1 either.
    #[error("{0} is not accepted: give a number of days from 1 to 36,500, or -1 to keep for ever")]
    RetainDays(i64),
}

/// The hot window: how many days an entry stays in the hot store after it was recorded, 1 to 36,500.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct HotDays(u32);

impl HotDays {
    /// Accepts 1 to 36,500.
    pub fn new(days: i64) -> Result<Self, RetentionError> {
        match u32::try_from(days) {
            Ok(accepted) if (1..=DAYS_MAX).contains(&days) => Ok(Self(accepted)),
            _ => Err(RetentionError::HotDays(days)),
        }
    }

    /// The number of days.
    pub const fn days(self) -> u32 {
        self.0
    }
}

impl Default for HotDays {
    fn default() -> Self {
        Self(90)
    }
}

impl TryFrom<i64> for HotDays {
    type Error = RetentionError;

    fn try_from(days: i64) -> Result<Self, RetentionError> {
        Self::new(days)
    }
}

impl From<HotDays> for i64 {
    fn from(days: HotDays) -> Self {
        Self::from(days.0)
    }
}

/// The start of the hot window: an entry recorded strictly before it has left the window, one recorded exactly then has
/// not. `None` when the date arithmetic overflows, and then nothing may be deleted.
pub fn cutoff(now: Timestamp, hot_days: HotDays) -> Option<Timestamp> {
    now.checked_sub_days(i64::from(hot_days.0))
}

/// Whether an entry has left the hot window.
pub fn is_past(recorded_at: Timestamp, cutoff: Timestamp) -> bool {
    recorded_at < cutoff
}

/// How long a stream's entries are kept at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub enum RetainDays {
    /// For ever; settings write it -1.
    Never,
    /// For this many days, 1 to 36,500.
    Days(u32),
}

impl RetainDays {
    /// Accepts -1 (never expires) and 1 to 36,500.
    pub fn new(days: i64) -> Result<Self, RetentionError> {
        match u32::try_from(days) {
            Err(_) if days == -1 => Ok(Self::Never),
            Ok(accepted) if (1..=DAYS_MAX).contains(&days) => Ok(Self::Days(accepted)),
            _ => Err(RetentionError::RetainDays(days)),
        }
    }

    /// When an entry recorded at `recorded_at` may expire; `None` when it never does. A date past the year 9999 is
    /// never too: overflow keeps, it does not delete.
    pub fn until(self, recorded_at: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Never => None,
            Self::Days(days) => recorded_at.checked_add_days(i64::from(days)),
        }
    }
}

impl Default for RetainDays {
    fn default() -> Self {
        Self::Days(1_095)
    }
}

impl TryFrom<i64> for RetainDays {
    type Error = RetentionError;

    fn try_from(days: i64) -> Result<Self, RetentionError> {
        Self::new(days)
    }
}

impl From<RetainDays> for i64 {
    fn from(days: RetainDays) -> Self {
        match days {
            RetainDays::Never => -1,
            RetainDays::Days(days) => Self::from(days),
        }
    }
}
