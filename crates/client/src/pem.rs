//! Root certificates in PEM.

use reqwest::Certificate;

use crate::error::ConfigurationError;

/// All certificates of a file, at least one.
pub(crate) fn certificates(pem: &[u8]) -> Result<Vec<Certificate>, ConfigurationError> {
    let found = Certificate::from_pem_bundle(pem)
        .map_err(|error| ConfigurationError::caused("the root certificate is not PEM", error))?;
    if found.is_empty() {
        return Err(ConfigurationError::new(
            "there is no certificate in the PEM text: it needs BEGIN CERTIFICATE",
        ));
    }
    Ok(found)
}
