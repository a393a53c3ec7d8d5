use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use client::Client;

use crate::server::{LONG, Server, event};

/// Set for the process that is to be killed: the URL, the token and the directory of its spool.
const VICTIM: &str = "TEST_SPOOLING_VICTIM";
const SUBMITTED: &str = "submitted ";

/// K3 for the spool: a process that is killed while it submits loses nothing that it was told is spooled. The test runs
/// itself as that process.
#[tokio::test(flavor = "multi_thread")]
async fn k3_a_killed_producer_leaves_what_it_submitted() {
    if let Ok(settings) = std::env::var(VICTIM) {
        return submit_until_killed(&settings).await;
    }
    let mut server = Server::start();
    let settings = format!("{}\n{}\n{}", server.url(), server.token, server.spool().display());
    let mut submitted = Vec::new();
    for (round, with_server) in [(0, false), (1, true), (2, false)] {
        if !with_server {
            server.kill();
        }
        submitted.extend(run_and_kill(&format!("{settings}\n{round}"), 100));
        if !with_server {
            server.start_again();
        }
    }
    let client = server.builder().spool(server.spool(), 64 << 20).build().await.unwrap();
    client.flush(LONG).await.unwrap();
    let status = client.spool_status().await.unwrap();
    assert_eq!((status.pending_events, status.rejected_events), (0, 0), "{status:?}");

    let there = server.event_ids();
    let mut unique = there.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), there.len(), "each event is there once");
    for id in submitted {
        assert!(unique.binary_search(&id).is_ok(), "{id} was submitted and is not there");
    }
    // Each task of a process submits one after the other, and so they stand in the ledger.
    for task in 0..TASKS {
        let numbers: Vec<u64> = there
            .iter()
            .filter_map(|id| id.strip_prefix(&format!("0-{task}-")))
            .map(|number| number.parse().unwrap())
            .collect();
        assert!(numbers.is_sorted(), "{numbers:?}");
        assert!(!numbers.is_empty());
    }
}

const TASKS: usize = 4;

async fn submit_until_killed(settings: &str) {
    let settings: Vec<&str> = settings.lines().collect();
    let client =
        Client::builder(settings[0], settings[1]).spool(settings[2], 64 << 20).build().await.unwrap();
    let round = settings[3].to_owned();
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..TASKS {
        let (client, round) = (client.clone(), round.clone());
        tasks.spawn(async move {
            for number in 0_u64.. {
                let submitted = client.submit(&event(format!("{round}-{task}-{number}"))).await.unwrap();
                // One write a line, and none that the test's own capture holds back.
                let line = format!("{SUBMITTED}{}\n", submitted.event_id);
                std::io::stdout().write_all(line.as_bytes()).unwrap();
            }
        });
    }
    tasks.join_all().await;
}

/// Runs this test as the victim, kills it after some events, and answers all that it had been told are spooled.
fn run_and_kill(settings: &str, events: usize) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killing::k3_a_killed_producer_leaves_what_it_submitted", "--nocapture"])
        .env(VICTIM, settings)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut submitted: Vec<String> = Vec::new();
    let mut id_of = |line: String| {
        if let Some((_, id)) = line.split_once(SUBMITTED) {
            submitted.push(id.to_owned());
        }
        submitted.len()
    };
    for line in lines.by_ref() {
        if id_of(line.unwrap()) >= events {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // What was in the pipe when it died was told, too. A line without its end was not.
    let mut rest: Vec<String> = lines.map_while(Result::ok).collect();
    rest.pop();
    for line in rest {
        id_of(line);
    }
    submitted
}
