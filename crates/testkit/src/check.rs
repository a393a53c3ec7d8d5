use engine::{Engine, NoProgress, VerifyOptions, VerifyReport};

/// Verifies everything: hot rows, tree, state, index, keys and archive. Panics with the findings if any.
pub async fn check(engine: &Engine) -> VerifyReport {
    let report = engine
        .ledger()
        .verify(&VerifyOptions { full: true }, &NoProgress)
        .await
        .expect("the check can be made");
    assert!(report.ok, "the ledger does not verify: {:#?}", report.problems);
    report
}
