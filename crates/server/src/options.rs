//! What the operator decided about serving.

use std::path::PathBuf;

use crate::bounds::Bounds;
use crate::tls::Tls;

/// How to serve.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Certificate and key; `None` serves without encryption.
    pub tls: Option<Tls>,
    /// Who may read `/metrics`.
    pub metrics: MetricsAccess,
    /// The directory whose disk is watched; `None` watches none.
    pub data_directory: Option<PathBuf>,
    /// What callers are allowed, of time and of connections.
    pub bounds: Bounds,
}

/// Who may read `/metrics`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MetricsAccess {
    /// Bearers of a token of role auditor or above, bound to a tenant or not: the numbers are nobody's.
    #[default]
    Token,
    /// Everybody.
    Open,
    /// Nobody: the route is not there.
    Off,
}
