//! `LocalStack`: S3 and KMS as AWS answers, without signatures and without enforced policies.

use std::net::TcpListener;
use std::process::Command;
use std::sync::OnceLock;

use crate::call::{Answer, call};
use crate::installation::Installation;
use crate::names;
use crate::s3_bucket::S3Bucket;
use crate::server_process::ServerProcess;

const INSTALLATION: Installation = Installation {
    name: "LocalStack 4.9.2",
    variable: "STRONGROOM_TEST_LOCALSTACK",
    place: "testservers/localstack/bin/python",
    by_hand: "`python3 -m venv DIR && DIR/bin/python -m pip install --no-deps -r \
              crates/testservers/localstack-4.9.2-constraints.txt`, and the variable names DIR/bin/python",
};

/// Runs the server, and ends it when its standard input does: see [`ServerProcess`].
const PROGRAM: &str = "
import os, runpy, shutil, sys, threading
def end_with_parent():
    sys.stdin.buffer.read()
    shutil.rmtree(os.environ['LOCALSTACK_VOLUME_DIR'], ignore_errors=True)
    os._exit(0)
threading.Thread(target=end_with_parent, daemon=True).start()
sys.argv = ['localstack']
runpy.run_module('localstack.runtime.main', run_name='__main__')
";

/// A port that was free may be taken by the time the server binds it.
const ATTEMPTS: usize = 3;

/// The service is told apart by the credential's scope; the signature is not looked at.
fn authorization(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
    )
}

/// A `LocalStack` of one's own.
#[derive(Debug)]
pub struct LocalStack {
    endpoint: String,
    _process: ServerProcess,
}

impl LocalStack {
    /// The one `LocalStack` of this test program, started by whoever asks first. It takes some seconds and about 200 MB.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<LocalStack> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Starts one.
    pub fn start() -> Self {
        let python = INSTALLATION.file();
        let mut failures = Vec::new();
        for _ in 0..ATTEMPTS {
            let home = tempfile::tempdir().expect("a folder for LocalStack");
            let port = free_port();
            let mut command = Command::new(&python);
            command.args(["-c", PROGRAM]).env_clear().envs(environment(port)).env("HOME", home.path());
            command.env("LOCALSTACK_VOLUME_DIR", home.path()).env("TMPDIR", home.path());
            command.current_dir(home.path());
            match ServerProcess::start(command, home, |line| (line == "Ready.").then_some(())) {
                Ok((process, ())) => {
                    return Self { endpoint: format!("http://127.0.0.1:{port}"), _process: process };
                }
                Err(failure) => failures.push(failure),
            }
        }
        panic!("LocalStack does not start: {}", failures.join("\n\n"))
    }

    /// `http://127.0.0.1:port`
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// A new, empty bucket.
    pub fn bucket(&self) -> S3Bucket {
        self.create_bucket(&[])
    }

    /// A new bucket that keeps old versions.
    pub fn versioned_bucket(&self) -> S3Bucket {
        let bucket = self.bucket();
        self.configure(
            &bucket,
            "versioning",
            "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
        );
        bucket
    }

    /// A new bucket with Object Lock, which implies versions; it has no default retention.
    pub fn locked_bucket(&self) -> S3Bucket {
        self.create_bucket(&[("x-amz-bucket-object-lock-enabled", "true")])
    }

    fn create_bucket(&self, headers: &[(&str, &str)]) -> S3Bucket {
        let name = names::unused("bucket");
        self.request("PUT", &format!("/{name}"), headers, "").expect_success();
        S3Bucket::new(self.endpoint.clone(), name, "test", "test")
    }

    /// Sets one configuration of a bucket: `PUT /bucket?subresource` with a document, as the S3 API has it.
    #[track_caller]
    pub fn configure(&self, bucket: &S3Bucket, subresource: &str, document: &str) {
        self.request("PUT", &format!("/{}?{subresource}", bucket.name()), &[], document).expect_success();
    }

    /// Sends any request of the S3 API. `target` is path and query.
    #[track_caller]
    pub fn request(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let authorization = authorization("s3");
        let mut all = vec![("authorization", authorization.as_str())];
        all.extend_from_slice(headers);
        call(method, &format!("{}{target}", self.endpoint), &all, body.to_owned())
    }

    /// Makes a KMS key and returns its ARN.
    pub fn kms_key(&self) -> String {
        let authorization = authorization("kms");
        let headers = [
            ("authorization", authorization.as_str()),
            ("x-amz-target", "TrentService.CreateKey"),
            ("content-type", "application/x-amz-json-1.1"),
        ];
        let answer = call("POST", &format!("{}/", self.endpoint), &headers, "{}").expect_success().text();
        let (_, arn) = answer.split_once("\"Arn\": \"").expect("the answer of CreateKey names an ARN");
        arn.split('"').next().unwrap_or_default().to_owned()
    }
}

fn environment(port: u16) -> Vec<(&'static str, String)> {
    let settings = [
        // Without hypercorn it listens on every address of the machine.
        ("GATEWAY_SERVER", "hypercorn"),
        ("USE_SSL", "0"),
        ("SERVICES", "s3,kms"),
        ("STRICT_SERVICE_LOADING", "1"),
        ("EAGER_SERVICE_LOADING", "1"),
        ("S3_SKIP_KMS_KEY_VALIDATION", "0"),
        ("DISABLE_EVENTS", "1"),
        ("SKIP_SSL_CERT_DOWNLOAD", "1"),
        ("PERSISTENCE", "0"),
        ("DNS_ADDRESS", "0"),
        ("PYTHONUNBUFFERED", "1"),
    ];
    let mut environment: Vec<_> = settings.map(|(name, value)| (name, value.to_owned())).into();
    environment.push(("GATEWAY_LISTEN", format!("127.0.0.1:{port}")));
    // Whatever else the caller's environment holds (credentials, proxies) must not change what the server does.
    environment.push(("PATH", std::env::var("PATH").unwrap_or_default()));
    environment
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port of the loopback address");
    listener.local_addr().expect("a bound socket has an address").port()
}
