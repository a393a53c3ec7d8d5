//! Development only: real object storage servers, started and stopped by tests.
//!
//! A type a server. Each listens on a random port of the loopback address, is ready when its start call returns, and ends
//! when its value is dropped or when the process that started it ends, however that ends. Starting is blocking and needs
//! no runtime, so a test of any kind can do it. What cannot be started panics and says how to install it: a test that
//! needs a server and has none has failed.
//!
//! - [`LocalStack`]: S3 with KMS, versioning and Object Lock. It checks no signatures, enforces no policies, and lets
//!   several of the creates of one key at once succeed where the bucket keeps versions.
//! - [`S3sServer`]: S3 in this process, with real signatures. Two creates of one key at once may both succeed.
//! - [`Azurite`]: Azure Blob Storage. It accepts what concerns immutability, and ignores it.
//! - [`GcsDouble`]: what `object_store` needs of the XML API of Google Cloud Storage, in this process.
//! - [`Proxy`]: stands before any of them, and refuses, forgets, delays or falsifies by rules; counts what went through.
//!
//! Deliberately absent: servers that are shared between processes, and anything that a release contains.

mod azurite;
mod call;
mod gcs_double;
mod in_process;
mod installation;
mod localstack;
mod names;
mod proxy;
mod s3_bucket;
mod s3s_server;
mod server_process;

pub use azurite::{Azurite, Container};
pub use call::{Answer, call};
pub use gcs_double::{GcsBucket, GcsDouble};
pub use localstack::LocalStack;
pub use proxy::{Action, InstalledRule, Proxy, RequestHead, Rule};
pub use s3_bucket::S3Bucket;
pub use s3s_server::S3sServer;
