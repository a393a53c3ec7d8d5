//! Azure Blob Storage.

use std::sync::Arc;

use object_store::HeaderMap;
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};

use super::{Ends, client_options, refused, retry_config};
use crate::destination::credentials::Credentials;
use crate::destination::options::DestinationOptions;
use crate::destination::redaction::Redaction;
use crate::destination::start_error::StartError;
use crate::error::{Error, Result};

/// Credentials by their name here and in the client library.
const KEYS: [(&str, AzureConfigKey); 9] = [
    ("AZURE_STORAGE_ACCOUNT_KEY", AzureConfigKey::AccessKey),
    ("AZURE_STORAGE_SAS_TOKEN", AzureConfigKey::SasKey),
    ("AZURE_STORAGE_TOKEN", AzureConfigKey::Token),
    ("AZURE_TENANT_ID", AzureConfigKey::AuthorityId),
    ("AZURE_CLIENT_ID", AzureConfigKey::ClientId),
    ("AZURE_CLIENT_SECRET", AzureConfigKey::ClientSecret),
    ("AZURE_FEDERATED_TOKEN_FILE", AzureConfigKey::FederatedTokenFile),
    ("AZURE_AUTHORITY_HOST", AzureConfigKey::AuthorityHost),
    ("IDENTITY_ENDPOINT", AzureConfigKey::MsiEndpoint),
];

pub(super) fn ends(
    container: &str,
    options: &DestinationOptions,
    credentials: &Credentials,
    redaction: &Arc<Redaction>,
) -> Result<Ends> {
    let account = credentials.value("AZURE_STORAGE_ACCOUNT_NAME").ok_or_else(|| {
        let message = format!(
            "the storage account of the container {container} is not known: give AZURE_STORAGE_ACCOUNT_NAME"
        );
        Error::start(StartError::Account, message)
    })?;
    let endpoint = options.endpoint.as_deref();
    let mut builder = MicrosoftAzureBuilder::new()
        .with_account(account)
        .with_container_name(container)
        .with_client_options(client_options(&options.timeouts, endpoint, HeaderMap::new()))
        .with_retry(retry_config(&options.timeouts));
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(endpoint.trim_end_matches('/').to_owned());
    }
    for (name, key) in KEYS {
        if let Some(value) = credentials.value(name) {
            builder = builder.with_config(key, value);
        }
    }
    let store = builder.build().map_err(|error| refused(&error, redaction))?;
    Ok(Ends { reader: Arc::new(store), writer: None })
}
