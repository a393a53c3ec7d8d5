//! One request, once: what came back, and whether it is worth another try.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Certificate, Response, Url};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::error::{ConfigurationError, Refusal, with_causes};
use crate::retry;

/// Bytes of an answer that are read. 10,000 receipts take 2 MiB; more is not from Strongroom.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// An event a line.
pub(crate) const NDJSON: &str = "application/x-ndjson";
pub(crate) const JSON: &str = "application/json";

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);

/// Connections to one server, with the token.
#[derive(Clone, Debug)]
pub(crate) struct Transport {
    http: reqwest::Client,
    base: Url,
    /// Marked as sensitive, so that no `Debug` shows it.
    authorization: HeaderValue,
    attempt_max: Duration,
}

/// What is sent, as often as needed.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) content_type: &'static str,
    pub(crate) body: Bytes,
    pub(crate) traceparent: Option<HeaderValue>,
}

/// A successful answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Whether it answers an append of so many events.
    pub(crate) fn is_for(&self, events: usize) -> bool {
        #[derive(Deserialize)]
        struct Shape {
            receipts: Vec<IgnoredAny>,
            #[serde(default)]
            spooled: bool,
        }
        let shape: Result<Shape, _> = serde_json::from_slice(&self.body);
        shape.is_ok_and(|shape| shape.spooled || shape.receipts.len() == events)
    }
}

/// Why an attempt came to nothing.
#[derive(Debug)]
pub(crate) enum Failure {
    /// For good.
    Refused(Refusal),
    /// For now.
    Trouble(Trouble),
}

/// What may pass.
#[derive(Debug)]
pub(crate) struct Trouble {
    pub(crate) reason: String,
    pub(crate) retry_after: Option<Duration>,
}

impl Trouble {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), retry_after: None }
    }
}

impl Transport {
    pub(crate) fn new(
        url: &str,
        token: &str,
        roots: Option<Vec<Certificate>>,
        attempt_max: Duration,
    ) -> Result<Self, ConfigurationError> {
        let base = base_of(url)?;
        let mut authorization = HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|_| ConfigurationError::new("the token has characters that no token has"))?;
        if token.trim().is_empty() {
            return Err(ConfigurationError::new("the token is empty"));
        }
        authorization.set_sensitive(true);
        // A redirect would carry the token to wherever the answer says.
        let mut http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .user_agent(concat!("strongroom-rust/", env!("CARGO_PKG_VERSION")));
        http = match roots {
            Some(roots) => http.tls_certs_only(roots),
            // A machine without any root certificate can still speak HTTP.
            None if base.scheme() == "http" => http.tls_certs_only([]),
            None => http,
        };
        if is_this_machine(&base) {
            http = http.no_proxy();
        }
        let http = http
            .build()
            .map_err(|error| ConfigurationError::caused("the HTTP client cannot be set up", error))?;
        Ok(Self { http, base, authorization, attempt_max })
    }

    /// How long one attempt may take.
    pub(crate) fn attempt_max(&self) -> Duration {
        self.attempt_max
    }

    /// Sends a request once, for at most `left`.
    pub(crate) async fn post(&self, request: &Request, left: Duration) -> Result<Answer, Failure> {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{}", self.base.path().trim_end_matches('/'), request.path));
        let mut post = self
            .http
            .post(url)
            .timeout(self.attempt_max.min(left))
            .header(AUTHORIZATION, self.authorization.clone())
            .header(CONTENT_TYPE, request.content_type)
            .body(request.body.clone());
        if let Some(traceparent) = &request.traceparent {
            post = post.header("traceparent", traceparent.clone());
        }
        let mut response = post.send().await.map_err(|error| Failure::Trouble(Trouble::new(chain(error))))?;
        let status = response.status().as_u16();
        let retry_after = wait_asked_for(&response);
        let body = read(&mut response).await.map_err(Failure::Trouble)?;
        match status {
            200..=299 => Ok(Answer { body }),
            _ if retry::is_worth_repeating(status) => {
                let refusal = Refusal::of(status, &body);
                Err(Failure::Trouble(Trouble { reason: format!("{status}: {refusal}"), retry_after }))
            }
            _ => Err(Failure::Refused(Refusal::of(status, &body))),
        }
    }
}

fn base_of(url: &str) -> Result<Url, ConfigurationError> {
    let base = Url::parse(url)
        .map_err(|error| ConfigurationError::caused("the server's URL cannot be read", error))?;
    if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
        return Err(ConfigurationError::new(
            "the server's URL must begin with https:// or http:// and name a host",
        ));
    }
    // They would stand in error messages, and what follows the path would be lost.
    if !base.username().is_empty()
        || base.password().is_some()
        || base.query().is_some()
        || base.fragment().is_some()
    {
        return Err(ConfigurationError::new(
            "the server's URL must not hold credentials, a query or a fragment",
        ));
    }
    if base.scheme() == "http" && !is_this_machine(&base) {
        tracing::warn!(host = base.host_str(), "the token goes over the network unencrypted: use https");
    }
    Ok(base)
}

fn is_this_machine(base: &Url) -> bool {
    let host = base.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn wait_asked_for(response: &Response) -> Option<Duration> {
    let value = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    retry::retry_after(value, SystemTime::now())
}

async fn read(response: &mut Response) -> Result<Vec<u8>, Trouble> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| Trouble::new(chain(error)))? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(Trouble::new(format!("the answer has more than {ANSWER_BYTES_MAX} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The causes of an error, without the URL: the caller knows it.
fn chain(error: reqwest::Error) -> String {
    with_causes(&error.without_url())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(url: &str, token: &str) -> Result<Transport, ConfigurationError> {
        Transport::new(url, token, None, Duration::from_secs(1))
    }

    #[test]
    fn k5_the_token_is_shown_nowhere() {
        let transport = made("http://127.0.0.1:1/ledger/", "sr_secret").unwrap();
        assert!(!format!("{transport:?}").contains("secret"));
        assert!(!made("http://127.0.0.1:1", "sr_secret\n").unwrap_err().to_string().contains("secret"));
    }

    #[test]
    fn a_url_that_cannot_be_meant_is_refused() {
        for url in ["", "ftp://h", "http://", "http://user:secret@h", "http://h/?a=b", "http://h/#x"] {
            let error = made(url, "t").unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
        assert!(made("http://[::1]:7717", "t").is_ok());
        assert!(made("http://h", " ").is_err());
    }
}
