//! Names for the numbers, and the text they are read as.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use engine::{EngineState, Figures, Histogram};
use event::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::machine;
use super::slow::Found;
use crate::routes::App;

const MICROS_PER_SECOND: f64 = 1_000_000.0;

/// All metrics as they are now.
pub(super) fn write(app: &App, slow: Found) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("strongroom");
    registry.register(
        "build",
        "The release that is running",
        Info::new([("version", env!("CARGO_PKG_VERSION"))]),
    );
    app.watch.traffic.register(&mut registry);
    let ledger = OfLedger {
        now: app.engine.ledger().now(),
        figures: app.engine.figures(),
        state: app.engine.state(),
        connections: [app.watch.connections.open() as u64, app.watch.connections.connections_max() as u64],
        slow,
    };
    registry.register_collector(Box::new(ledger));
    let mut written = String::new();
    text::encode_registry(&mut written, &registry)?;
    // The names that every process has under Prometheus carry no prefix of ours.
    let mut process = Registry::default();
    process.register_collector(Box::new(OfProcess { started: app.watch.started }));
    text::encode_registry(&mut written, &process)?;
    text::encode_eof(&mut written)?;
    Ok(written)
}

/// One snapshot, written as it is read.
#[derive(Debug)]
struct OfLedger {
    now: Timestamp,
    figures: Figures,
    state: EngineState,
    connections: [u64; 2],
    slow: Found,
}

impl Collector for OfLedger {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut out = Exposition { encoder };
        self.ingest(&mut out)?;
        self.signing(&mut out)?;
        self.upkeep(&mut out)?;
        out.gauge(
            "connections_open",
            "Connections now, those in a handshake among them",
            self.connections[0],
        )?;
        out.gauge("connections_max", "Connections at most", self.connections[1])?;
        let Some(disk) = self.slow.disk else { return Ok(()) };
        out.gauge("disk_size_bytes", "Size of the data directory's file system", disk.size_bytes)?;
        out.gauge("disk_available_bytes", "What may still be written there", disk.available_bytes)?;
        out.gauge(
            "data_directory_bytes",
            "Files directly in the data directory: the store, not an archive below it",
            disk.directory_bytes,
        )
    }
}

impl OfLedger {
    fn ingest(&self, out: &mut Exposition<'_>) -> fmt::Result {
        let figures = &self.figures;
        out.counter("ingest_batches", "Batches that were taken in", figures.batches)?;
        out.counter("ingest_events", "Events that became entries", figures.events)?;
        out.counter("ingest_duplicates", "Events that were there before", figures.duplicates)?;
        out.counter("line_bytes", "Bytes of the lines committed", figures.line_bytes)?;
        out.gauge("queue_events", "Events that wait to be committed", figures.waiting_events)?;
        out.gauge("queue_bytes", "About the memory of what waits", figures.waiting_bytes)?;
        out.gauge("queue_bytes_max", "The most that may wait", figures.waiting_bytes_max)?;
        out.histogram(
            "commit_seconds",
            "Time until a commit was durable",
            &figures.commit_micros,
            MICROS_PER_SECOND,
        )?;
        out.histogram("commit_entries", "Entries of a commit", &figures.commit_entries, 1.0)?;
        out.counter(
            "commits_failed",
            "Commits that failed or whose outcome was unknown",
            figures.commits_failed,
        )?;
        out.counter(
            "entries_lost",
            "Acknowledged entries that the store did not hold when it was read back; has to be 0",
            figures.entries_lost,
        )?;
        out.gauge("spooled_events", "Events in a spool; this release has none, so 0", 0)
    }

    fn signing(&self, out: &mut Exposition<'_>) -> fmt::Result {
        let figures = &self.figures;
        let flag =
            |name, help, is_so: bool, out: &mut Exposition<'_>| out.gauge(name, help, u64::from(is_so));
        out.gauge("tree_size", "Entries ever", figures.tree_size)?;
        out.gauge("checkpoint_size", "Entries under the newest checkpoint", figures.checkpoint_size)?;
        out.gauge(
            "unsigned_entries",
            "Entries not under a checkpoint yet; above 0 for more than seconds, signing does not keep up",
            figures.tree_size.saturating_sub(figures.checkpoint_size),
        )?;
        self.age(
            "checkpoint_age_seconds",
            "Since the newest checkpoint was signed, or found good at the start; grows while nothing is taken in",
            figures.checkpoint_at,
            out,
        )?;
        flag("signing_stopped", "1: nothing is signed any more", self.state.signing_stopped.is_some(), out)?;
        flag("ledger_failed", "1: nothing is taken in any more", self.state.failed.is_some(), out)?;
        flag(
            "clock_in_doubt",
            "1: scheduled archive runs wait for it",
            self.state.clock_in_doubt.is_some(),
            out,
        )
    }

    fn upkeep(&self, out: &mut Exposition<'_>) -> fmt::Result {
        let figures = &self.figures;
        let segments = [("sealed", figures.segments_sealed), ("dropped", figures.segments_dropped)];
        out.gauges(
            "segments",
            "Segments with an index, and those of which nothing is hot",
            "state",
            &segments,
        )?;
        let runs = [
            ("completed", figures.archive_completed),
            ("refused", figures.archive_refused),
            ("failed", figures.archive_failed),
        ];
        out.counters("archive_runs", "Archive runs that ended, by how", "result", &runs)?;
        out.counter("archived_entries", "Entries archived", figures.archived_entries)?;
        out.counter("pruned_entries", "Hot copies pruned", figures.pruned_entries)?;
        out.gauge("holds", "Legal holds; this release has none, so 0", 0)?;
        let Some(upkeep) = &self.slow.upkeep else { return Ok(()) };
        let frozen = u64::from(upkeep.archive_frozen);
        out.gauge("retention_frozen", "1: nothing is archived, pruned or expired", frozen)?;
        if let (Some(entries), Some(seconds)) = (upkeep.archive_lag_entries, upkeep.archive_lag_seconds) {
            out.gauge("archive_lag_entries", "Entries past the hot window and not archived", entries)?;
            out.gauge("archive_lag_seconds", "How long the oldest of them has been past it", seconds)?;
        }
        self.age("archive_run_age_seconds", "Since the last archive run ended", upkeep.archive_run_at, out)?;
        if let Some(ok) = upkeep.verified_ok {
            out.gauge("verification_ok", "1: the last verification found nothing", u64::from(ok))?;
        }
        self.age("verification_age_seconds", "Since the last verification", upkeep.verified_at, out)?;
        self.age(
            "full_verification_age_seconds",
            "Since everything was last read and found good",
            upkeep.fully_verified_at,
            out,
        )
    }

    /// Left out where it never was.
    fn age(&self, name: &str, help: &str, at: Option<Timestamp>, out: &mut Exposition<'_>) -> fmt::Result {
        let Some(at) = at else { return Ok(()) };
        let micros = self.now.micros().saturating_sub(at.micros()).max(0);
        out.gauge_f64(name, help, micros as f64 / MICROS_PER_SECOND)
    }
}

/// What Prometheus' own client libraries call a process's numbers.
#[derive(Debug)]
struct OfProcess {
    started: SystemTime,
}

impl Collector for OfProcess {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut out = Exposition { encoder };
        let started = self.started.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        out.gauge_f64(
            "process_start_time_seconds",
            "When the server started, since the Unix epoch",
            started,
        )?;
        if let Some(bytes) = machine::resident_bytes() {
            out.gauge("process_resident_memory_bytes", "Memory of the process", bytes)?;
        }
        if let Some(descriptors) = machine::open_descriptors() {
            out.gauge("process_open_fds", "Open file descriptors", descriptors)?;
        }
        Ok(())
    }
}

/// Writes one metric after the other.
struct Exposition<'a> {
    encoder: DescriptorEncoder<'a>,
}

impl Exposition<'_> {
    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let encoder = self.encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        ConstCounter::new(value).encode(encoder)
    }

    fn gauge(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let encoder = self.encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)).encode(encoder)
    }

    fn gauge_f64(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        let encoder = self.encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        ConstGauge::new(value).encode(encoder)
    }

    fn gauges(&mut self, name: &str, help: &str, label: &str, values: &[(&str, u64)]) -> fmt::Result {
        let mut encoder = self.encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        values.iter().try_for_each(|(value, number)| {
            let gauge = ConstGauge::new(i64::try_from(*number).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_family(&[(label, *value)])?)
        })
    }

    fn counters(&mut self, name: &str, help: &str, label: &str, values: &[(&str, u64)]) -> fmt::Result {
        let mut encoder = self.encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        values.iter().try_for_each(|(value, number)| {
            ConstCounter::new(*number).encode(encoder.encode_family(&[(label, *value)])?)
        })
    }

    /// Values are divided by `per_unit` on the way.
    fn histogram(&mut self, name: &str, help: &str, values: &Histogram, per_unit: f64) -> fmt::Result {
        let ends = values.buckets.iter().map(|(end, count)| (*end as f64 / per_unit, *count));
        let buckets: Vec<(f64, u64)> = ends.chain([(f64::INFINITY, values.beyond)]).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let mut encoder = self.encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        let sum = values.sum as f64 / per_unit;
        encoder.encode_histogram::<[(&str, &str); 0]>(sum, count, &buckets, None)
    }
}
