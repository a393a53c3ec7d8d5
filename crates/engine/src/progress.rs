/// Where long work says how far it is.
pub trait Progress: Send + Sync {
    /// A step begins; `total` is in the unit of [`Progress::advance`], when it is known.
    fn begin(&self, what: &str, total: Option<u64>);
    /// So much more is done.
    fn advance(&self, by: u64);
    /// The step is over.
    fn end(&self);
}

/// Says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn begin(&self, _what: &str, _total: Option<u64>) {}
    fn advance(&self, _by: u64) {}
    fn end(&self) {}
}
