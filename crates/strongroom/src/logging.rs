//! Log lines go to stderr, so that stdout holds results only.

mod json;

use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicBool, Ordering};

use settings::{Log, LogFormat, LogLevel};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::arguments::Global;

use json::JsonLines;

/// Our own crates. Others speak up only when something is wrong: what they would say beside that, nobody here has read.
const OURS: [&str; 5] = ["archive", "engine", "server", "store", "strongroom"];

static JSON: AtomicBool = AtomicBool::new(false);

/// Whether stderr holds one JSON object a line.
pub(crate) fn is_json() -> bool {
    JSON.load(Ordering::Relaxed)
}

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

/// Starts logging for a server: as its settings say, unless -q or -v ask for something else.
pub(crate) fn start_server(global: &Global, settings: Log) {
    let level = match (global.quiet, global.verbose, settings.level) {
        (true, ..) | (_, 0, LogLevel::Error) => LevelFilter::ERROR,
        (_, 0, LogLevel::Warn) => LevelFilter::WARN,
        (_, 0, LogLevel::Info) => LevelFilter::INFO,
        (_, 0, LogLevel::Debug) | (_, 1.., _) => LevelFilter::DEBUG,
    };
    let targets = Targets::new()
        .with_targets(OURS.map(|target| (target, level)))
        .with_default(level.min(LevelFilter::WARN));
    let json = match settings.format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !io::stderr().is_terminal(),
    };
    JSON.store(json, Ordering::Relaxed);
    let lines =
        tracing_subscriber::fmt::layer().with_ansi(io::stderr().is_terminal()).with_writer(io::stderr);
    let started = tracing_subscriber::registry().with(targets);
    if json {
        started.with(lines.event_format(JsonLines)).init();
        report_panics();
    } else {
        started.with(lines.with_target(false)).init();
    }
}

/// The runtime's own report of a panic is no JSON, and its text may hold a part of an event. Where it happened is enough
/// to find it.
fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let text = panic.payload().downcast_ref::<&'static str>().copied();
        tracing::error!(place, text, "a thread panicked");
    }));
}
