//! Log lines go to stderr, so that stdout holds results only.

use std::io;

use tracing_subscriber::filter::LevelFilter;

use crate::arguments::Global;

/// Starts logging at the level that -q and -v ask for.
pub(crate) fn start(global: &Global) {
    let level = match (global.quiet, global.verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) => LevelFilter::WARN,
        (false, 1) => LevelFilter::INFO,
        (false, _) => LevelFilter::DEBUG,
    };
    tracing_subscriber::fmt().with_max_level(level).with_target(false).with_writer(io::stderr).init();
}
