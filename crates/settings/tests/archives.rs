//! Destinations of the archive: what goes together, and what stops a start.

use settings::{ArchiveKind, Flag, Lock, START_ERRORS, ServerEncryption, Settings, Sources};

fn load(keys: &[(&'static str, &str)]) -> Result<Settings, String> {
    let flag = |(key, value): &(&'static str, &str)| Flag { flag: "--x", key, value: (*value).to_owned() };
    let sources = Sources { flags: keys.iter().map(flag).collect(), ..Sources::default() };
    Settings::load(&sources).map_err(|error| error.to_string())
}

#[track_caller]
fn refused(keys: &[(&'static str, &str)], expected: &str) {
    let named: Vec<_> = [("archive.0.name", "a")].iter().chain(keys).copied().collect();
    let error = load(&named).unwrap_err();
    assert!(error.contains(expected), "{expected} is not in: {error}");
}

const DISCARDABLE: [(&str, &str); 3] = [
    ("streams.audit.discardable", "true"),
    ("streams.discovery.discardable", "true"),
    ("streams.tool.discardable", "true"),
];

#[test]
fn a_bucket_has_all_its_settings() {
    let settings = load(&[
        ("archive.0.name", "far"),
        ("archive.0.url", "s3://bucket/a/b/"),
        ("archive.0.endpoint", "https://minio.example:9000"),
        ("archive.0.region", "eu-central-1"),
        ("archive.0.path_style", "false"),
        ("archive.0.sse", "kms"),
        ("archive.0.kms_key", "arn:aws:kms:eu-central-1:1:key/2"),
        ("archive.0.credentials_file", "/run/secrets/archive"),
        ("archive.0.expire_credentials_file", "expire"),
        ("archive.0.object_lock", "compliance"),
        ("archive.0.object_lock_days", "1095"),
    ]);
    let archive = settings.unwrap().archive.remove(0);
    assert_eq!((archive.kind, archive.url.as_str()), (ArchiveKind::S3, "s3://bucket/a/b"));
    assert_eq!((archive.sse, archive.path_style), (ServerEncryption::Kms, Some(false)));
    assert_eq!(archive.object_lock, Some(Lock { is_compliance: true, days: 1_095 }));
    assert_eq!(archive.expire_credentials_file.unwrap().to_str(), Some("expire"));
}

#[test]
fn a_setting_that_would_do_nothing_is_refused() {
    for (key, value) in [
        ("archive.0.sse", "s3"),
        ("archive.0.region", "r"),
        ("archive.0.endpoint", "https://host"),
        ("archive.0.object_lock", "compliance"),
        ("archive.0.credentials_file", "x"),
    ] {
        refused(&[("archive.0.url", "file:///a"), (key, value)], &format!("{key}: SR-E006: "));
    }
    refused(&[("archive.0.url", "az://c"), ("archive.0.kms_key", "k")], "only s3://, gs://: remove it");
    refused(&[("archive.0.url", "s3://b"), ("archive.0.project", "p")], "archive.0.project: SR-E006: ");
}

#[test]
fn encryption_and_locks_are_complete() {
    let url = ("archive.0.url", "s3://b");
    refused(&[url, ("archive.0.sse", "kms")], "archive.0.sse: SR-E005: ");
    refused(&[url, ("archive.0.kms_key", "k")], "archive.0.kms_key: SR-E005: ");
    refused(&[url, ("archive.0.object_lock", "governance")], "archive.0.object_lock: SR-E007: ");
    refused(&[url, ("archive.0.object_lock_days", "7")], "archive.0.object_lock_days: SR-E007: ");
}

#[test]
fn an_endpoint_holds_no_password_and_none_is_repeated() {
    let url = ("archive.0.url", "s3://b");
    for endpoint in ["host", "https://", "https://user:hunter2@host", "https://host/?sig=hunter2"] {
        refused(&[url, ("archive.0.endpoint", endpoint)], "without user name, password and query");
    }
    let error = load(&[("archive.0.name", "a"), url, ("archive.0.endpoint", "https://u:hunter2@host")]);
    assert!(!error.unwrap_err().contains("hunter2"));
}

#[test]
fn nothing_is_discarded_unless_every_stream_may_be_and_there_is_no_other_destination() {
    let null = [("archive.0.name", "a"), ("archive.0.url", "null:")];
    refused(
        &null[1..],
        "SR-E008: null: discards what has aged, and entries of audit, discovery, tool may not be",
    );
    let two_of_three = [null.as_slice(), &DISCARDABLE[..2]].concat();
    refused(&two_of_three[1..], "entries of tool may not be");
    let all = [null.as_slice(), &DISCARDABLE].concat();
    assert_eq!(load(&all).unwrap().archive[0].kind, ArchiveKind::Null);
    let beside = [all.as_slice(), &[("archive.1.name", "b"), ("archive.1.url", "file:///b")]].concat();
    refused(&beside[1..], "SR-E009: ");
    // Discardable streams alone discard nothing.
    assert_eq!(load(&DISCARDABLE).unwrap().archive, []);
}

#[test]
fn one_place_on_two_servers_is_two_places() {
    let archive = |index: &str, member: &str| -> &'static str { format!("archive.{index}.{member}").leak() };
    let at = |endpoint: &'static str| {
        vec![
            ("archive.0.name", "a"),
            ("archive.0.url", "s3://b/p"),
            ("archive.0.endpoint", "https://one"),
            (archive("1", "name"), "b"),
            (archive("1", "url"), "s3://b/p/"),
            (archive("1", "endpoint"), endpoint),
        ]
    };
    assert_eq!(load(&at("https://two")).unwrap().archive.len(), 2);
    refused(&at("https://one")[1..], "another archive is at this place");
}

#[test]
fn identifiers_are_given_once() {
    let mut ids = START_ERRORS.to_vec();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), START_ERRORS.len());
}
