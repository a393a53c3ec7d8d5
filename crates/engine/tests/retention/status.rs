//! What can be asked about retention.

use engine::RunResult;
use testkit::{Fixture, Rows};

use crate::support::{append, by_window, hot, run};

#[tokio::test(flavor = "multi_thread")]
async fn d8_the_status_tells_policy_backlog_last_run_and_destinations() {
    let fixture = Fixture::new(Rows::Sqlite);
    let engine = fixture.create().await;
    append(&fixture, &engine, &["a", "b"]).await;
    fixture.clock.advance_days(100);
    let before = engine.retention_status().await.unwrap();
    assert_eq!((before.policy.hot_days, before.last_run, before.frozen), (90, None, None));
    assert_eq!(before.backlog.map(|backlog| (backlog.entries, backlog.seconds)), Some((3, 10 * 86_400)));
    assert_eq!(before.schedule.run_at.as_deref(), Some("02:30"));
    let report = run(&engine, &by_window(90)).await.unwrap();
    let after = engine.retention_status().await.unwrap();
    let last = after.last_run.unwrap();
    assert_eq!((last.result, last.by.as_deref(), &last.report), (RunResult::Completed, Some("ann"), &report));
    assert_eq!(after.backlog.map(|backlog| backlog.entries), Some(0));
    let state = &after.destinations[0];
    assert_eq!((state.name.as_str(), state.confirmed_at.is_some(), &state.error), ("primary", true, &None));

    // What is in the way at a destination is named, with the object.
    append(&fixture, &engine, &["c"]).await;
    fixture.clock.advance_days(100);
    std::fs::remove_dir_all(fixture.archive_directory().join("audit")).unwrap();
    std::fs::write(fixture.archive_directory().join("audit"), "in the way").unwrap();
    run(&engine, &by_window(90)).await.unwrap_err();
    let failed = engine.retention_status().await.unwrap();
    let last = failed.last_run.unwrap();
    assert_eq!((last.result, last.report.pruned), (RunResult::Failed, 0));
    let error = failed.destinations[0].error.clone().unwrap();
    assert!(error.object.unwrap().starts_with("audit/"), "{}", error.reason);
    assert_eq!(hot(&engine).await, ["c"]);
}
