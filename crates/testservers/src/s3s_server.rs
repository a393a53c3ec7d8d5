//! S3 in this process, over a folder: real signatures and checksums, no locks, no encryption.

use std::fs;

use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tempfile::TempDir;

use crate::in_process::InProcess;
use crate::names;
use crate::s3_bucket::S3Bucket;

const ACCESS_KEY_ID: &str = "AKIDTESTSERVER";
const SECRET_ACCESS_KEY: &str = "a secret for tests only";

/// An S3 server that refuses wrong signatures.
///
/// Known not to do: of several create-only puts of one key at once, more than one may succeed; lock headers are ignored.
#[derive(Debug)]
pub struct S3sServer {
    server: InProcess,
    folder: TempDir,
}

impl S3sServer {
    /// Starts one over an empty folder.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder for the S3 server");
        let files = FileSystem::new(folder.path()).expect("the S3 server can use its folder");
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY_ID, SECRET_ACCESS_KEY));
        Self { server: InProcess::start(builder.build()), folder }
    }

    /// A new, empty bucket.
    pub fn bucket(&self) -> S3Bucket {
        let name = names::unused("bucket");
        fs::create_dir(self.folder.path().join(&name)).expect("the S3 server's folder takes a bucket");
        S3Bucket::new(self.server.endpoint(), name, ACCESS_KEY_ID, SECRET_ACCESS_KEY)
    }
}
