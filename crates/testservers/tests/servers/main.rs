//! The servers do what tests rely on: `object_store`'s own suite on each, what a server is known not to do, and the proxy.

mod azurite;
mod ending;
mod gcs_double;
mod localstack;
mod proxy;
mod s3s_server;
mod suite;
