use event::{HotDays, Limits, RetainDays, Stream, Timestamp};

/// What the operator decided.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Bounds on what producers submit.
    pub limits: Limits,
    /// How long entries are kept altogether, by stream: audit, discovery, tool.
    pub retain: [RetainDays; 3],
    /// Days that an entry stays hot.
    pub hot_days: HotDays,
    /// At most so many entries are archived and pruned in one run.
    pub entries_max: u64,
    /// At most so many entries are pruned in one transaction.
    pub transaction_entries: u64,
    /// Days that the dedup keys of pruned entries are kept.
    pub dedup_days: u32,
    /// Events that wait to be committed hold at most about so many bytes.
    pub queue_bytes_max: u64,
    /// Whether runs that nobody asked for happen.
    pub archive_enabled: bool,
    /// When they happen.
    pub archive_schedule: RunSchedule,
    /// Whether archived objects may be destroyed once their time is up, when somebody asks for it.
    pub expire_enabled: bool,
    /// A search reads at most so many entries for one page.
    pub scan_entries_max: u64,
    /// When operations are given up.
    pub operations: OperationPolicy,
}

/// When runs happen that nobody asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunSchedule {
    /// Once a UTC day, from so many minutes after its midnight on.
    Daily {
        /// 0 to 1,439.
        at_minutes: u16,
    },
    /// So many seconds after the last one began.
    Every {
        /// At least 1.
        seconds: u64,
    },
}

/// When an operation that nobody completes enters the ledger with outcome `unknown`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OperationPolicy {
    /// Seconds after it was begun, by the ledger's clock, that it may be completed at least.
    pub timeout_seconds: u64,
    /// Seconds between two looks at what has timed out; at least 1.
    pub every_seconds: u64,
    /// At most so many operations are timed out in one run, the oldest first; at least 1.
    pub timed_out_max: usize,
}

impl Default for OperationPolicy {
    fn default() -> Self {
        Self { timeout_seconds: 14_400, every_seconds: 600, timed_out_max: 1_000 }
    }
}

impl Default for Policy {
    fn default() -> Self {
        let retain = RetainDays::new(1_095).unwrap_or(RetainDays::Never);
        Self {
            limits: Limits::default(),
            retain: [retain; 3],
            hot_days: HotDays::default(),
            entries_max: 1_000_000,
            transaction_entries: 10_000,
            dedup_days: 90,
            queue_bytes_max: 64 << 20,
            archive_enabled: true,
            archive_schedule: RunSchedule::Daily { at_minutes: 150 },
            expire_enabled: false,
            scan_entries_max: 200_000,
            operations: OperationPolicy::default(),
        }
    }
}

impl Policy {
    /// The earliest instant at which an entry of this stream may expire; `None` is never.
    pub(crate) fn retention_until(&self, stream: Stream, recorded_at: Timestamp) -> Option<Timestamp> {
        self.retain[stream as usize].until(recorded_at)
    }
}
