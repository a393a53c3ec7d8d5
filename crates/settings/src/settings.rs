//! The settings, validated.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use event::retention::{HotDays, RetainDays};

use crate::archive::{self, Archive};
use crate::layers::{Found, Sources};
use crate::problem::{Error, Problem};
use crate::serve::{Log, Metrics, Tls};
use crate::values::Values;

const SECONDS_PER_DAY: u64 = 86_400;

/// Everything that can be set, accepted and complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `[ledger]`
    pub ledger: Ledger,
    /// `[store]`
    pub store: Store,
    /// `[server]`
    pub server: Server,
    /// `[streams.…]`
    pub streams: Streams,
    /// `[retention]`
    pub retention: Retention,
    /// `[expire]`
    pub expire: Expire,
    /// `[operations]`
    pub operations: Operations,
    /// `[limits]`
    pub limits: Limits,
    /// `[search]`
    pub search: Search,
    /// `[log]`
    pub log: Log,
    /// `[[archive]]`, in the order given; may be empty.
    pub archive: Vec<Archive>,
}

/// The ledger itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// Name of the ledger in its signatures; `None` lets a new ledger choose and an old one keep its own.
    pub origin: Option<String>,
    /// The data directory, absolute if the working directory was.
    pub data_dir: PathBuf,
}

/// Where the hot entries are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// Kind of store.
    pub backend: Backend,
}

/// Kinds of stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// A `SQLite` database in the data directory.
    Sqlite,
}

/// The HTTP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Address to listen on; port 0 lets the system choose one.
    pub listen: SocketAddr,
    /// Bytes of events that may wait to be written.
    pub queue_bytes_max: u64,
    /// Certificate and key; `None` serves without encryption.
    pub tls: Option<Tls>,
    /// Who may read `/metrics`.
    pub metrics: Metrics,
}

/// The policies of the streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Streams {
    /// `[streams.audit]`
    pub audit: StreamSettings,
    /// `[streams.discovery]`
    pub discovery: StreamSettings,
    /// `[streams.tool]`
    pub tool: StreamSettings,
}

/// The policy of one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamSettings {
    /// How long an entry is kept at all, counted from `recorded_at`.
    pub retain_days: RetainDays,
    /// Whether an entry may go without a copy when it has aged.
    pub discardable: bool,
}

/// What leaves the hot store, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Whether archive runs happen by themselves.
    pub enabled: bool,
    /// When they happen.
    pub schedule: RunSchedule,
    /// How long an entry stays hot.
    pub hot_days: HotDays,
    /// Entries archived and pruned in one run, 1 to 1,000,000,000.
    pub entries_max: u64,
    /// Entries pruned in one transaction, 1 to 1,000,000.
    pub transaction_entries: u64,
    /// Days after pruning that dedup keys are kept, 0 to 36,500.
    pub dedup_days: u32,
}

/// When archive runs happen by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunSchedule {
    /// Once a UTC day, from so many minutes after its midnight on.
    Daily {
        /// 0 to 1,439.
        at_minutes: u16,
    },
    /// So many seconds after the last one began.
    Every {
        /// 1 to 604,800.
        seconds: u64,
    },
}

/// What is destroyed in the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expire {
    /// Whether archived objects may be destroyed once their time is up.
    pub enabled: bool,
}

/// Events in two steps, begun and completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operations {
    /// Seconds after its beginning that an operation is given up, 1 to 31,536,000 and less than the hot window.
    pub timeout_seconds: u64,
    /// Seconds between two looks at what has timed out, 1 to 86,400.
    pub every_seconds: u64,
    /// Operations timed out at one look, 1 to 100,000.
    pub timed_out_max: usize,
}

/// How large events and batches may be; see [`event::Limits`], which it becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one event.
    pub event_bytes_max: usize,
    /// Bytes of one free string.
    pub string_bytes_max: usize,
    /// Nested objects and arrays in free parts.
    pub metadata_depth_max: usize,
    /// Events in one batch.
    pub batch_events_max: usize,
    /// Bytes of one batch as submitted.
    pub batch_bytes_max: usize,
    /// Seconds that `occurred_at` may lie in the future.
    pub future_seconds_max: u32,
}

impl From<&Limits> for event::Limits {
    fn from(limits: &Limits) -> Self {
        Self {
            event_bytes_max: limits.event_bytes_max,
            string_bytes_max: limits.string_bytes_max,
            metadata_depth_max: limits.metadata_depth_max,
            batch_events_max: limits.batch_events_max,
            batch_bytes_max: limits.batch_bytes_max,
            future_seconds_max: limits.future_seconds_max,
            // Identifiers have a fixed bound: the index and the archive's names rely on it.
            ..Self::default()
        }
    }
}

/// Bounds of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// Entries that one search reads before it answers with a cursor.
    pub scan_entries_max: u64,
}

impl Settings {
    /// Reads all sources, merges them key by key and validates the result. The error has every problem.
    pub fn load(sources: &Sources) -> Result<Self, Error> {
        let mut problems = Vec::new();
        let merged = sources.merge(&mut problems);
        let settings = read(&merged.found, merged.data_dir, &sources.working_directory, &mut problems);
        if problems.is_empty() { Ok(settings) } else { Err(Error::new(problems)) }
    }
}

fn read(
    found: &BTreeMap<String, Found>,
    data_dir: PathBuf,
    working_directory: &Path,
    problems: &mut Vec<Problem>,
) -> Settings {
    let mut values = Values::new(found, problems);
    // Read for its problems; the path itself was needed earlier, to find the file in it.
    values.text("ledger.data_dir");
    let stream = |values: &mut Values<'_>, name: &str| StreamSettings {
        retain_days: values.retain_days(&format!("streams.{name}.retain_days")),
        discardable: values.switch(&format!("streams.{name}.discardable")),
    };
    let streams = Streams {
        audit: stream(&mut values, "audit"),
        discovery: stream(&mut values, "discovery"),
        tool: stream(&mut values, "tool"),
    };
    let settings = Settings {
        store: Store { backend: values.backend("store.backend") },
        server: Server {
            listen: values.listen("server.listen"),
            queue_bytes_max: values.whole("server.queue_bytes_max"),
            tls: Tls::read(&mut values, working_directory),
            metrics: Metrics::read(&mut values),
        },
        retention: Retention {
            enabled: values.switch("retention.enabled"),
            schedule: run_schedule(&mut values),
            hot_days: values.hot_days("retention.hot_days"),
            entries_max: values.whole("retention.entries_max"),
            transaction_entries: values.whole("retention.transaction_entries"),
            dedup_days: values.whole_u32("retention.dedup_days"),
        },
        expire: Expire { enabled: values.switch("expire.enabled") },
        operations: Operations {
            timeout_seconds: values.whole("operations.timeout_seconds"),
            every_seconds: values.whole("operations.every_seconds"),
            timed_out_max: values.count("operations.timed_out_max"),
        },
        limits: Limits {
            event_bytes_max: values.count("limits.event_bytes_max"),
            string_bytes_max: values.count("limits.string_bytes_max"),
            metadata_depth_max: values.count("limits.metadata_depth_max"),
            batch_events_max: values.count("limits.batch_events_max"),
            batch_bytes_max: values.count("limits.batch_bytes_max"),
            future_seconds_max: values.whole_u32("limits.future_seconds_max"),
        },
        search: Search { scan_entries_max: values.whole("search.scan_entries_max") },
        log: Log::read(&mut values),
        archive: archive::read(&mut values, &data_dir, working_directory, &streams),
        streams,
        ledger: Ledger { origin: values.optional_text("ledger.origin"), data_dir },
    };
    check_together(&settings, &mut values);
    settings
}

fn run_schedule(values: &mut Values<'_>) -> RunSchedule {
    let at_minutes = values.time_of_day("retention.run_at");
    let Some(seconds) = values.optional_whole("retention.every_seconds") else {
        return RunSchedule::Daily { at_minutes };
    };
    if values.is_given("retention.run_at") {
        let message = "goes not with retention.run_at: give one of them".to_owned();
        values.refuse("retention.every_seconds", message);
    }
    RunSchedule::Every { seconds }
}

/// Values that are fine alone and not together: the smaller thing must fit into the larger.
fn check_together(settings: &Settings, values: &mut Values<'_>) {
    let (timeout_seconds, hot_days) =
        (settings.operations.timeout_seconds, settings.retention.hot_days.days());
    let hot_seconds = u64::from(hot_days) * SECONDS_PER_DAY;
    if timeout_seconds >= hot_seconds {
        let message = format!(
            "{timeout_seconds} is not less than the hot window (retention.hot_days = {hot_days}): give at most {}",
            hot_seconds - 1
        );
        values.refuse("operations.timeout_seconds", message);
    }
    let limits = &settings.limits;
    let queue_bytes_max = usize::try_from(settings.server.queue_bytes_max).unwrap_or(usize::MAX);
    let fits = [
        (
            ("limits.string_bytes_max", limits.string_bytes_max),
            ("limits.event_bytes_max", limits.event_bytes_max),
        ),
        (
            ("limits.event_bytes_max", limits.event_bytes_max),
            ("limits.batch_bytes_max", limits.batch_bytes_max),
        ),
        (("limits.batch_bytes_max", limits.batch_bytes_max), ("server.queue_bytes_max", queue_bytes_max)),
    ];
    for ((small, small_bytes), (large, large_bytes)) in fits {
        if small_bytes > large_bytes {
            let message = format!("{small_bytes} is more than {large} ({large_bytes}): it must fit into it");
            values.refuse(small, message);
        }
    }
}
