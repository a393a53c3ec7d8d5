//! A client for writes whose headers depend on the day.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use object_store::ObjectStore;

use crate::destination::object_storage::Writer;
use crate::destination::storage::StorageResult;
use crate::destination::storage_error::{StorageError, StorageErrorKind};
use crate::error::Result;

pub(super) const MICROS_PER_DAY: i64 = 86_400_000_000;

type Build = Box<dyn Fn(i64) -> Result<Arc<dyn ObjectStore>> + Send + Sync>;

/// Makes its client anew when the UTC day is another one.
pub(super) struct DailyWriter {
    build: Build,
    today: fn() -> i64,
    current: Mutex<(i64, Arc<dyn ObjectStore>)>,
}

impl DailyWriter {
    /// `build` makes the client for a day, counted from 1970-01-01.
    pub(super) fn new(build: Build) -> Result<Self> {
        Self::with_clock(build, today)
    }

    fn with_clock(build: Build, today: fn() -> i64) -> Result<Self> {
        let day = today();
        let store = build(day)?;
        Ok(Self { build, today, current: Mutex::new((day, store)) })
    }
}

impl Writer for DailyWriter {
    fn store(&self) -> StorageResult<Arc<dyn ObjectStore>> {
        let day = (self.today)();
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.0 != day {
            let store = (self.build)(day)
                .map_err(|error| StorageError::new(StorageErrorKind::Failed, error.to_string()))?;
            *current = (day, store);
        }
        Ok(Arc::clone(&current.1))
    }
}

impl fmt::Debug for DailyWriter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("DailyWriter")
    }
}

/// The machine's day: locks are counted by the server's clock, which is not ours either.
fn today() -> i64 {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    i64::try_from(seconds / 86_400).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use object_store::memory::InMemory;

    use super::*;

    #[test]
    fn a_new_day_makes_a_new_client_and_the_same_day_does_not() {
        static TODAY: AtomicI64 = AtomicI64::new(7);
        static BUILT: Mutex<Vec<i64>> = Mutex::new(Vec::new());
        let build = |day| {
            BUILT.lock().unwrap().push(day);
            Ok(Arc::new(InMemory::new()) as _)
        };
        let writer = DailyWriter::with_clock(Box::new(build), || TODAY.load(Ordering::Relaxed)).unwrap();
        writer.store().unwrap();
        writer.store().unwrap();
        TODAY.store(8, Ordering::Relaxed);
        writer.store().unwrap();
        writer.store().unwrap();
        assert_eq!(*BUILT.lock().unwrap(), [7, 8]);
    }
}
