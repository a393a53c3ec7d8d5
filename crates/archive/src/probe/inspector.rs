//! Requests that a client of objects does not make: how an object is kept, how a bucket is set up.

use std::fmt;
use std::sync::Arc;

use futures::StreamExt as _;
use object_store::aws::{AwsAuthorizer, AwsCredentialProvider};
use object_store::azure::{AzureAuthorizer, AzureCredentialProvider};
use object_store::client::{HttpClient, HttpRequest, HttpRequestBody};
use object_store::gcp::GcpCredentialProvider;
use object_store::{HeaderMap, HeaderValue};

use crate::destination::{DestinationOptions, Redaction};

/// No answer about a bucket is read beyond this many bytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Who signs, and how.
pub(crate) enum Signer {
    /// Signature Version 4 for this region.
    S3(AwsCredentialProvider, String),
    /// A shared key, token or signature of this account.
    Azure(AzureCredentialProvider, String),
    /// A bearer token.
    Gcs(GcpCredentialProvider),
}

/// Asks about one bucket, as whoever archives.
pub(crate) struct Inspector {
    pub(crate) http: HttpClient,
    pub(crate) signer: Signer,
    /// `https://host/bucket`, or `https://bucket.host`: what keys and queries are put behind.
    pub(crate) bucket_url: String,
    /// GCS: where the bucket is described, in JSON.
    pub(crate) description_url: String,
    /// What the destination's keys begin with in the bucket.
    pub(crate) prefix: String,
    /// What was asked for.
    pub(crate) options: DestinationOptions,
    pub(crate) redaction: Arc<Redaction>,
}

impl fmt::Debug for Inspector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Inspector({})", self.bucket_url)
    }
}

/// What a server answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    headers: HeaderMap,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Inspector {
    /// `HEAD` of one of the destination's objects, with these headers.
    pub(super) async fn head(
        &self,
        key: &str,
        headers: &[(&'static str, &'static str)],
    ) -> Result<Answer, String> {
        let key = encoded(&format!("{}{key}", self.prefix));
        self.ask("HEAD", &format!("{}/{key}", self.bucket_url), headers).await
    }

    /// `GET` of the bucket with a query: `?lifecycle`.
    pub(super) async fn bucket(&self, query: &str) -> Result<Answer, String> {
        self.ask("GET", &format!("{}{query}", self.bucket_url), &[]).await
    }

    /// `GET` of the bucket's description, or of a part of it: `/iam`.
    pub(super) async fn description(&self, part: &str) -> Result<Answer, String> {
        self.ask("GET", &format!("{}{part}", self.description_url), &[]).await
    }

    /// The error is a text for a report: no secret, no query of a URL.
    async fn ask(
        &self,
        method: &str,
        url: &str,
        headers: &[(&'static str, &'static str)],
    ) -> Result<Answer, String> {
        let told = |error: &(dyn std::error::Error + 'static)| self.redaction.text(error);
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.method_mut() = method.parse().map_err(|_| "no method of HTTP".to_owned())?;
        *request.uri_mut() = url.parse().map_err(|_| "the destination's URL cannot be asked".to_owned())?;
        for (name, value) in headers {
            request.headers_mut().insert(*name, HeaderValue::from_static(value));
        }
        self.sign(&mut request).await.map_err(|error| told(&error))?;
        let answer = self.http.execute(request).await.map_err(|error| told(&error))?;
        let (parts, body) = answer.into_parts();
        let mut bytes = Vec::new();
        let mut chunks = body.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            bytes.extend_from_slice(&chunk.map_err(|error| told(&error))?);
            if bytes.len() > ANSWER_BYTES_MAX {
                return Err(format!("the answer is longer than {ANSWER_BYTES_MAX} bytes"));
            }
        }
        Ok(Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: String::from_utf8_lossy(&bytes).into_owned(),
        })
    }

    async fn sign(&self, request: &mut HttpRequest) -> object_store::Result<()> {
        match &self.signer {
            Signer::S3(provider, region) => {
                let credential = provider.get_credential().await?;
                AwsAuthorizer::new(&credential, "s3", region).try_authorize(request, None)
            }
            Signer::Azure(provider, account) => {
                let credential = provider.get_credential().await?;
                AzureAuthorizer::new(&credential, account).try_authorize(request)
            }
            Signer::Gcs(provider) => {
                let credential = provider.get_credential().await?;
                let value = HeaderValue::from_str(&format!("Bearer {}", credential.bearer));
                let mut value = value.unwrap_or_else(|_| HeaderValue::from_static("Bearer"));
                value.set_sensitive(true);
                request.headers_mut().insert("authorization", value);
                if let Some(project) = &self.options.project
                    && let Ok(project) = HeaderValue::from_str(project)
                {
                    request.headers_mut().insert("x-goog-user-project", project);
                }
                Ok(())
            }
        }
    }
}

/// A key in a URL's path: everything but letters, digits, `-._~` and `/` as `%XX`.
fn encoded(key: &str) -> String {
    let mut text = String::with_capacity(key.len());
    for byte in key.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            use fmt::Write as _;
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::encoded;

    #[test]
    fn a_key_is_encoded_for_a_path_and_its_slashes_stay() {
        assert_eq!(encoded("a b/c%2F=~"), "a%20b/c%252F%3D~");
    }
}
