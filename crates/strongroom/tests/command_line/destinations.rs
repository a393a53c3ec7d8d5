//! Destinations far away and nowhere, from the settings to the last check.

use std::os::unix::fs::PermissionsExt as _;

use testservers::{S3Bucket, S3sServer};

use crate::workplace::{Workplace, events, finish, now, program};

/// The settings of a ledger whose archive is the bucket, with a file of credentials.
/// This server is known to let several creates of one key win, which a probe would refuse it for.
fn settings(place: &Workplace, bucket: &S3Bucket) -> String {
    let credentials = format!(
        "AWS_ACCESS_KEY_ID={}\nAWS_SECRET_ACCESS_KEY={}\n",
        bucket.access_key_id(),
        bucket.secret_access_key()
    );
    let file = place.write("credentials", &credentials);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    format!(
        "[[archive]]\nname = \"far\"\nurl = \"{}/ledger\"\nendpoint = \"{}\"\nregion = \"{}\"\n\
         credentials_file = \"credentials\"\naccept_unproven = true\n",
        bucket.url(),
        bucket.endpoint(),
        bucket.region()
    )
}

#[test]
fn an_s3_archive_is_written_proven_and_verified_offline_with_credentials_of_the_environment() {
    let server = S3sServer::start();
    let bucket = server.bucket();
    let place = Workplace::empty();
    place.write("strongroom.toml", &settings(&place, &bucket));
    place.run(&["init"]).succeeds();
    place.append(&events(0..5)).succeeds();
    let run = place.run(&["archive", "run", "--before", &now(), "--json"]).succeeds().json();
    assert_eq!((&run["verified"], &run["unverified"]), (&run["archived"], &0.into()));
    assert_eq!(run["pruned"], run["archived"]);
    place.run(&["verify", "--full"]).succeeds();
    place.run(&["show", "3"]).succeeds();

    // Elsewhere, with nothing but the key and credentials.
    let elsewhere = Workplace::empty();
    let mut command = program(&elsewhere.path(""));
    command.args([
        "verify",
        "--archive",
        &format!("{}/ledger", bucket.url()),
        "--key",
        &place.vkey(),
        "--json",
    ]);
    command
        .env("AWS_ACCESS_KEY_ID", bucket.access_key_id())
        .env("AWS_SECRET_ACCESS_KEY", bucket.secret_access_key())
        .env("AWS_REGION", bucket.region())
        .env("AWS_ENDPOINT_URL", bucket.endpoint());
    let report = finish(command, "").succeeds().json();
    assert_eq!((&report["ok"], &report["covered"]), (&true.into(), &run["archived"]));
}

#[test]
fn a_start_that_is_stopped_says_its_identifier_and_no_secret() {
    let server = S3sServer::start();
    let bucket = server.bucket();
    let place = Workplace::empty();
    let good = settings(&place, &bucket);
    let stops = |settings: &str, id: &str| {
        place.write("strongroom.toml", settings);
        let ran = place.run(&["init"]).exits(2).says(id);
        assert!(!ran.stderr.contains(bucket.secret_access_key()), "{}", ran.stderr);
    };
    stops("[[archive]]\nname = \"far\"\nurl = \"s3://\"\n", "SR-E001");
    stops("[[archive]]\nname = \"far\"\nurl = \"file:///tmp/x\"\nsse = \"s3\"\n", "SR-E006");
    stops("[[archive]]\nname = \"nowhere\"\nurl = \"null:\"\n", "SR-E008");
    let without_region =
        "[[archive]]\nname = \"far\"\nurl = \"s3://bucket\"\ncredentials_file = \"credentials\"\n";
    stops(without_region, "SR-E002");
    std::fs::set_permissions(place.path("credentials"), std::fs::Permissions::from_mode(0o644)).unwrap();
    stops(&good, "SR-E010");
}

#[test]
fn what_is_discarded_is_said_to_be_everywhere() {
    let place = Workplace::empty();
    let streams =
        ["audit", "discovery", "tool"].map(|name| format!("[streams.{name}]\ndiscardable = true\n"));
    let settings = format!("{}[[archive]]\nname = \"nowhere\"\nurl = \"null:\"\n", streams.concat());
    place.write("strongroom.toml", &settings);
    place.run(&["init"]).succeeds();
    place.append(&events(0..3)).succeeds();
    let run = place.run(&["archive", "run", "--before", &now(), "--json"]).succeeds().json();
    assert_eq!((&run["discarded"], &run["pruned"], &run["archived"]), (&3.into(), &3.into(), &0.into()));
    let batches = place.run(&["archive", "list", "--json"]).succeeds().json_lines();
    assert_eq!(batches[0]["state"], "discarded");
    let verified = place.run(&["verify", "--full", "--json"]).succeeds().json();
    assert_eq!((&verified["ok"], &verified["discarded"]), (&true.into(), &3.into()));
    let shown = place.run(&["show", "2", "--json"]).succeeds().json();
    assert_eq!((&shown["tiers"][0], &shown["entry"]), (&"discarded".into(), &serde_json::Value::Null));
    assert!(place.run(&["show", "2"]).succeeds().stdout.contains("was discarded"));
}
