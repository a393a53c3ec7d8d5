use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::workplace::Workplace;

/// A mapping of our own for a small invented source.
const MAPPING: &str = r#"
name = "doors"

[event]
occurred_at = "{at}"
tenant = "{site}"
action = "door.{what}"
outcome = [{ value = "denied", when = { refused = "true" } }, "success"]
source = "doors"
external_id = "{site}/{number}"
actor = { type = "user", id = "{badge}" }
target = { type = "door", id = "{door}" }
"#;

fn record(number: u64) -> String {
    format!(
        r#"{{"at":"2026-03-01T08:00:00+01:00","site":"north","number":{number},"what":"open","refused":false,"badge":"b-{}","door":"main"}}"#,
        number % 3
    )
}

fn place() -> Workplace {
    let place = Workplace::with_ledger();
    place.write("doors.toml", MAPPING);
    place
}

const IMPORT: [&str; 4] = ["import", "--mapping", "doors.toml", "--json"];

fn summary(read: u64, appended: u64, duplicates: u64, invalid: u64) -> serde_json::Value {
    serde_json::json!({ "read": read, "appended": appended, "duplicates": duplicates, "invalid": invalid })
}

#[test]
fn records_become_events_and_a_second_time_adds_nothing() {
    let place = place();
    let records: String = (0..2_500).map(|number| record(number) + "\n").collect();
    let ran = place.run_with(&IMPORT, &records).succeeds();
    assert_eq!(ran.json(), summary(2_500, 2_500, 0, 0));
    assert_eq!(ran.stdout, "{\"read\":2500,\"appended\":2500,\"duplicates\":0,\"invalid\":0}\n");
    assert_eq!(place.run_with(&IMPORT, &records).succeeds().json(), summary(2_500, 0, 2_500, 0));

    let found = place.run(&["search", "--actor", "b-2", "--action", "door.open", "--limit", "1", "--json"]);
    let entry = &found.succeeds().json()["entries"][0];
    assert_eq!(entry["external_id"], "north/2498");
    assert_eq!(entry["occurred_at"], "2026-03-01T07:00:00.000000Z");
    place.run(&["verify", "--full"]).succeeds();
}

#[test]
fn one_bad_record_keeps_all_out() {
    let place = place();
    let bad = record(3).replace("+01:00", "");
    let records = [record(1), record(2), bad, "no json".to_owned(), record(5)].join("\n");
    let ran = place.run_with(&IMPORT, &records).exits(2).says("nothing was appended").says("--skip-invalid");
    assert_eq!(ran.json(), summary(5, 0, 0, 2));
    let told: Vec<serde_json::Value> =
        ran.stderr.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let lines: Vec<u64> = told.iter().map(|invalid| invalid["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [3, 4]);
    assert!(told.iter().all(|invalid| !invalid["reason"].as_str().unwrap().is_empty()));
    assert_eq!(
        place.run(&["search", "--source", "doors", "--json"]).json()["entries"],
        serde_json::json!([])
    );
}

#[test]
fn with_skip_invalid_the_others_go_in_and_the_bad_are_named() {
    let place = place();
    let records = [record(1), "no json".to_owned(), record(2)].join("\n");
    let ran = place.run_with(&[&IMPORT[..], &["--skip-invalid"]].concat(), &records).succeeds();
    assert_eq!(ran.json(), summary(3, 2, 0, 1));
    ran.says(r#"{"line":2,"reason":""#);
}

#[test]
fn people_see_the_first_twenty_and_a_count() {
    let place = place();
    let records = "no json\n".repeat(23);
    let ran = place.run_with(&["import", "--mapping", "doors.toml"], &records).exits(2);
    let ran = ran.says("line 20: ").says("and 3 more").says("23 records are invalid");
    assert!(!ran.stderr.contains("line 21"), "{}", ran.stderr);
}

#[test]
fn a_record_whose_key_is_taken_by_other_content_is_left_out_or_stops_it() {
    let place = place();
    place.run_with(&IMPORT, &record(1)).succeeds();
    let records = [record(2), record(1).replace("main", "back"), record(3)].join("\n");
    let ran = place.run_with(&[&IMPORT[..], &["--skip-invalid"]].concat(), &records).succeeds();
    assert_eq!(ran.json(), summary(3, 2, 0, 1));
    place.run_with(&IMPORT, &records).exits(2).says("line 2: ");
}

#[test]
fn gzip_of_several_members_is_read_to_its_end() {
    let place = place();
    let mut packed = Vec::new();
    for number in 0..3 {
        let mut member = GzEncoder::new(Vec::new(), Compression::default());
        writeln!(member, "{}", record(number)).unwrap();
        packed.extend(member.finish().unwrap());
    }
    std::fs::write(place.path("records.gz"), packed).unwrap();
    let ran = place.run(&[&IMPORT[..], &["records.gz"]].concat()).succeeds();
    assert_eq!(ran.json(), summary(3, 3, 0, 0));
}

#[test]
fn a_named_tenant_stands_in_for_the_mappings() {
    let place = place();
    place.run_with(&[&IMPORT[..], &["--tenant", "museum"]].concat(), &record(1)).succeeds();
    let found = place.run(&["search", "--tenant", "museum", "--json"]).succeeds().json();
    assert_eq!(found["entries"].as_array().unwrap().len(), 1);
}

#[test]
fn built_in_mappings_are_known_by_name_and_others_are_told() {
    let place = place();
    let record = r#"{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","principalId":"AIDAEXAMPLE","arn":"arn:aws:iam::111122223333:user/dana","accountId":"111122223333","userName":"dana"},"eventTime":"2026-01-05T10:11:12Z","eventSource":"s3.amazonaws.com","eventName":"GetObject","awsRegion":"eu-central-1","sourceIPAddress":"192.0.2.7","userAgent":"aws-cli","requestParameters":{"bucketName":"ledger-books"},"responseElements":null,"requestID":"R1","eventID":"9f1b7a52-0000-4000-8000-000000000001","eventType":"AwsApiCall","recipientAccountId":"111122223333"}"#;
    let ran = place.run_with(&["import", "--mapping", "cloudtrail", "--json"], record).succeeds();
    assert_eq!(ran.json(), summary(1, 1, 0, 0));
    place.run(&["import", "--mapping", "nothing"]).exits(2).says("cloudtrail").says("windows");
}
