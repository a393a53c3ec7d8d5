//! Where the server is.

use std::str::FromStr;

use hyper::Uri;
use hyper::http::uri::Scheme;

/// A server, as its URL names it: `http://host:port`, with a path where one stands in front of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    host: String,
    port: u16,
    base: String,
}

/// Why a URL names no server that can be put under load.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It cannot be read.
    #[error("not a URL: say http://host:port")]
    Malformed,
    /// It asks for something other than plain HTTP.
    #[error("only http:// is supported: put the load on the server itself, not on the TLS in front of it")]
    Scheme,
}

impl Target {
    /// The name or address to connect to.
    pub(crate) fn host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// The port to connect to; 80 where the URL names none.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The value of the `Host` header.
    pub(crate) fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// A path of the server's.
    pub(crate) fn path(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(url: &str) -> Result<Self, TargetError> {
        let uri: Uri = url.parse().map_err(|_| TargetError::Malformed)?;
        match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => {}
            Some(_) => return Err(TargetError::Scheme),
            None => return Err(TargetError::Malformed),
        }
        let host = uri.host().filter(|host| !host.is_empty()).ok_or(TargetError::Malformed)?;
        Ok(Self {
            host: host.to_owned(),
            port: uri.port_u16().unwrap_or(80),
            base: uri.path().trim_end_matches('/').to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_host_port_and_base() {
        let target: Target = "http://127.0.0.1:7717".parse().unwrap();
        assert_eq!((target.host(), target.port()), ("127.0.0.1", 7717));
        assert_eq!(target.path("/v1/events"), "/v1/events");
        let target: Target = "http://[::1]:80/audit/".parse().unwrap();
        assert_eq!((target.host(), target.authority().as_str()), ("::1", "[::1]:80"));
        assert_eq!(target.path("/v1/events"), "/audit/v1/events");
        assert_eq!("http://evidence".parse::<Target>().unwrap().port(), 80);
    }

    #[test]
    fn what_is_not_plain_http_is_refused() {
        assert_eq!("https://a:1".parse::<Target>(), Err(TargetError::Scheme));
        for url in ["", "a:1", "/v1", "http://", "127.0.0.1:7717"] {
            assert_eq!(url.parse::<Target>(), Err(TargetError::Malformed), "{url}");
        }
    }
}
