//! What an application would do without a ledger: one row a transaction into an ordinary table of PostgreSQL.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio_postgres::Client;

use super::application::{Row, SCHEMA, Writer};
use super::cluster::Cluster;
use crate::Failure;
use crate::archiving::searching::percentile;
use crate::measurement::Measurement;
use crate::step::StepCall;
use crate::workload::{Feed, Workload};

/// What an acknowledgement is worth nothing without; all are PostgreSQL's defaults.
const DURABLE: [&str; 3] = ["fsync", "synchronous_commit", "full_page_writes"];
const PIECE_LINES: u64 = 1_000;

/// As many connections as the call names submitters, each with one transaction under way.
pub(crate) fn measure(call: &StepCall) -> Result<Measurement, Failure> {
    // Rows are made before the clock starts, as the load generator makes its events.
    let mut feed = Feed::open(&Workload::new(&call.directory).events_file(), call.entries)?;
    let mut rows = Vec::with_capacity(call.entries as usize);
    while let Some(piece) = feed.next(PIECE_LINES)? {
        for line in piece.lines() {
            rows.push(Row::of(line)?);
        }
    }
    let cluster = Cluster::start(&call.directory)?;
    // One thread drives all connections, as in the load generator: the other core is the database's.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let measurement = runtime.block_on(insert_all(&cluster, rows, call.submitters))?;
    drop(runtime);
    drop(cluster);
    std::fs::remove_dir_all(call.directory.join("postgres"))?;
    Ok(measurement)
}

async fn insert_all(cluster: &Cluster, rows: Vec<Row>, connections: u64) -> Result<Measurement, Failure> {
    let owner = cluster.connect().await?;
    refuse_what_is_not_durable(&owner).await?;
    owner.batch_execute(SCHEMA).await?;
    let version: i32 = setting(&owner, "server_version_num").await?.parse()?;
    let count = rows.len() as u64;
    let mut writers = Vec::new();
    for _ in 0..connections {
        writers.push(Writer::new(cluster.connect().await?).await?);
    }
    let rows = Arc::new(Mutex::new(rows.into_iter()));
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for writer in writers {
        tasks.spawn(insert_some(writer, rows.clone()));
    }
    let mut times = Vec::with_capacity(count as usize);
    while let Some(done) = tasks.join_next().await {
        times.extend(done??);
    }
    let taken = started.elapsed();
    let there: i64 = owner.query_one("SELECT count(*) FROM audit_event", &[]).await?.try_get(0)?;
    if there.cast_unsigned() != count {
        return Err(format!("PostgreSQL has {there} of {count} rows").into());
    }
    times.sort_unstable();
    let millis = |hundredths| percentile(&times, hundredths).as_secs_f64() * 1e3;
    Ok(Measurement::of(count, taken)
        .with("p50_ms", millis(50))
        .with("p99_ms", millis(99))
        .with("server_version_number", f64::from(version)))
}

async fn insert_some(
    writer: Writer,
    rows: Arc<Mutex<std::vec::IntoIter<Row>>>,
) -> Result<Vec<Duration>, Failure> {
    let mut times = Vec::new();
    loop {
        let row = rows.lock().unwrap_or_else(PoisonError::into_inner).next();
        let Some(row) = row else { return Ok(times) };
        let started = Instant::now();
        writer.insert(&row).await?;
        times.push(started.elapsed());
    }
}

async fn refuse_what_is_not_durable(client: &Client) -> Result<(), Failure> {
    for name in DURABLE {
        let value = setting(client, name).await?;
        if value != "on" {
            return Err(format!("PostgreSQL runs with {name} = {value}: its rows are not durable").into());
        }
    }
    Ok(())
}

async fn setting(client: &Client, name: &str) -> Result<String, Failure> {
    Ok(client.query_one("SELECT current_setting($1)", &[&name]).await?.try_get(0)?)
}
