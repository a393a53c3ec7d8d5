//! Identifiers of what stops a start. They never change, and none is ever given to anything else; `docs/errors.md` has a
//! paragraph for each, also for those that only opening a destination finds.

/// A destination's URL names no bucket or container.
pub(crate) const BUCKET: &str = "SR-E001";
/// A destination's URL is none.
pub(crate) const URL: &str = "SR-E004";
/// Encryption and its key do not go together.
pub(crate) const ENCRYPTION: &str = "SR-E005";
/// A setting that this kind of destination has no use for.
pub(crate) const NOT_OF_THIS_KIND: &str = "SR-E006";
/// An object lock without its days, or days without a lock.
pub(crate) const OBJECT_LOCK: &str = "SR-E007";
/// `null:` while entries of some stream may not be discarded.
pub(crate) const NOT_DISCARDABLE: &str = "SR-E008";
/// `null:` beside another destination.
pub(crate) const NOT_ALONE: &str = "SR-E009";

/// Every identifier that settings are refused under.
pub const START_ERRORS: [&str; 7] =
    [BUCKET, URL, ENCRYPTION, NOT_OF_THIS_KIND, OBJECT_LOCK, NOT_DISCARDABLE, NOT_ALONE];
