//! Every step, failed, failed but applied and killed; taken up by a retry and by a restart.

use engine::{Engine, NoProgress, VerifyOptions};
use testkit::StorageRule;

use crate::scene::{ENTRIES, Scene, run};
use crate::steps::{Failure, Step};

/// Runs into the failure. Whoever is killed does nothing more after it.
async fn run_into(scene: &Scene, engine: &Engine, step: Step, failure: Failure, what: &str) {
    if let Some(commit) = step.commit() {
        scene.store.fail_commit_after(commit);
    } else {
        let (call, key) = step.call();
        scene.storage.rule(StorageRule::once(call, key, failure.of_storage()));
    }
    if failure.kills() && step.commit().is_none() {
        tokio::select! {
            outcome = run(engine) => panic!("{what}: was not killed: {outcome:?}"),
            () = scene.storage.hung() => {}
        }
    } else {
        match run(engine).await {
            // A write whose answer was lost is told by reading back, so the run goes on.
            Ok(report) => assert!(report.ok && failure == Failure::FailedButApplied, "{what}: {report:?}"),
            Err(_) => assert_ne!(scene.storage.struck() + scene.store.failures().len(), 0, "{what}"),
        }
    }
}

pub(crate) async fn fails_and_is_taken_up(scene: Scene, step: Step, failure: Failure, restarts: bool) {
    let what = format!("{failure:?} at {step:?}, restarted: {restarts}");
    let engine = scene.ledger().await;
    let lines = scene.hot().await;
    assert_eq!(lines.len() as u64, ENTRIES);
    run_into(&scene, &engine, step, failure, &what).await;

    // Whatever is left verifies, and nothing went that no manifest covers.
    for full in [false, true] {
        let report = engine.ledger().verify(&VerifyOptions { full }, &NoProgress).await.unwrap();
        assert!(report.ok, "{what}: {:#?}", report.problems);
    }
    let hot = scene.hot().await;
    if scene.manifests().await.is_empty() {
        assert_eq!(hot, lines, "{what}");
    }
    assert!(hot.iter().all(|(seq, line)| lines[seq] == *line), "{what}");

    let engine = if restarts {
        drop(engine);
        scene.restart().await
    } else {
        engine
    };
    assert!(run(&engine).await.unwrap().ok, "{what}");
    scene.check_finished(&engine, &lines, &what).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_stops_at_any_step_in_any_way_is_taken_up_by_a_retry_and_by_a_restart() {
    for step in Step::ALL {
        for failure in Failure::ALL {
            for restarts in [false, true] {
                Box::pin(fails_and_is_taken_up(Scene::new(failure), step, failure, restarts)).await;
            }
        }
    }
}
