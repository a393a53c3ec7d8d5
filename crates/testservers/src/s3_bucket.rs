//! A bucket of a server that speaks S3, and what a client needs to use it.

use object_store::aws::AmazonS3Builder;

use crate::proxy::Proxy;

/// The region that every S3 server here says it is in.
const REGION: &str = "us-east-1";

/// A bucket, where it is, and a key that may do anything with it.
#[derive(Clone, Debug)]
pub struct S3Bucket {
    endpoint: String,
    name: String,
    access_key_id: &'static str,
    secret_access_key: &'static str,
}

impl S3Bucket {
    pub(crate) fn new(
        endpoint: String,
        name: String,
        access_key_id: &'static str,
        secret_access_key: &'static str,
    ) -> Self {
        Self { endpoint, name, access_key_id, secret_access_key }
    }

    /// `http://127.0.0.1:port`; the bucket is addressed by path.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The bucket's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `s3://name`
    pub fn url(&self) -> String {
        format!("s3://{}", self.name)
    }

    /// The region to sign for.
    pub fn region(&self) -> &'static str {
        REGION
    }

    /// The name of the key.
    pub fn access_key_id(&self) -> &'static str {
        self.access_key_id
    }

    /// The key.
    pub fn secret_access_key(&self) -> &'static str {
        self.secret_access_key
    }

    /// The same bucket, reached through a proxy before its server.
    #[must_use]
    pub fn behind(&self, proxy: &Proxy) -> Self {
        Self { endpoint: proxy.endpoint(), ..self.clone() }
    }

    /// A client of `object_store` for the bucket, to be adjusted and built. It takes nothing from the environment.
    pub fn builder(&self) -> AmazonS3Builder {
        AmazonS3Builder::new()
            .with_endpoint(&self.endpoint)
            .with_bucket_name(&self.name)
            .with_region(REGION)
            .with_access_key_id(self.access_key_id)
            .with_secret_access_key(self.secret_access_key)
            .with_virtual_hosted_style_request(false)
            .with_allow_http(true)
    }
}
