//! Every key there is. A key that is not here is refused; a key that is here is read, described and tested.

use crate::archive::{OBJECT_LOCKS, SSE};
use crate::rule::Rule;

const KIB: u64 = 1_024;
const MIB: u64 = 1_024 * KIB;
const GIB: u64 = 1_024 * MIB;

/// One key.
#[derive(Debug)]
pub(crate) struct Key {
    /// Section and key, such as `retention.hot_days`; `#` stands for an index in a list.
    pub(crate) name: &'static str,
    /// The default as one would write it in the environment; `None` where there is none.
    pub(crate) default: Option<&'static str>,
    /// Which values it takes.
    pub(crate) rule: Rule,
    /// What it means, in one line, with its unit.
    pub(crate) about: &'static str,
}

const fn key(name: &'static str, default: &'static str, rule: Rule, about: &'static str) -> Key {
    Key { name, default: Some(default), rule, about }
}

const fn key_without_default(name: &'static str, rule: Rule, about: &'static str) -> Key {
    Key { name, default: None, rule, about }
}

/// A section and what it is about; `[[…]]` is a list of them.
pub(crate) const SECTIONS: &[(&str, &str)] = &[
    ("ledger", "The ledger itself."),
    ("store", "Where the hot entries are kept."),
    ("server", "The HTTP server."),
    ("streams.audit", "Policy of the stream `audit`."),
    ("streams.discovery", "Policy of the stream `discovery`."),
    ("streams.tool", "Policy of the stream `tool`."),
    ("retention", "What leaves the hot store, and when."),
    ("expire", "What is destroyed in the archive, when somebody runs `strongroom expire`."),
    ("operations", "Events in two steps, begun and completed."),
    ("limits", "How large events and batches may be."),
    ("search", "Bounds of a search."),
    ("log", "What `serve` writes to stderr."),
    (
        "archive.#",
        "Destinations of the archive; a batch must be confirmed by all of them before anything is pruned.",
    ),
];

/// Values of `server.metrics`.
pub(crate) const METRICS: &[&str] = &["token", "open", "off"];
/// Values of `log.format`.
pub(crate) const LOG_FORMATS: &[&str] = &["auto", "json", "text"];
/// Values of `log.level`.
pub(crate) const LOG_LEVELS: &[&str] = &["error", "warn", "info", "debug"];

const RETAIN: &str =
    "Days after `recorded_at` until an entry of this stream may expire from the archive; -1: never.";

const DISCARDABLE: &str =
    "Whether entries of this stream may be deleted without a copy; `null:` as destination asks for it.";

/// The table.
pub(crate) const KEYS: &[Key] = &[
    key_without_default(
        "ledger.origin",
        Rule::Origin,
        "Name of the ledger in its signatures, set for ever by its first commit; a random one is made when it is left out.",
    ),
    key(
        "ledger.data_dir",
        "strongroom-data",
        Rule::Directory,
        "The data directory, relative to where the program is started.",
    ),
    key("store.backend", "sqlite", Rule::Backend, "Kind of store."),
    key(
        "server.listen",
        "127.0.0.1:7717",
        Rule::Listen,
        "Address to listen on; encrypted where `tls_cert` and `tls_key` are set.",
    ),
    key_without_default(
        "server.tls_cert",
        Rule::File,
        "Certificate chain for TLS (PEM, the server's own first); SIGHUP reads it again.",
    ),
    key_without_default(
        "server.tls_key",
        Rule::File,
        "Private key of the certificate (PEM), readable by its owner only; SIGHUP reads it again.",
    ),
    key(
        "server.metrics",
        "token",
        Rule::OneOf(METRICS),
        "Who may read `/metrics`: bearers of a token of role auditor or above, everybody, or nobody.",
    ),
    key(
        "server.queue_bytes_max",
        "67_108_864",
        Rule::Whole { min: 1_048_576, max: 64 * GIB },
        "Bytes of events that may wait to be written; beyond it callers are told to come back (503).",
    ),
    key("streams.audit.retain_days", "1095", Rule::RetainDays, RETAIN),
    key("streams.audit.discardable", "false", Rule::Switch, DISCARDABLE),
    key("streams.discovery.retain_days", "1095", Rule::RetainDays, RETAIN),
    key("streams.discovery.discardable", "false", Rule::Switch, DISCARDABLE),
    key("streams.tool.retain_days", "1095", Rule::RetainDays, RETAIN),
    key("streams.tool.discardable", "false", Rule::Switch, DISCARDABLE),
    key(
        "retention.enabled",
        "true",
        Rule::Switch,
        "Whether archive runs happen by themselves; a run by hand happens in any case.",
    ),
    key(
        "retention.run_at",
        "02:30",
        Rule::TimeOfDay,
        "Time of day, UTC, at which `serve` archives and prunes what is past the hot window, once a day.",
    ),
    key_without_default(
        "retention.every_seconds",
        Rule::Whole { min: 1, max: 604_800 },
        "Seconds from the beginning of one archive run of `serve` to the next, in place of `run_at`.",
    ),
    key(
        "retention.hot_days",
        "90",
        Rule::HotDays,
        "Days after `recorded_at` that an entry stays in the hot store.",
    ),
    key(
        "retention.entries_max",
        "1_000_000",
        Rule::Whole { min: 1, max: 1_000_000_000 },
        "Entries archived and pruned in one run; what is left waits for the next.",
    ),
    key(
        "retention.transaction_entries",
        "10_000",
        Rule::Whole { min: 1, max: 1_000_000 },
        "Entries pruned in one transaction at most; fewer while events are appended.",
    ),
    key(
        "retention.dedup_days",
        "90",
        Rule::Whole { min: 0, max: 36_500 },
        "Days after pruning that a repeated event is still recognised as a duplicate.",
    ),
    key(
        "expire.enabled",
        "false",
        Rule::Switch,
        "Whether `strongroom expire` may destroy archived objects of which every entry's retention has passed.",
    ),
    key(
        "operations.timeout_seconds",
        "14_400",
        Rule::Whole { min: 1, max: 31_536_000 },
        "Seconds after its beginning that an operation which nobody completes is recorded with outcome `unknown`; less than the hot window.",
    ),
    key(
        "operations.every_seconds",
        "600",
        Rule::Whole { min: 1, max: 86_400 },
        "Seconds between two looks of `serve` at what has timed out.",
    ),
    key(
        "operations.timed_out_max",
        "1_000",
        Rule::Whole { min: 1, max: 100_000 },
        "Operations timed out at one look, the oldest first; what is left waits for the next.",
    ),
    key("limits.event_bytes_max", "262_144", Rule::Whole { min: 1_024, max: 8 * MIB }, "Bytes of one event."),
    key(
        "limits.string_bytes_max",
        "65_536",
        Rule::Whole { min: 256, max: 8 * MIB },
        "Bytes of one free string in an event.",
    ),
    key(
        "limits.metadata_depth_max",
        "16",
        Rule::Whole { min: 1, max: 64 },
        "Nested objects and arrays in `metadata` and other free parts, the part itself being 1.",
    ),
    key("limits.batch_events_max", "10_000", Rule::Whole { min: 1, max: 100_000 }, "Events in one batch."),
    key(
        "limits.batch_bytes_max",
        "16_777_216",
        Rule::Whole { min: 1_024, max: 256 * MIB },
        "Bytes of one batch as submitted.",
    ),
    key(
        "limits.future_seconds_max",
        "300",
        Rule::Whole { min: 0, max: 86_400 },
        "Seconds that `occurred_at` may lie in the future.",
    ),
    key(
        "search.scan_entries_max",
        "200_000",
        Rule::Whole { min: 1_000, max: 1_000_000_000 },
        "Entries that one search reads before it answers with what it has and a cursor to go on.",
    ),
    key(
        "log.format",
        "auto",
        Rule::OneOf(LOG_FORMATS),
        "Log lines as JSON objects or as text; `auto` is text on a terminal and JSON elsewhere.",
    ),
    key(
        "log.level",
        "info",
        Rule::OneOf(LOG_LEVELS),
        "The least severe lines that are written; the flags -q and -v come before it.",
    ),
    key_without_default(
        "archive.#.name",
        Rule::ArchiveName,
        "Name of the destination in reports and messages.",
    ),
    key_without_default(
        "archive.#.url",
        Rule::ArchiveUrl,
        "Where it is; `null:` keeps nothing, stands alone, and asks for every stream to be `discardable`.",
    ),
    key_without_default(
        "archive.#.endpoint",
        Rule::Endpoint,
        "S3, GCS, Azure: the server, where it is not the provider's own.",
    ),
    key_without_default(
        "archive.#.region",
        Rule::Word,
        "S3: region of the bucket; else `AWS_REGION` says it.",
    ),
    key_without_default(
        "archive.#.path_style",
        Rule::Switch,
        "S3: the bucket in the path of URLs instead of the host; left out, it is where there is an `endpoint`.",
    ),
    key(
        "archive.#.sse",
        "none",
        Rule::OneOf(SSE),
        "S3: what the server encrypts with: the bucket's default, its own keys (SSE-S3), or `kms_key` (SSE-KMS).",
    ),
    key_without_default(
        "archive.#.kms_key",
        Rule::Word,
        "S3 with `sse = \"kms\"`, and GCS: the key, by id, ARN or resource name.",
    ),
    key_without_default("archive.#.project", Rule::Word, "GCS: the project that requests are billed to."),
    key_without_default(
        "archive.#.credentials_file",
        Rule::File,
        "S3, GCS, Azure: `NAME=VALUE` lines in place of the environment's, readable by its owner only.",
    ),
    key_without_default(
        "archive.#.expire_credentials_file",
        Rule::File,
        "The same for expiry alone, the only work that deletes objects.",
    ),
    key(
        "archive.#.object_lock",
        "none",
        Rule::OneOf(OBJECT_LOCKS),
        "S3: lock that each object is written with, in a bucket that has Object Lock.",
    ),
    key_without_default(
        "archive.#.object_lock_days",
        Rule::Whole { min: 1, max: 36_500 },
        "Days that such a lock lasts, at least.",
    ),
    key_without_default(
        "archive.#.encrypt_to",
        Rule::Recipients,
        "Who may read the objects, which are then encrypted (age); the same for all destinations of a ledger.",
    ),
    key_without_default(
        "archive.#.identity_file",
        Rule::File,
        "File with the age identity that opens them, readable by its owner only; without one the ledger reads nothing it has archived.",
    ),
    key(
        "archive.#.accept_unproven",
        "false",
        Rule::Switch,
        "Use the destination although a probe found that it breaks a promise; it is named in `/readyz` and by `doctor`.",
    ),
];

impl Key {
    /// The section it stands in.
    pub(crate) fn section(&self) -> &'static str {
        self.name.rsplit_once('.').map_or("", |(section, _)| section)
    }

    /// Its name within the section.
    pub(crate) fn member(&self) -> &'static str {
        self.name.rsplit_once('.').map_or(self.name, |(_, member)| member)
    }

    /// The environment variable that sets it (the first of a list).
    pub(crate) fn variable(&self) -> String {
        format!("STRONGROOM_{}", self.name.replace('#', "0").replace('.', "__").to_ascii_uppercase())
    }
}

/// The key that `name` spells, with indices where the table has `#`.
pub(crate) fn find(name: &str) -> Option<&'static Key> {
    let name = with_places(name);
    KEYS.iter().find(|key| key.name == name)
}

/// Whether `path` is a section, holds sections, or is a list of sections.
pub(crate) fn is_section(path: &str) -> bool {
    let path = with_places(path);
    SECTIONS.iter().any(|(name, _)| {
        name.strip_prefix(path.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

fn with_places(name: &str) -> String {
    name.split('.').map(|part| if is_index(part) { "#" } else { part }).collect::<Vec<_>>().join(".")
}

/// Indices as they are counted: 0 to 999, no leading zeros.
fn is_index(part: &str) -> bool {
    let is_plain = part == "0" || !part.starts_with('0');
    (1..=3).contains(&part.len()) && is_plain && part.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Flag, Settings, Sources};

    /// Another acceptable value than the default.
    fn other(key: &Key) -> &'static str {
        match key.rule {
            Rule::Switch if key.default == Some("false") => "true",
            Rule::Switch => "false",
            Rule::Listen => "[::1]:1",
            Rule::HotDays | Rule::RetainDays => "7",
            Rule::Whole { .. } if key.name == "limits.batch_bytes_max" => "300000",
            Rule::Whole { .. } if key.name == "limits.event_bytes_max" => "70000",
            Rule::Whole { .. } if key.name == "server.queue_bytes_max" => "16777217",
            Rule::Whole { max, .. } if max < 1_000 => "9",
            Rule::Whole { .. } => "2000",
            Rule::Origin
            | Rule::Directory
            | Rule::File
            | Rule::ArchiveName
            | Rule::ArchiveUrl
            | Rule::Word
            | Rule::Recipients
            | Rule::Backend => "other",
            Rule::Endpoint => "https://host",
            Rule::OneOf(choices) => choices.last().unwrap(),
            Rule::TimeOfDay => "03:15",
        }
    }

    fn load(keys: &[(&'static str, &str)]) -> Settings {
        let flag =
            |(key, value): &(&'static str, &str)| Flag { flag: "--x", key, value: (*value).to_owned() };
        let sources = Sources { flags: keys.iter().map(flag).collect(), ..Sources::default() };
        Settings::load(&sources).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn every_key_changes_something() {
        let defaults = load(&[]);
        // There is one backend, and a list's members and the two halves of TLS come together.
        let single = |key: &&Key| {
            key.name != "store.backend"
                && key.section() != "archive.#"
                && !key.name.starts_with("server.tls_")
        };
        for key in KEYS.iter().filter(single) {
            assert_ne!(load(&[(key.name, other(key))]), defaults, "{} does nothing", key.name);
        }
        let tls = load(&[("server.tls_cert", "a"), ("server.tls_key", "b")]).server.tls.unwrap();
        assert!(tls.cert.ends_with("a") && tls.key.ends_with("b"));
        let archives = load(&[("archive.0.name", "a"), ("archive.0.url", "b")]).archive;
        assert_eq!((archives[0].name.as_str(), archives.len()), ("a", 1));
    }

    #[test]
    fn every_key_stands_in_a_described_section_and_once() {
        for (at, key) in KEYS.iter().enumerate() {
            assert!(SECTIONS.iter().any(|(section, _)| *section == key.section()), "{}", key.name);
            assert!(KEYS[..at].iter().all(|earlier| earlier.name != key.name), "{} stands twice", key.name);
            assert!(key.about.ends_with('.') && !key.about.contains('\n'), "{}", key.name);
        }
    }
}
