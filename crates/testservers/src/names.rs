//! Names for buckets and containers.

use std::sync::atomic::{AtomicU64, Ordering};

static NEXT: AtomicU64 = AtomicU64::new(0);

/// A name that no other bucket of this process has, allowed by every server: lower case, at least three characters.
pub(crate) fn unused(prefix: &str) -> String {
    format!("{prefix}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}
