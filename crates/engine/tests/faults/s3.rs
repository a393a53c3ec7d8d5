//! The same table on a real S3 server, over the network: every step, also those of the store.

use archive::{CredentialSource, Credentials, Destination, DestinationOptions};
use testkit::{Fixture, Rows};
use testservers::{S3Bucket, S3sServer};

use crate::scene::Scene;
use crate::steps::{Failure, Step};
use crate::table::fails_and_is_taken_up;

fn destination(bucket: &S3Bucket) -> Destination {
    let key = [
        ("AWS_ACCESS_KEY_ID", bucket.access_key_id()),
        ("AWS_SECRET_ACCESS_KEY", bucket.secret_access_key()),
    ];
    let options = DestinationOptions {
        endpoint: Some(bucket.endpoint().to_owned()),
        region: Some(bucket.region().to_owned()),
        credentials: CredentialSource::Given(Credentials::from_pairs(key).unwrap()),
        ..DestinationOptions::new(&bucket.url())
    };
    Destination::open_with("primary", &options).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_stops_at_any_step_of_a_real_s3_server_is_taken_up() {
    let server = S3sServer::start();
    for step in Step::ALL {
        for failure in Failure::ALL {
            for restarts in [false, true] {
                let destination = destination(&server.bucket());
                let scene = Scene::over(Fixture::new(Rows::Memory), &destination, failure);
                Box::pin(fails_and_is_taken_up(scene, step, failure, restarts)).await;
            }
        }
    }
}
