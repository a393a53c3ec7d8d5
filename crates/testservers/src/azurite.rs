//! Azurite: Azure Blob Storage in memory, without immutability, legal holds and versions.

use std::process::Command;
use std::sync::OnceLock;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use object_store::azure::{AzureAccessKey, AzureAuthorizer, AzureCredential, MicrosoftAzureBuilder};
use object_store::client::HttpRequestBody;

use crate::call::{Answer, send_blocking};
use crate::installation::Installation;
use crate::names;
use crate::proxy::Proxy;
use crate::server_process::ServerProcess;

const INSTALLATION: Installation = Installation {
    name: "Azurite 3.37.0",
    variable: "STRONGROOM_TEST_AZURITE",
    place: "testservers/azurite/node_modules/azurite/dist/src/blob/main.js",
    by_hand: "`npm install --omit=dev --omit=optional --ignore-scripts azurite@3.37.0` in a folder (it needs Node 20, \
              Debian and Ubuntu: apt-get install nodejs npm), and the variable names \
              node_modules/azurite/dist/src/blob/main.js in it",
};

/// Loaded before the server; ends it when its standard input does: see [`ServerProcess`].
const END_WITH_PARENT: &str = "
process.stdin.resume();
process.stdin.on('end', () => {
    require('fs').rmSync(__dirname, { recursive: true, force: true });
    process.exit(0);
});
";

/// The account that every Azurite has.
const ACCOUNT: &str = "devstoreaccount1";
/// Its key: published, and good for nothing but emulators.
const ACCESS_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// An Azurite of one's own.
#[derive(Debug)]
pub struct Azurite {
    endpoint: String,
    _process: ServerProcess,
}

impl Azurite {
    /// The one Azurite of this test program, started by whoever asks first.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Azurite> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Starts one.
    pub fn start() -> Self {
        let script = INSTALLATION.file();
        let home = tempfile::tempdir().expect("a folder for Azurite");
        let watch = home.path().join("end_with_parent.js");
        std::fs::write(&watch, END_WITH_PARENT).expect("the folder for Azurite takes a file");
        let mut command = Command::new("node");
        command.arg("--require").arg(watch).arg(script);
        command.args(["--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry"]);
        // Port 0: the system chooses, and the server says which.
        command.args(["--blobHost", "127.0.0.1", "--blobPort", "0"]).current_dir(home.path());
        let address = |line: &str| {
            line.split_once("successfully listens on ").map(|(_, address)| address.trim().to_owned())
        };
        match ServerProcess::start(command, home, address) {
            Ok((process, address)) => Self { endpoint: format!("{address}/{ACCOUNT}"), _process: process },
            Err(failure) => panic!("Azurite does not start: {failure}"),
        }
    }

    /// `http://127.0.0.1:port/account`
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// A new, empty container.
    pub fn container(&self) -> Container {
        self.create_container(&[])
    }

    /// A new container that anybody may read and list.
    pub fn public_container(&self) -> Container {
        self.create_container(&[("x-ms-blob-public-access", "container")])
    }

    fn create_container(&self, headers: &[(&'static str, &str)]) -> Container {
        let container = Container { endpoint: self.endpoint.clone(), name: names::unused("container") };
        container.request("PUT", "?restype=container", headers, "").expect_success();
        container
    }
}

/// A container, where it is, and the account that may do anything with it.
#[derive(Clone, Debug)]
pub struct Container {
    endpoint: String,
    name: String,
}

impl Container {
    /// `http://127.0.0.1:port/account`
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The container's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `az://name`
    pub fn url(&self) -> String {
        format!("az://{}", self.name)
    }

    /// The storage account.
    pub fn account(&self) -> &'static str {
        ACCOUNT
    }

    /// The account's key, in Base64.
    pub fn access_key(&self) -> &'static str {
        ACCESS_KEY
    }

    /// The same container, reached through a proxy before its server.
    #[must_use]
    pub fn behind(&self, proxy: &Proxy) -> Self {
        Self { endpoint: proxy.endpoint(), name: self.name.clone() }
    }

    /// A client of `object_store` for the container, to be adjusted and built. It takes nothing from the environment.
    pub fn builder(&self) -> MicrosoftAzureBuilder {
        MicrosoftAzureBuilder::new()
            .with_endpoint(self.endpoint.clone())
            .with_account(ACCOUNT)
            .with_access_key(ACCESS_KEY)
            .with_container_name(&self.name)
            .with_allow_http(true)
    }

    /// Sends any signed request about the container. `target` is what follows its name: `?restype=container`, or
    /// `/blob?comp=metadata`.
    #[track_caller]
    pub fn request(
        &self,
        method: &str,
        target: &str,
        headers: &[(&'static str, &str)],
        body: &'static str,
    ) -> Answer {
        let mut request =
            Request::builder().method(method).uri(format!("{}/{}{target}", self.endpoint, self.name));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request
            .header("content-length", body.len())
            .body(HttpRequestBody::from(Bytes::from_static(body.as_bytes())))
            .expect("a request in a test is well formed");
        let credential =
            AzureCredential::AccessKey(AzureAccessKey::try_new(ACCESS_KEY).expect("the key is in Base64"));
        AzureAuthorizer::new(&credential, ACCOUNT)
            .try_authorize(&mut request)
            .expect("a request with a key can be signed");
        let (parts, _) = request.into_parts();
        send_blocking(Request::from_parts(parts, Full::new(Bytes::from_static(body.as_bytes()))))
    }
}
