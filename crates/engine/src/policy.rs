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
    /// When on a UTC day they happen, in minutes after midnight.
    pub run_at_minutes: u16,
    /// A search reads at most so many entries for one page.
    pub scan_entries_max: u64,
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
            run_at_minutes: 150,
            scan_entries_max: 200_000,
        }
    }
}

impl Policy {
    /// The earliest instant at which an entry of this stream may expire; `None` is never.
    pub(crate) fn retention_until(&self, stream: Stream, recorded_at: Timestamp) -> Option<Timestamp> {
        self.retain[stream as usize].until(recorded_at)
    }
}
