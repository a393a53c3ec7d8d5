use clap::{Args, ValueEnum};

/// Which end of the ledger comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SearchOrder {
    /// Oldest first
    Asc,
    /// Newest first
    Desc,
}

impl SearchOrder {
    fn name(self) -> &'static str {
        match self {
            Self::Asc => "asc",
            Self::Desc => "desc",
        }
    }
}

/// Where to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SearchTier {
    /// What is in the data directory
    Hot,
    /// What is below the hot window, from the archive
    Cold,
    /// Both, as one
    All,
}

impl SearchTier {
    fn name(self) -> &'static str {
        match self {
            Self::Hot => "hot",
            Self::Cold => "cold",
            Self::All => "all",
        }
    }
}

/// What entries are asked for: all filters must match.
#[derive(Debug, Args)]
pub(crate) struct FilterArguments {
    /// Entries of this tenant
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// The actor's id
    #[arg(long, value_name = "ID")]
    actor: Option<String>,
    /// A part of the actor's id, upper or lower case
    #[arg(long, value_name = "TEXT")]
    actor_like: Option<String>,
    /// The action, or its beginning followed by *
    #[arg(long, value_name = "VERB")]
    action: Option<String>,
    /// The target's type
    #[arg(long, value_name = "TYPE")]
    target_type: Option<String>,
    /// The target's id
    #[arg(long, value_name = "ID")]
    target_id: Option<String>,
    /// success, failure, denied or unknown
    #[arg(long, value_name = "OUTCOME")]
    outcome: Option<String>,
    /// The surface an event came from
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// The request's id
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
    /// The trace's id
    #[arg(long, value_name = "ID")]
    trace_id: Option<String>,
    /// The conversation's id
    #[arg(long, value_name = "ID")]
    conversation_id: Option<String>,
    /// The message's id
    #[arg(long, value_name = "ID")]
    message_id: Option<String>,
    /// audit, discovery or tool
    #[arg(long, value_name = "STREAM")]
    stream: Option<String>,
    /// The event's id
    #[arg(long, value_name = "ID")]
    event_id: Option<String>,
    /// Happened at this time or later (RFC 3339)
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Happened before this time
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Recorded at this time or later
    #[arg(long, value_name = "TIME")]
    recorded_from: Option<String>,
    /// Recorded before this time
    #[arg(long, value_name = "TIME")]
    recorded_to: Option<String>,
    /// A text anywhere in the entry, upper or lower case
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
}

/// Options of `search`.
#[derive(Debug, Args)]
pub(crate) struct SearchArguments {
    #[command(flatten)]
    filter: FilterArguments,
    /// Which end of the ledger comes first
    #[arg(long, value_enum, hide_possible_values = true, value_name = "asc|desc", default_value = "desc")]
    order: SearchOrder,
    /// At most so many entries, 1 to 1,000
    #[arg(long, value_name = "N", default_value = "100")]
    limit: String,
    /// Look in the hot window, the archive, or both
    #[arg(long, value_enum, hide_possible_values = true, value_name = "hot|cold|all", default_value = "all")]
    tier: SearchTier,
    /// Go on where an earlier answer ended
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
}

impl FilterArguments {
    /// The filters that were given, under the names that the filter knows.
    pub(crate) fn filter_pairs(&self) -> Vec<(&'static str, &str)> {
        let all = [
            ("tenant", &self.tenant),
            ("actor", &self.actor),
            ("actor_like", &self.actor_like),
            ("action", &self.action),
            ("target_type", &self.target_type),
            ("target_id", &self.target_id),
            ("outcome", &self.outcome),
            ("source", &self.source),
            ("request_id", &self.request_id),
            ("trace_id", &self.trace_id),
            ("conversation_id", &self.conversation_id),
            ("message_id", &self.message_id),
            ("stream", &self.stream),
            ("event_id", &self.event_id),
            ("from", &self.from),
            ("to", &self.to),
            ("recorded_from", &self.recorded_from),
            ("recorded_to", &self.recorded_to),
            ("text", &self.text),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))).collect()
    }
}

impl SearchArguments {
    /// The filters that were given, under the names that the filter knows.
    pub(crate) fn filter_pairs(&self) -> Vec<(&'static str, &str)> {
        self.filter.filter_pairs()
    }

    /// Order, limit, tier and cursor, under the names that the page knows.
    pub(crate) fn page_pairs(&self) -> Vec<(String, String)> {
        let mut pairs = vec![
            ("order".to_owned(), self.order.name().to_owned()),
            ("limit".to_owned(), self.limit.clone()),
            ("tier".to_owned(), self.tier.name().to_owned()),
        ];
        pairs.extend(self.cursor.iter().map(|cursor| ("cursor".to_owned(), cursor.clone())));
        pairs
    }
}
