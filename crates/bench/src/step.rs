//! A measurement in a process of its own: the program calls itself, and the child answers with one line of JSON.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::{Args, ValueEnum};
use tokio::runtime::Runtime;

use crate::measurement::Measurement;
use crate::resources::Process;
use crate::{Failure, archiving, cold, ingest, memory, pruning, resources, say, service};

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Step {
    /// Events through the engine into a new ledger.
    Append,
    /// The floor of a disk: a plain file.
    PlainFile,
    /// The floor of a database: bare SQLite.
    BareSqlite,
    /// The floor of a core: parse, line, leaf hash.
    OneCore,
    /// The floor of archiving: gzip and SHA-256.
    Gzip,
    /// Searches of the hot ledger.
    Search,
    /// The hot ledger verified.
    Verify,
    /// The hot ledger verified with its index rebuilt.
    VerifyFull,
    /// An archive run over the oldest entries that are still hot.
    Archive,
    /// What an archiver in Python does with the same lines in a plain table.
    PythonArchiver,
    /// Searches of an archived ledger.
    Cold,
    /// Appends alone, and beside an archive run.
    Prune,
    /// The archive verified offline.
    VerifyArchive,
    /// Events over HTTP into a new ledger: as fast as it goes, then at half of that.
    Serve,
    /// What an application would write to PostgreSQL.
    Postgres,
    /// A server's memory while it takes events over HTTP.
    Memory,
}

/// The call of one measurement.
#[derive(Debug, Clone, Args)]
pub(crate) struct StepCall {
    /// What is measured
    #[arg(value_enum)]
    pub(crate) step: Step,
    /// The run's directory, absolute; the workload is in it
    #[arg(long)]
    pub(crate) directory: PathBuf,
    /// Entries to work on
    #[arg(long)]
    pub(crate) entries: u64,
    /// Events that a submitter appends at once
    #[arg(long, default_value_t = 1_000)]
    pub(crate) batch: u64,
    /// Submitters at the same time
    #[arg(long, default_value_t = 4)]
    pub(crate) submitters: u64,
    /// UTC days before now that appended entries are recorded on; with 0 they are recorded now
    #[arg(long, default_value_t = 0)]
    pub(crate) days: u64,
    /// Cores to run on; with 0 all of them
    #[arg(long, default_value_t = 0)]
    pub(crate) cores: usize,
    /// The program that serves
    #[arg(long)]
    pub(crate) program: Option<PathBuf>,
}

impl StepCall {
    pub(crate) fn new(step: Step, directory: &Path, entries: u64) -> Self {
        let directory = directory.to_owned();
        Self { step, directory, entries, batch: 1_000, submitters: 4, days: 0, cores: 0, program: None }
    }

    /// In the parent: runs the measurement in a child and reads its answer.
    pub(crate) fn measure(&self) -> Result<Measurement, Failure> {
        let name = self.step.to_possible_value().ok_or("a step has no name")?;
        say(&format!("measuring {} of {} entries …", name.get_name(), self.entries));
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("step").arg(name.get_name()).arg("--directory").arg(&self.directory);
        for (option, value) in [
            ("--entries", self.entries),
            ("--batch", self.batch),
            ("--submitters", self.submitters),
            ("--days", self.days),
            ("--cores", self.cores as u64),
        ] {
            command.arg(option).arg(value.to_string());
        }
        if let Some(program) = &self.program {
            command.arg("--program").arg(program);
        }
        let output = command.stderr(Stdio::inherit()).output()?;
        if !output.status.success() {
            return Err(format!("measuring {} failed: {}", name.get_name(), output.status).into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// In the child: measures, and answers on standard output.
    pub(crate) fn answer(&self) -> Result<(), Failure> {
        if self.cores > 0 {
            // Before the first thread: those that follow inherit it, and count their cores by it.
            resources::keep_to_cores(self.cores)?;
        }
        let measurement = match self.step {
            Step::Append => ingest::appending::measure(self)?,
            Step::PlainFile => ingest::floors::plain_file(self)?,
            Step::BareSqlite => ingest::floors::bare_sqlite(self)?,
            Step::OneCore => ingest::floors::one_core(self)?,
            Step::Gzip => archiving::floor::measure(self)?,
            Step::Search => Runtime::new()?.block_on(archiving::searching::measure(self))?,
            Step::Verify => Runtime::new()?.block_on(archiving::verifying::hot(self, false))?,
            Step::VerifyFull => Runtime::new()?.block_on(archiving::verifying::hot(self, true))?,
            Step::Archive => Runtime::new()?.block_on(archiving::moving::measure(self))?,
            Step::PythonArchiver => archiving::python::measure(self)?,
            Step::Cold => Runtime::new()?.block_on(cold::searching::measure(self))?,
            Step::Prune => Runtime::new()?.block_on(pruning::beside::measure(self))?,
            Step::VerifyArchive => Runtime::new()?.block_on(archiving::verifying::offline(self))?,
            Step::Serve => service::serving::measure(self)?,
            Step::Postgres => service::postgres::measure(self)?,
            Step::Memory => memory::measure(self)?,
        };
        // A step that looked at another process has found its peak already.
        let memory_peak_bytes = measurement.memory_peak_bytes.or_else(|| Process::this().memory_peak_bytes());
        let measurement = Measurement { memory_peak_bytes, ..measurement };
        writeln!(std::io::stdout(), "{}", serde_json::to_string(&measurement)?)?;
        Ok(())
    }
}
