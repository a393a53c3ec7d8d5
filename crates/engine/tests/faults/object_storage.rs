//! The same table on a place that is no directory: bytes come as streams, and nothing is synced by us.

use std::sync::Arc;

use archive::Destination;
use object_store::memory::InMemory;
use testkit::{Fixture, Rows};

use crate::scene::Scene;
use crate::steps::{Failure, Step};
use crate::table::fails_and_is_taken_up;

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_stops_at_any_step_of_an_object_store_is_taken_up() {
    for step in Step::ALL.into_iter().filter(|step| step.commit().is_none()) {
        for failure in Failure::ALL {
            for restarts in [false, true] {
                let destination = Destination::over_store("primary", Arc::new(InMemory::new()), "").unwrap();
                let scene = Scene::over(Fixture::new(Rows::Memory), &destination, failure);
                Box::pin(fails_and_is_taken_up(scene, step, failure, restarts)).await;
            }
        }
    }
}
