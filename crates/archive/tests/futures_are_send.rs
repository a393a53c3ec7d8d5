//! The engine runs this crate's work inside spawned tasks, so its futures must be `Send`.

use archive::{BatchPlan, Destination, ManifestObject, StagedBatch, VerifyOptions};
use merkle::{Checkpoint, KeyRing};

fn assert_send<T: Send>(_: &T) {}

#[allow(dead_code)]
fn every_public_future(
    destination: &Destination,
    object: &ManifestObject,
    staged: &StagedBatch,
    keys: &KeyRing,
    plan: &BatchPlan,
) {
    let checkpoint: Checkpoint = plan.checkpoint(merkle::empty_root());
    assert_send(&destination.put_new("a", bytes::Bytes::new()));
    assert_send(&destination.list(""));
    assert_send(&archive::reread(destination, object));
    assert_send(&archive::read_lines(destination, object, 0..=1));
    assert_send(&staged.upload(destination, &()));
    assert_send(&archive::write_log_copy(destination, &[], &checkpoint, ""));
    assert_send(&archive::publish_manifest(destination, "", keys));
    assert_send(&archive::verify(destination, keys, &VerifyOptions::default(), &()));
}

#[test]
fn every_future_of_this_crate_can_move_between_threads() {
    // Proven by compiling `every_public_future`.
}
