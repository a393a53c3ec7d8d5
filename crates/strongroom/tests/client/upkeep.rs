use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use client::{Error, SpoolError};
use serde_json::Value;

use crate::server::{LONG, Server, event, json};
use crate::spooling::spooling;

fn line(id: &str) -> String {
    serde_json::to_string(&event(id)).unwrap()
}

#[tokio::test]
async fn b3_a_torn_last_line_is_cut_off_and_counted() {
    let mut server = Server::start();
    server.kill();
    fs::create_dir(server.spool()).unwrap();
    let whole = line("e1");
    // Without its end, with an end and no JSON, and a file of nothing else.
    for (name, torn) in [
        ("audit_2026-01-01.jsonl", format!("{whole}\n{}", &line("torn")[..40])),
        ("discovery_2026-01-01.jsonl", format!("{whole}\n{{\"event_id\":\"torn\n")),
        ("tool_2026-01-01.jsonl", "\0\0\0\0".to_owned()),
    ] {
        fs::write(server.spool().join(name), torn).unwrap();
    }
    let client = spooling(&server).await;
    let status = client.spool_status().await.unwrap();
    assert_eq!((status.torn_lines, status.pending_events), (3, 2));
    let read = |name: &str| fs::read_to_string(server.spool().join(name)).unwrap();
    assert_eq!(read("audit_2026-01-01.jsonl"), format!("{whole}\n"));
    assert_eq!(read("discovery_2026-01-01.jsonl"), format!("{whole}\n"));
    assert!(!server.spool().join("tool_2026-01-01.jsonl").exists(), "nothing is left of it");
    client.submit(&event("e2")).await.unwrap();
    server.start_again();
    client.close(LONG).await.unwrap();
    assert_eq!(server.event_ids(), ["e1", "e2"]);
}

#[tokio::test]
async fn b4_drained_files_of_earlier_days_go_and_nothing_else_does() {
    let server = Server::start();
    let spool = server.spool();
    fs::create_dir(&spool).unwrap();
    for (name, text) in [
        ("audit_2026-01-01.jsonl", format!("{}\n", line("e1"))),
        ("audit_2026-01-02.jsonl", format!("{}\n{}\n", line("old"), line("e2"))),
        ("audit_2026-01-02.jsonl.drained", (line("old").len() + 1).to_string()),
        ("tool_2026-01-03.jsonl.drained", "77".to_owned()),
        ("audit_2026-01-02.jsonl.drained.new", "9".to_owned()),
        ("notes.txt", "mine".to_owned()),
    ] {
        fs::write(spool.join(name), text).unwrap();
    }
    let client = spooling(&server).await;
    client.submit(&event("e3")).await.unwrap();
    client.close(LONG).await.unwrap();
    assert_eq!(server.event_ids(), ["e1", "e2", "e3"], "oldest first, from where it was drained to");
    let mut left: Vec<String> = fs::read_dir(&spool)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left.len(), 4, "{left:?}");
    assert!(left[0].starts_with("audit_2"), "{left:?}");
    assert_eq!(left[1], format!("{}.drained", left[0]));
    assert_eq!(left[2..], ["lock", "notes.txt"]);
    let length = fs::metadata(spool.join(&left[0])).unwrap().len();
    assert_eq!(fs::read_to_string(spool.join(&left[1])).unwrap(), length.to_string());
}

#[tokio::test]
async fn a_progress_that_is_no_end_of_a_line_counts_for_nothing() {
    let server = Server::start();
    let spool = server.spool();
    fs::create_dir(&spool).unwrap();
    for (day, progress) in [("01", "5"), ("02", "999999"), ("03", "many"), ("04", "")] {
        fs::write(spool.join(format!("audit_2026-01-{day}.jsonl")), format!("{}\n", line(day))).unwrap();
        fs::write(spool.join(format!("audit_2026-01-{day}.jsonl.drained")), progress).unwrap();
    }
    spooling(&server).await.close(LONG).await.unwrap();
    assert_eq!(server.event_ids(), ["01", "02", "03", "04"]);
}

#[tokio::test]
async fn b3_the_spool_is_for_its_owner_alone() {
    let mut server = Server::start();
    server.kill();
    fs::create_dir(server.spool()).unwrap();
    fs::set_permissions(server.spool(), fs::Permissions::from_mode(0o755)).unwrap();
    let client = spooling(&server).await;
    client.submit(&event("e1")).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&server.spool()), 0o700);
    let mut files = 0;
    for entry in fs::read_dir(server.spool()).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        files += 1;
    }
    assert_eq!(files, 2, "the lock and the events");
}

#[tokio::test]
async fn one_client_has_a_directory_and_others_are_told_who() {
    let server = Server::start();
    let client = spooling(&server).await;
    let own = std::process::id();
    let second =
        server.builder().spool(server.spool(), crate::spooling::SPOOL_BYTES).build().await.unwrap_err();
    let Error::Spool(SpoolError::InUse { directory, holder }) = &second else { panic!("{second}") };
    assert_eq!((directory, holder.as_str()), (&server.spool(), format!("process {own}").as_str()));
    // Another program that keeps to the format finds the lock taken, too.
    let lock = server.spool().join("lock");
    let taken =
        |lock: &Path| !Command::new("flock").arg("-n").arg(lock).arg("true").status().unwrap().success();
    assert!(taken(&lock));
    client.close(LONG).await.unwrap();
    assert!(!taken(&lock));
}

/// The page says what is drained, and what the row of a refused event looks like.
#[tokio::test]
async fn the_example_of_the_page_is_drained_as_the_page_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats/spool.md");
    let mut page = fs::read_to_string(&path).unwrap();
    let server = Server::start();
    let spool = server.spool();
    fs::create_dir(&spool).unwrap();
    let name = "tool_2026-11-22.jsonl";
    let events = page[place(&page, "events")].to_owned();
    fs::write(spool.join(name), &events).unwrap();
    fs::write(spool.join(format!("{name}.drained")), page[place(&page, "progress")].trim()).unwrap();
    spooling(&server).await.close(LONG).await.unwrap();

    let ids: Vec<Value> =
        json(events.as_bytes()).into_iter().map(|event| event["event_id"].clone()).collect();
    assert_eq!(server.event_ids(), [ids[2].as_str().unwrap()]);
    let rejected = fs::read_to_string(spool.join("rejected").join(name)).unwrap();
    let written = place(&page, "rejected");
    if std::env::var_os("STRONGROOM_WRITE_EXAMPLES").is_some() {
        page.replace_range(written, &rejected);
        fs::write(&path, page).unwrap();
    } else {
        assert!(page[written] == rejected, "the example in docs/formats/spool.md should read:\n{rejected}");
    }
}

/// Where the named example stands in a page: the bytes between its fences.
fn place(page: &str, name: &str) -> std::ops::Range<usize> {
    let marker = format!("<!-- example: {name} -->\n```");
    let fence = page.find(&marker).unwrap_or_else(|| panic!("no example {name}")) + marker.len();
    let start = fence + page[fence..].find('\n').expect("the end of the fence") + 1;
    start..start + page[start..].find("```").expect("the end of the example")
}
