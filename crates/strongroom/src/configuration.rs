//! Settings of this run, from the process's flags, environment and files.

use std::env;

use engine::{OperationPolicy, Policy, RunSchedule};
use settings::{Flag, Settings, Sources};

use crate::arguments::Global;
use crate::data_directory::DataDirectory;
use crate::failure::Failure;

/// The settings with the data directory they name.
pub(crate) struct Configuration {
    pub(crate) settings: Settings,
    pub(crate) directory: DataDirectory,
}

impl Configuration {
    /// Reads flags, environment and files. The error lists every problem at once.
    pub(crate) fn load(global: &Global, flags: Vec<Flag>) -> Result<Self, Failure> {
        let working_directory =
            env::current_dir().map_err(|error| Failure::caused("there is no working directory", error))?;
        Self::read(&Sources {
            flags: data_flag(global)?.into_iter().chain(flags).collect(),
            environment: env::vars_os().collect(),
            config: global.config.clone(),
            working_directory,
        })
    }

    /// Reads exactly these sources.
    pub(crate) fn read(sources: &Sources) -> Result<Self, Failure> {
        let settings =
            Settings::load(sources).map_err(|error| Failure::new(error.to_string().trim_end().to_owned()))?;
        let directory = DataDirectory::new(settings.ledger.data_dir.clone());
        Ok(Self { settings, directory })
    }

    /// What the operator decided, as the engine takes it.
    pub(crate) fn policy(&self) -> Policy {
        let settings = &self.settings;
        let streams = &settings.streams;
        Policy {
            limits: event::Limits::from(&settings.limits),
            retain: [streams.audit.retain_days, streams.discovery.retain_days, streams.tool.retain_days],
            hot_days: settings.retention.hot_days,
            entries_max: settings.retention.entries_max,
            transaction_entries: settings.retention.transaction_entries,
            dedup_days: settings.retention.dedup_days,
            queue_bytes_max: settings.server.queue_bytes_max,
            archive_enabled: settings.retention.enabled,
            archive_schedule: match settings.retention.schedule {
                settings::RunSchedule::Daily { at_minutes } => RunSchedule::Daily { at_minutes },
                settings::RunSchedule::Every { seconds } => RunSchedule::Every { seconds },
            },
            expire_enabled: settings.expire.enabled,
            scan_entries_max: settings.search.scan_entries_max,
            operations: OperationPolicy {
                timeout_seconds: settings.operations.timeout_seconds,
                every_seconds: settings.operations.every_seconds,
                timed_out_max: settings.operations.timed_out_max,
            },
        }
    }
}

fn data_flag(global: &Global) -> Result<Option<Flag>, Failure> {
    let Some(directory) = &global.data else { return Ok(None) };
    let value = directory
        .to_str()
        .ok_or_else(|| Failure::new(format!("--data {} is not UTF-8", directory.display())))?;
    Ok(Some(Flag { flag: "--data", key: "ledger.data_dir", value: value.to_owned() }))
}
