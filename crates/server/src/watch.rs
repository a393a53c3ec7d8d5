//! What the server knows of itself, for readiness and metrics.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::SystemTime;

use crate::connections::Bounded;
use crate::metrics::{Slow, Traffic};
use crate::options::{MetricsAccess, Options};
use crate::readiness::Readiness;

/// Shared by everything that serves one engine.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) started: SystemTime,
    pub(crate) metrics_access: MetricsAccess,
    pub(crate) data_directory: Option<PathBuf>,
    pub(crate) connections: Bounded,
    pub(crate) readiness: Readiness,
    pub(crate) traffic: Traffic,
    pub(crate) slow: Slow,
    /// Set when the server was told to stop.
    pub(crate) stopping: AtomicBool,
}

impl Watch {
    pub(crate) fn new(options: &Options, connections: Bounded) -> Self {
        Self {
            started: SystemTime::now(),
            metrics_access: options.metrics,
            data_directory: options.data_directory.clone(),
            connections,
            readiness: Readiness::default(),
            traffic: Traffic::default(),
            slow: Slow::default(),
            stopping: AtomicBool::new(false),
        }
    }
}
