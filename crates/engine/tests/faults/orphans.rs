//! What is at a destination and belongs to no batch.

use archive::{MANIFEST_SUFFIX, StorageErrorKind};
use testkit::{StorageCall, StorageFault, StorageRule};

use crate::scene::{Scene, run};
use crate::steps::Failure;

#[tokio::test(flavor = "multi_thread")]
async fn what_no_manifest_names_is_an_orphan_unless_its_batch_is_in_the_making() {
    let scene = Scene::new(Failure::Failed);
    let engine = scene.ledger().await;
    scene.storage.rule(StorageRule::once(
        StorageCall::Create,
        MANIFEST_SUFFIX,
        StorageFault::Fails(StorageErrorKind::Denied),
    ));
    run(&engine).await.unwrap_err();
    assert_eq!(engine.ledger().orphans().await.unwrap(), []);
    let put = |key: &str| {
        let path = scene.fixture.archive_directory().join(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "12345").unwrap();
    };
    let stray = "audit/org_t0/2026/03/01T000001Z-0123456789abcdef.jsonl.gz";
    for key in [stray, "notes.txt", "probe/1/x", "audit/org_t0/a.jsonl.gz.expired"] {
        put(key);
    }
    for _ in 0..2 {
        let orphans = engine.ledger().orphans().await.unwrap();
        let found: Vec<_> = orphans.iter().map(|orphan| (orphan.key.as_str(), orphan.bytes)).collect();
        assert_eq!(found, [(stray, 5), ("notes.txt", 5)]);
        assert!(orphans.iter().all(|orphan| orphan.last_modified.is_some()));
        run(&engine).await.unwrap();
    }
}
