//! A double of the XML API of Google Cloud Storage, as far as `object_store` speaks it, and of the JSON that describes a
//! bucket. Faults come from a [`Proxy`] before it.
//!
//! Source: <https://cloud.google.com/storage/docs/xml-api/overview>. It keeps every generation of an object, checks
//! conditions and the names of KMS keys, and refuses to remove what a retention policy keeps.

mod contents;
mod document;
mod reply;
mod request;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::AUTHORIZATION;
use hyper::service::service_fn;
use hyper::{Request, Response};
use object_store::gcp::GoogleCloudStorageBuilder;

use crate::in_process::InProcess;
use crate::names;
use crate::proxy::Proxy;
use contents::Contents;
use reply::Refusal;

/// The largest body that is taken.
const BODY_BYTES_MAX: usize = 256 << 20;
/// What stands for an OAuth access token.
const TOKEN: &str = "token-for-tests";

type Buckets = Arc<Mutex<BTreeMap<String, Contents>>>;

/// A server of one's own. It asks for some bearer token; which one is not looked at.
#[derive(Debug)]
pub struct GcsDouble {
    server: InProcess,
    buckets: Buckets,
}

impl GcsDouble {
    /// Starts one without buckets.
    pub fn start() -> Self {
        let buckets = Buckets::default();
        let shared = Arc::clone(&buckets);
        let server = InProcess::start(service_fn(move |request| serve(Arc::clone(&shared), request)));
        Self { server, buckets }
    }

    /// A new, empty bucket without any policy.
    pub fn bucket(&self) -> GcsBucket {
        let name = names::unused("bucket");
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), Contents::default());
        GcsBucket { endpoint: self.server.endpoint(), name, buckets: Arc::clone(&self.buckets) }
    }
}

/// A bucket, where it is, and what it says about itself.
#[derive(Clone, Debug)]
pub struct GcsBucket {
    endpoint: String,
    name: String,
    buckets: Buckets,
}

impl GcsBucket {
    /// `http://127.0.0.1:port`, the base URL for a client.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The bucket's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `gs://name`
    pub fn url(&self) -> String {
        format!("gs://{}", self.name)
    }

    /// A bearer token that it takes.
    pub fn bearer_token(&self) -> &'static str {
        TOKEN
    }

    /// A file of credentials, in JSON, that lets a client come without fetching a token first.
    pub fn credentials_file(&self) -> String {
        format!(
            r#"{{"gcs_base_url":"{}","disable_oauth":true,"client_email":"","private_key":"","private_key_id":""}}"#,
            self.endpoint
        )
    }

    /// The same bucket, reached through a proxy before its server.
    #[must_use]
    pub fn behind(&self, proxy: &Proxy) -> Self {
        Self { endpoint: proxy.endpoint(), ..self.clone() }
    }

    /// A client of `object_store` for the bucket, to be adjusted and built. It takes nothing from the environment.
    pub fn builder(&self) -> GoogleCloudStorageBuilder {
        GoogleCloudStorageBuilder::new()
            .with_base_url(&self.endpoint)
            .with_bucket_name(&self.name)
            .with_bearer_token(TOKEN)
            .with_client_options(object_store::ClientOptions::new().with_allow_http(true))
    }

    /// Makes a KMS key that puts may name, and returns its name. A put that names another one is refused.
    pub fn kms_key(&self) -> String {
        let key = format!("projects/tests/locations/eu/keyRings/ring/cryptoKeys/{}", names::unused("key"));
        self.with(|contents| contents.kms_keys.push(key.clone()));
        key
    }

    /// Encrypts what is written without the name of a key with this one.
    pub fn use_default_kms_key(&self, key: &str) {
        self.with(|contents| contents.default_kms_key = Some(key.to_owned()));
    }

    /// From now on, nothing in the bucket can be removed or replaced: 403, as under a retention policy.
    pub fn retain(&self) {
        self.with(|contents| contents.is_retained = true);
    }

    /// What `GET /storage/v1/b/name` answers, in JSON: the bucket's policies as the JSON API has them.
    pub fn describe(&self, document: &str) {
        self.with(|contents| document.clone_into(&mut contents.description));
    }

    /// What `GET /storage/v1/b/name/iam` answers, in JSON. Without it the answer is 403, as for those who may not ask.
    pub fn set_policy(&self, document: &str) {
        self.with(|contents| contents.policy = Some(document.to_owned()));
    }

    /// The KMS key that an object is encrypted with.
    pub fn kms_key_of(&self, key: &str) -> Option<String> {
        self.with(|contents| contents.live(key).and_then(|object| object.kms_key.clone()))
    }

    fn with<T>(&self, act: impl FnOnce(&mut Contents) -> T) -> T {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        act(buckets.get_mut(&self.name).expect("buckets are not removed"))
    }
}

async fn serve(buckets: Buckets, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let answer = match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(body) if parts.headers.contains_key(AUTHORIZATION) => request::answer(
            &mut buckets.lock().unwrap_or_else(PoisonError::into_inner),
            &parts,
            body.to_bytes(),
        ),
        Ok(_) => Err(Refusal { status: 401, code: "AuthenticationRequired" }),
        Err(_) => Err(Refusal { status: 400, code: "EntityTooLarge" }),
    };
    Ok(answer.unwrap_or_else(Refusal::into_response))
}
