//! Kill rounds: the real program under load over HTTP, ended by SIGKILL at a random moment, and started again.

mod connection;
mod server;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use engine::Appended;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use store::{SqliteOptions, SqliteStore, Store as _};
use testkit::{Finding, Submission, ledger_lines};

use crate::life::Witness;
use crate::workload::Workload;
use connection::{Answer, Connection};
use server::{Data, Server};

/// Connections that offer events at once.
const CONNECTIONS: usize = 6;
/// How long a server lives from its start, where it is killed while it opens the ledger.
const LIFE_MICROS_MAX: u64 = 60_000;
/// How long it lives under load.
const LIFE_UNDER_LOAD_MICROS_MAX: u64 = 250_000;
/// In one round of so many everything is verified, and every line held against every answer.
const FULL_EVERY: u64 = 20;
/// In one round of so many an archive run is killed.
const ARCHIVE_EVERY: u64 = 25;

/// Rounds of being killed, on one ledger.
#[derive(Debug, Clone)]
pub struct KillRounds {
    /// The program.
    pub binary: PathBuf,
    /// How often it is killed.
    pub rounds: u64,
    /// No round is begun after this.
    pub until: Option<Instant>,
    /// What is offered and when it is killed follows from it; when exactly that meets the program does not.
    pub seed: u64,
}

/// What was done and met.
#[derive(Debug, Clone, Default)]
pub struct KillTally {
    /// Times the server was killed.
    pub rounds: u64,
    /// Among them, before it listened.
    pub before_listening: u64,
    /// Archive runs that were killed.
    pub archive_runs: u64,
    /// Full verifications.
    pub verifications: u64,
    /// Receipts that somebody holds.
    pub acknowledged: u64,
    /// Requests that the kill left without an answer.
    pub unanswered: u64,
    /// Entries in the ledger in the end.
    pub entries: u64,
}

impl fmt::Display for KillTally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "{} kill rounds ({} before the server listened, {} archive runs killed, {} full verifications): \
             {} acknowledgements, {} requests without an answer, {} entries",
            self.rounds,
            self.before_listening,
            self.archive_runs,
            self.verifications,
            self.acknowledged,
            self.unanswered,
            self.entries
        )
    }
}

/// One connection's part: what it has to offer again.
type Unanswered = Vec<Vec<Submission>>;

struct Rounds {
    binary: PathBuf,
    data: Data,
    random: StdRng,
    witness: Witness,
    workload: Mutex<Workload>,
    unanswered: Vec<Unanswered>,
    tally: KillTally,
}

impl KillRounds {
    /// Runs them. The first finding ends it.
    pub fn run(&self, progress: impl Fn(u64)) -> (KillTally, Result<(), Finding>) {
        let mut rounds = Rounds {
            binary: self.binary.clone(),
            data: Data::new(),
            random: StdRng::seed_from_u64(self.seed),
            witness: Witness::default(),
            workload: Mutex::default(),
            unanswered: vec![Vec::new(); CONNECTIONS],
            tally: KillTally::default(),
        };
        let outcome = self.run_on(&mut rounds, progress);
        rounds.tally.acknowledged = rounds.witness.oracle().acknowledged();
        (rounds.tally, outcome)
    }

    fn run_on(&self, rounds: &mut Rounds, progress: impl Fn(u64)) -> Result<(), Finding> {
        let failed = |what: &str, error: &dyn fmt::Display| Finding(format!("{what}: {error}"));
        let token = rounds.data.make(&self.binary).map_err(|error| failed("init", &error))?;
        for round in 0..self.rounds {
            if self.until.is_some_and(|until| Instant::now() >= until) {
                break;
            }
            rounds.round(&token).map_err(|finding| failed(&format!("round {round}"), &finding))?;
            if round % ARCHIVE_EVERY == ARCHIVE_EVERY - 1 {
                let life = Duration::from_micros(rounds.random.random_range(0..2 * LIFE_MICROS_MAX));
                rounds.data.archive_and_kill(&self.binary, life)?;
                rounds.tally.archive_runs += 1;
            }
            if round % FULL_EVERY == FULL_EVERY - 1 {
                rounds.check_all().map_err(|finding| failed(&format!("after round {round}"), &finding))?;
            }
            progress(round);
        }
        rounds.check_all()
    }
}

impl Rounds {
    fn round(&mut self, token: &str) -> Result<(), Finding> {
        self.tally.rounds += 1;
        let mut server = Server::start(&self.binary, &self.data)?;
        if self.random.random_bool(0.2) {
            self.tally.before_listening += 1;
            std::thread::sleep(Duration::from_micros(self.random.random_range(0..LIFE_MICROS_MAX)));
            return server.kill();
        }
        let address = server.address()?;
        let before = self.tree_size()?;
        let life = Duration::from_micros(self.random.random_range(0..LIFE_UNDER_LOAD_MICROS_MAX));
        let seeds: Vec<u64> = (0..CONNECTIONS).map(|_| self.random.random()).collect();
        let unanswered = std::mem::take(&mut self.unanswered);
        let (witness, workload) = (&self.witness, &self.workload);
        let outcomes: Vec<Result<Unanswered, Finding>> = std::thread::scope(|scope| {
            let load = |(submitter, (seed, again))| {
                let address = address.as_str();
                scope.spawn(move || {
                    let random = StdRng::seed_from_u64(seed);
                    submit(Connection::new(address, token), submitter, random, again, witness, workload)
                })
            };
            let connections: Vec<_> = seeds.into_iter().zip(unanswered).enumerate().map(load).collect();
            std::thread::sleep(life);
            let killed = server.kill();
            let ended = connections.into_iter().map(|connection| {
                connection.join().unwrap_or_else(|_| Err(Finding("a connection's thread panicked".into())))
            });
            let mut outcomes: Vec<_> = ended.collect();
            outcomes.extend(killed.err().map(Err));
            outcomes
        });
        for outcome in outcomes {
            let again = outcome?;
            self.tally.unanswered += again.len() as u64;
            self.unanswered.push(again);
        }
        self.check_since(before)
    }

    /// The size of the ledger as its files say, while or after a server has them.
    fn tree_size(&self) -> Result<u64, Finding> {
        let head = self.read(async |store| store.head().await.map_err(|error| Finding(error.to_string())))?;
        Ok(head.map_or(0, |head| head.size))
    }

    /// Reads from the files, as a process beside the server or after its end does.
    fn read<T>(&self, read: impl AsyncFnOnce(&SqliteStore) -> Result<T, Finding>) -> Result<T, Finding> {
        let options = SqliteOptions { read_connections: 1, ..SqliteOptions::default() };
        let store = SqliteStore::open_read_only(&SqliteStore::file_in(self.data.directory()), &options)
            .map_err(|error| Finding(format!("the killed ledger cannot be read: {error}")))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Finding(error.to_string()))?;
        runtime.block_on(read(&store))
    }

    /// What this round acknowledged is there, at its place and with its hash.
    fn check_since(&self, first: u64) -> Result<(), Finding> {
        let lines = self.read(async |store| {
            let scan = store::EntryScan {
                range: first..i64::MAX.cast_unsigned(),
                order: store::Order::Ascending,
                rows_max: usize::MAX,
                bytes_max: usize::MAX,
            };
            store.entries(scan).await.map_err(|error| Finding(error.to_string()))
        })?;
        let lines: BTreeMap<u64, Vec<u8>> = lines.into_iter().map(|entry| (entry.seq, entry.line)).collect();
        self.witness.oracle().check_places(first, &lines)
    }

    /// Every line against every answer, and the whole ledger against itself.
    fn check_all(&mut self) -> Result<(), Finding> {
        let archive = self.data.directory().join("archive");
        let (lines, size) = self.read(async |store| {
            let head = store.head().await.map_err(|error| Finding(error.to_string()))?;
            Ok((ledger_lines(store, &archive).await?, head.map_or(0, |head| head.size)))
        })?;
        self.tally.entries = size;
        self.witness.oracle().check(&lines, size)?;
        self.tally.verifications += 1;
        self.data.verify(&self.binary)
    }
}

/// Offers events until the server is gone. Answers what it did not answer: that is offered again in the next round.
fn submit(
    mut connection: Connection<'_>,
    submitter: usize,
    mut random: StdRng,
    again: Unanswered,
    witness: &Witness,
    workload: &Mutex<Workload>,
) -> Result<Unanswered, Finding> {
    let mut again = again.into_iter();
    loop {
        let batch = again.next().unwrap_or_else(|| {
            let mut workload = workload.lock().unwrap_or_else(PoisonError::into_inner);
            if random.random_bool(0.1) { workload.plain(500) } else { workload.batch(&mut random) }
        });
        let offer = witness.oracle().offer(submitter, batch.clone());
        match connection.post(&batch) {
            Answer::Receipts { receipts, tree_size } => {
                witness.oracle().succeeded(offer, &Appended { receipts, tree_size })?;
            }
            Answer::Refused(kind) => witness.oracle().failed(offer, kind)?,
            Answer::None => {
                let mut left = vec![batch];
                left.extend(again);
                return Ok(left);
            }
            Answer::Unintelligible(answer) => return Err(Finding(format!("the server answered {answer:?}"))),
        }
    }
}
