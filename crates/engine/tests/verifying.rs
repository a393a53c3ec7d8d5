//! Verification beside a writer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use engine::{NoProgress, VerifyOptions};
use testkit::{Fixture, Rows, check, events};

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_grows_meanwhile_verifies() {
    let fixture = Fixture::new(Rows::Sqlite);
    let engine = fixture.create().await;
    let batches: Vec<_> = events(&fixture, 21, 40_000).chunks(100).map(<[event::Event]>::to_vec).collect();
    let done = Arc::new(AtomicBool::new(false));
    let writer = {
        let (engine, done) = (engine.clone(), done.clone());
        tokio::spawn(async move {
            for batch in batches {
                engine.append(batch).await.unwrap();
            }
            done.store(true, Ordering::SeqCst);
        })
    };
    let mut rounds = 0;
    while !done.load(Ordering::SeqCst) || rounds == 0 {
        let options = VerifyOptions { full: rounds % 2 == 1 };
        let report = engine.ledger().verify(&options, &NoProgress).await.unwrap();
        assert!(report.ok, "{:#?}", report.problems);
        rounds += 1;
    }
    writer.await.unwrap();
    engine.checkpoint().await.unwrap();
    assert_eq!(check(&engine).await.tree_size, engine.ledger().tree_size());
}
