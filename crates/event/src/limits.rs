//! How large an event may be.

/// Bounds on what is taken in. The defaults are the documented ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one whole event, both as submitted and in canonical form.
    pub event_bytes_max: usize,
    /// UTF-8 bytes of an identifier.
    pub identifier_bytes_max: usize,
    /// UTF-8 bytes of a free string.
    pub string_bytes_max: usize,
    /// Nested objects and arrays in `metadata`, `changes` and other free parts, the part itself being 1.
    pub metadata_depth_max: usize,
    /// Events in one batch; kept here for whoever takes batches in.
    pub batch_events_max: usize,
    /// Bytes of one batch as submitted; kept here for whoever takes batches in.
    pub batch_bytes_max: usize,
    /// How many seconds `occurred_at` may lie after now: producers' clocks are not exact.
    pub future_seconds_max: u32,
}

impl Limits {
    /// For what was accepted before, perhaps under wider limits than there are now.
    pub(crate) const NONE: Self = Self {
        event_bytes_max: usize::MAX,
        identifier_bytes_max: usize::MAX,
        string_bytes_max: usize::MAX,
        metadata_depth_max: usize::MAX,
        batch_events_max: usize::MAX,
        batch_bytes_max: usize::MAX,
        future_seconds_max: u32::MAX,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            event_bytes_max: 262_144,
            identifier_bytes_max: 256,
            string_bytes_max: 65_536,
            metadata_depth_max: 16,
            batch_events_max: 10_000,
            batch_bytes_max: 16 * 1_024 * 1_024,
            future_seconds_max: 300,
        }
    }
}
