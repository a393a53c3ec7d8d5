//! Destinations of the archive.

use std::path::{Path, PathBuf};

use crate::archive_url;
use crate::settings::Streams;
use crate::start_error::{ENCRYPTION, NOT_ALONE, NOT_DISCARDABLE, NOT_OF_THIS_KIND, OBJECT_LOCK};
use crate::values::Values;

/// A destination of the archive. Every setting in it applies to its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    /// Its name, unique.
    pub name: String,
    /// What kind of place it is.
    pub kind: ArchiveKind,
    /// Where it is: an absolute file URL, percent-encoded; a bucket and perhaps a prefix, without a slash at the end; or
    /// `null:`. Unique together with the endpoint.
    pub url: String,
    /// The server to talk to instead of the provider's own.
    pub endpoint: Option<String>,
    /// S3: the bucket's region.
    pub region: Option<String>,
    /// S3: the bucket in the path of a URL; `None` where nothing is said.
    pub path_style: Option<bool>,
    /// S3: what the server encrypts with.
    pub sse: ServerEncryption,
    /// S3 and GCS: the key of the key service.
    pub kms_key: Option<String>,
    /// GCS: the project that requests are billed to.
    pub project: Option<String>,
    /// Credentials in place of the environment's; absolute if the working directory was.
    pub credentials_file: Option<PathBuf>,
    /// Credentials for expiry alone; absolute if the working directory was.
    pub expire_credentials_file: Option<PathBuf>,
    /// S3: the lock each object gets.
    pub object_lock: Option<Lock>,
    /// The age recipients its objects are encrypted to, sorted; empty: they are not encrypted. The same for all archives.
    pub encrypt_to: Vec<String>,
    /// The file with the age identity that opens them, absolute if the working directory was.
    pub identity_file: Option<PathBuf>,
    /// Whether it is used although a probe found that it breaks a promise.
    pub accept_unproven: bool,
}

/// Kinds of destinations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveKind {
    /// A directory.
    File,
    /// Amazon S3, or what speaks its protocol.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Azure,
    /// Nowhere: what has aged is discarded.
    Null,
}

impl ArchiveKind {
    /// The scheme of its URLs, without the colon.
    pub fn scheme(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::S3 => "s3",
            Self::Gcs => "gs",
            Self::Azure => "az",
            Self::Null => "null",
        }
    }
}

/// What an S3 server encrypts objects with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerEncryption {
    /// Whatever the bucket's default is.
    BucketDefault,
    /// Keys of the object store.
    S3,
    /// A key of the key service.
    Kms,
}

/// How long each object is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lock {
    /// Nobody may lift it; else those with a special permission may.
    pub is_compliance: bool,
    /// Days it lasts, 1 to 36,500.
    pub days: u32,
}

/// Values of `archive.#.sse`.
pub(crate) const SSE: &[&str] = &["none", "s3", "kms"];
/// Values of `archive.#.object_lock`.
pub(crate) const OBJECT_LOCKS: &[&str] = &["none", "governance", "compliance"];

/// Settings and the kinds that they apply to. What is not here applies to all.
const APPLIES_TO: &[(&str, &[ArchiveKind])] = &[
    ("endpoint", &[ArchiveKind::S3, ArchiveKind::Gcs, ArchiveKind::Azure]),
    ("region", &[ArchiveKind::S3]),
    ("path_style", &[ArchiveKind::S3]),
    ("sse", &[ArchiveKind::S3]),
    ("kms_key", &[ArchiveKind::S3, ArchiveKind::Gcs]),
    ("project", &[ArchiveKind::Gcs]),
    ("credentials_file", &[ArchiveKind::S3, ArchiveKind::Gcs, ArchiveKind::Azure]),
    ("expire_credentials_file", &[ArchiveKind::S3, ArchiveKind::Gcs, ArchiveKind::Azure]),
    ("encrypt_to", &[ArchiveKind::File, ArchiveKind::S3, ArchiveKind::Gcs, ArchiveKind::Azure]),
    ("identity_file", &[ArchiveKind::File, ArchiveKind::S3, ArchiveKind::Gcs, ArchiveKind::Azure]),
    ("object_lock", &[ArchiveKind::S3]),
    ("object_lock_days", &[ArchiveKind::S3]),
];

/// Reads `[[archive]]`.
pub(crate) fn read(
    values: &mut Values<'_>,
    data_dir: &Path,
    working_directory: &Path,
    streams: &Streams,
) -> Vec<Archive> {
    let mut archives: Vec<Archive> = Vec::new();
    for index in 0..values.list_length("archive") {
        let key = |member: &str| format!("archive.{index}.{member}");
        let name = values.required_text(&key("name"));
        let url = values.required_text(&key("url"));
        if name.as_ref().is_some_and(|name| archives.iter().any(|other| other.name == *name)) {
            values.refuse(&key("name"), "another archive has this name: give each its own".to_owned());
        }
        let Some(url) = url else { continue };
        let (kind, url) = match archive_url::place(&url, data_dir) {
            Ok(place) => place,
            Err(message) => {
                values.refuse(&key("url"), message);
                continue;
            }
        };
        refuse_foreign(values, index, kind);
        let archive = member(values, index, working_directory, (name.unwrap_or_default(), kind, url));
        if archives.first().is_some_and(|first| first.encrypt_to != archive.encrypt_to) {
            let message = "one manifest names the objects of all archives of a ledger, so all are encrypted to the \
                           same recipients, or none is: give each archive the same encrypt_to";
            values.refuse(&key("encrypt_to"), message.to_owned());
        }
        // Two names for one place would count one copy as two confirmations.
        let is_same = |other: &Archive| other.url == archive.url && other.endpoint == archive.endpoint;
        if archives.iter().any(is_same) {
            values.refuse(&key("url"), "another archive is at this place: give each its own".to_owned());
        }
        archives.push(archive);
    }
    check_null(values, &archives, streams);
    archives
}

fn member(
    values: &mut Values<'_>,
    index: usize,
    working_directory: &Path,
    (name, kind, url): (String, ArchiveKind, String),
) -> Archive {
    let key = |member: &str| format!("archive.{index}.{member}");
    let file = |values: &mut Values<'_>, member: &str| {
        values.optional_text(&key(member)).map(|path| working_directory.join(path))
    };
    let kms_key = values.optional_text(&key("kms_key"));
    let sse = match values.text(&key("sse")).as_str() {
        "s3" => ServerEncryption::S3,
        "kms" => ServerEncryption::Kms,
        _ => ServerEncryption::BucketDefault,
    };
    if kind == ArchiveKind::S3 && (sse == ServerEncryption::Kms) != kms_key.is_some() {
        let (member, message) = if kms_key.is_some() {
            ("kms_key", "goes only with sse = \"kms\"")
        } else {
            ("sse", "\"kms\" needs the key: set kms_key to its id or ARN")
        };
        values.refuse(&key(member), format!("{ENCRYPTION}: {message}"));
    }
    Archive {
        name,
        kind,
        url,
        endpoint: values.optional_text(&key("endpoint")),
        region: values.optional_text(&key("region")),
        path_style: values.optional_switch(&key("path_style")),
        sse,
        kms_key,
        project: values.optional_text(&key("project")),
        credentials_file: file(values, "credentials_file"),
        expire_credentials_file: file(values, "expire_credentials_file"),
        object_lock: object_lock(values, index),
        encrypt_to: values.optional_list(&key("encrypt_to")),
        identity_file: file(values, "identity_file"),
        accept_unproven: values.switch(&key("accept_unproven")),
    }
}

fn object_lock(values: &mut Values<'_>, index: usize) -> Option<Lock> {
    let (mode_key, days_key) =
        (format!("archive.{index}.object_lock"), format!("archive.{index}.object_lock_days"));
    let mode = values.text(&mode_key);
    let days = values.optional_whole(&days_key).map(|days| u32::try_from(days).unwrap_or(u32::MAX));
    match (mode.as_str(), days) {
        ("none", None) => None,
        ("none", Some(_)) => {
            let message = "goes only with object_lock = \"governance\" or \"compliance\"";
            values.refuse(&days_key, format!("{OBJECT_LOCK}: {message}"));
            None
        }
        (_, None) => {
            let message = format!("{OBJECT_LOCK}: \"{mode}\" needs object_lock_days: for how long");
            values.refuse(&mode_key, message);
            None
        }
        (mode, Some(days)) => Some(Lock { is_compliance: mode == "compliance", days }),
    }
}

/// A setting that would do nothing is a mistake about what is protected.
fn refuse_foreign(values: &mut Values<'_>, index: usize, kind: ArchiveKind) {
    for (member, kinds) in APPLIES_TO {
        let key = format!("archive.{index}.{member}");
        // Nothing is claimed by what is switched off.
        let is_off = matches!(*member, "sse" | "object_lock") && values.text(&key) == "none";
        if values.is_given(&key) && !is_off && !kinds.contains(&kind) {
            let kinds: Vec<String> = kinds.iter().map(|kind| format!("{}://", kind.scheme())).collect();
            let message = format!(
                "{NOT_OF_THIS_KIND}: a destination of the kind `{}:` has no use for it, only {}: remove it",
                kind.scheme(),
                kinds.join(", ")
            );
            values.refuse(&key, message);
        }
    }
}

/// Nothing is ever discarded by accident: every stream has to allow it, and no other destination may suggest that
/// there is a copy.
fn check_null(values: &mut Values<'_>, archives: &[Archive], streams: &Streams) {
    let Some(index) = archives.iter().position(|archive| archive.kind == ArchiveKind::Null) else { return };
    let key = format!("archive.{index}.url");
    let all = [("audit", streams.audit), ("discovery", streams.discovery), ("tool", streams.tool)];
    let kept: Vec<&str> =
        all.iter().filter(|(_, stream)| !stream.discardable).map(|(name, _)| *name).collect();
    if !kept.is_empty() {
        let message = format!(
            "{NOT_DISCARDABLE}: null: discards what has aged, and entries of {} may not be: set discardable = true for \
             every stream, or name a destination that keeps them",
            kept.join(", ")
        );
        values.refuse(&key, message);
    }
    if archives.len() > 1 {
        let message = format!("{NOT_ALONE}: null: stands alone: remove it, or the other destinations");
        values.refuse(&key, message);
    }
}
