//! Of the processes on one store, one runs.

use std::sync::Arc;

use engine::{Actor, Engine, ErrorKind};
use testkit::{Fixture, Rows, check};

use crate::support::{Interrupting, append, by_window, hot, run};

/// Two engines over one store, as two processes are.
async fn two_engines(fixture: &Fixture) -> (Engine, Engine) {
    let one = fixture.create().await;
    append(fixture, &one, &["a", "b", "c", "d"]).await;
    one.checkpoint().await.unwrap();
    let mut parts = fixture.parts(fixture.store());
    parts.staging = fixture.path().join("staging of the other");
    (one, Engine::open(parts).await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn d5_of_two_processes_one_runs_and_the_other_says_who() {
    let fixture = Fixture::new(Rows::Memory);
    let (one, other) = two_engines(&fixture).await;
    fixture.clock.advance_days(100);
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let refused = Interrupting::at("proving", async || {
        let error = run(&other, &by_window(90)).await.unwrap_err();
        let status = other.ledger().retention_status().await.unwrap().under_way.unwrap();
        let here = one.retention_status().await.unwrap().under_way.unwrap();
        seen.lock().unwrap().push((error, status, here));
        let again = run(&one, &by_window(90)).await.unwrap_err();
        assert_eq!(again.kind(), ErrorKind::Conflict, "{again}");
    });
    one.archive_run(&by_window(90), &Actor::system(), &refused).await.unwrap();
    let (error, there, here) = seen.lock().unwrap().pop().unwrap();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    for said in [&there.holder, &there.until.to_string()] {
        assert!(error.to_string().contains(said.as_str()), "{error}");
    }
    assert_eq!(here.holder, there.holder);
    let step = here.step.unwrap();
    assert_eq!((step.name.as_ref(), step.total), ("proving", Some(5)));
    assert!((1..=5).contains(&step.done), "objects are proven in any order: {}", step.done);
    assert_eq!(one.retention_status().await.unwrap().under_way, None);
    // It was given back, so that nobody waits.
    append(&fixture, &other, &["e"]).await;
    fixture.clock.advance_days(100);
    assert!(run(&other, &by_window(90)).await.unwrap().pruned > 0);
    check(&other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn d5_a_holder_that_lost_its_lease_writes_no_more() {
    for step in ["staging", "writing", "proving", "pruning"] {
        let mut fixture = Fixture::new(Rows::Memory);
        fixture.policy.transaction_entries = 2;
        let (one, other) = two_engines(&fixture).await;
        fixture.clock.advance_days(100);
        // As if the holder had been suspended for two minutes.
        let taken_over = Interrupting::at(step, async || {
            fixture.clock.advance_micros(120 * 1_000_000);
            run(&other, &by_window(90)).await.unwrap();
        });
        let error = one.archive_run(&by_window(90), &Actor::system(), &taken_over).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{step}: {error}");
        assert_eq!(hot(&other).await, Vec::<String>::new(), "{step}");
        let batches = other.ledger().batches().await.unwrap();
        let ranges: Vec<_> = batches.iter().map(|batch| (batch.first_seq, batch.last_seq)).collect();
        assert_eq!(ranges, [(0, 4)], "{step}");
        other.checkpoint().await.unwrap();
        check(&other).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn d5_the_lease_of_a_holder_that_died_expires_or_is_ended_by_who_knows() {
    let fixture = Fixture::new(Rows::Memory);
    let (one, other) = two_engines(&fixture).await;
    fixture.clock.advance_days(100);
    let died = tokio::sync::Notify::new();
    let progress = Interrupting::at("staging", async || died.notify_one());
    let running = async {
        one.archive_run(&by_window(90), &Actor::system(), &progress).await.unwrap();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        biased;
        () = died.notified() => {}
        () = running => {}
    }
    drop(one);
    if other.ledger().batches().await.unwrap().iter().all(|batch| batch.state == "writing") {
        assert_eq!(run(&other, &by_window(90)).await.unwrap_err().kind(), ErrorKind::Conflict);
        other.end_earlier_leases().await.unwrap();
    }
    run(&other, &by_window(90)).await.unwrap();
    assert_eq!(hot(&other).await, Vec::<String>::new());
    other.checkpoint().await.unwrap();
    check(&other).await;
}
