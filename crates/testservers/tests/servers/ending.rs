//! A server ends when its value is dropped.

use std::net::TcpStream;

use testservers::{Azurite, LocalStack, Proxy, S3sServer};

fn answers(endpoint: &str) -> bool {
    let authority = endpoint.strip_prefix("http://").unwrap().split('/').next().unwrap();
    TcpStream::connect(authority).is_ok()
}

#[test]
fn a_server_answers_when_it_has_started_and_no_more_when_it_is_dropped() {
    let localstack = LocalStack::start();
    let azurite = Azurite::start();
    let s3s = S3sServer::start();
    let bucket = s3s.bucket();
    let proxy = Proxy::before(bucket.endpoint());
    let endpoints = [
        localstack.endpoint().to_owned(),
        azurite.endpoint().to_owned(),
        bucket.endpoint().to_owned(),
        proxy.endpoint(),
    ];
    assert!(endpoints.iter().all(|endpoint| answers(endpoint)), "{endpoints:?}");
    drop((localstack, azurite, s3s, proxy));
    assert!(!endpoints.iter().any(|endpoint| answers(endpoint)), "{endpoints:?}");
}
