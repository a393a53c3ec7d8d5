//! Opening the destinations that the settings describe.

use archive::{
    CredentialSource, Destination, DestinationOptions, Encryption, Identity, LockMode, ObjectLock, Recipients,
};
use settings::{Archive, ArchiveKind, ServerEncryption, Settings};

use crate::failure::Failure;

/// The archives, which have to be there.
pub(crate) fn for_reading(settings: &Settings) -> Result<Vec<Destination>, Failure> {
    open_all(settings, |archive| Destination::open_with(&archive.name, &options(archive)))
}

/// The archives; directories are made where there are none.
pub(crate) fn for_writing(settings: &Settings) -> Result<Vec<Destination>, Failure> {
    open_all(settings, |archive| Destination::open_or_create_with(&archive.name, &options(archive)))
}

/// The archives, opened so that objects may be removed from them, each with the credentials that are for that alone.
pub(crate) fn for_expiry(settings: &Settings) -> Result<Vec<Destination>, Failure> {
    for archive in &settings.archive {
        let is_remote = !matches!(archive.kind, ArchiveKind::File | ArchiveKind::Null);
        if is_remote && archive.expire_credentials_file.is_none() {
            let message = format!("the archive {:?} has no credentials for expiry", archive.name);
            let hint = "set archive.#.expire_credentials_file: the credentials that archive need not, and should not, delete";
            return Err(Failure::new(message).hint(hint));
        }
    }
    let open = |archive: &Archive| {
        let credentials = archive.expire_credentials_file.clone().map(CredentialSource::File);
        let options = options(archive);
        let options =
            DestinationOptions { credentials: credentials.unwrap_or(options.credentials), ..options };
        Destination::open_with(&archive.name, &options).map(Destination::for_expiry)
    };
    open_all(settings, open)
}

fn open_all(
    settings: &Settings,
    open: impl Fn(&Archive) -> archive::Result<Destination>,
) -> Result<Vec<Destination>, Failure> {
    let failed = |archive: &Archive, error| {
        let message = format!("cannot use the archive {:?} at {}", archive.name, archive.url);
        Failure::caused(message, error)
    };
    let opened = |archive| open(archive).and_then(|destination| as_set(destination, archive));
    settings.archive.iter().map(|archive| opened(archive).map_err(|error| failed(archive, error))).collect()
}

/// The destination with what encrypts its objects, what opens them, and how much it is trusted.
fn as_set(mut destination: Destination, archive: &Archive) -> archive::Result<Destination> {
    if !archive.encrypt_to.is_empty() {
        destination = destination.with_recipients(Recipients::parse(&archive.encrypt_to)?);
    }
    if let Some(file) = &archive.identity_file {
        destination = destination.with_identity(Identity::read_file(file)?);
    }
    Ok(destination.accepting_unproven(archive.accept_unproven))
}

/// A destination as the settings describe it.
pub(crate) fn options(archive: &Archive) -> DestinationOptions {
    DestinationOptions {
        endpoint: archive.endpoint.clone(),
        region: archive.region.clone(),
        path_style: archive.path_style,
        encryption: match archive.sse {
            ServerEncryption::BucketDefault => Encryption::BucketDefault,
            ServerEncryption::S3 => Encryption::S3,
            ServerEncryption::Kms => Encryption::Kms,
        },
        kms_key: archive.kms_key.clone(),
        project: archive.project.clone(),
        object_lock: archive.object_lock.map(|lock| ObjectLock {
            mode: if lock.is_compliance { LockMode::Compliance } else { LockMode::Governance },
            days: lock.days,
        }),
        credentials: match &archive.credentials_file {
            Some(path) => CredentialSource::File(path.clone()),
            None => CredentialSource::Environment,
        },
        ..DestinationOptions::new(&archive.url)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use archive::StartError;

    #[test]
    fn every_identifier_has_its_paragraph_and_no_paragraph_is_of_another() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors.md");
        let page = std::fs::read_to_string(page).unwrap();
        let described: BTreeSet<&str> = page
            .lines()
            .filter_map(|line| line.strip_prefix("## SR-E")?.split_once(':'))
            .map(|(number, _)| number)
            .collect();
        let ids = StartError::ALL.map(StartError::id).into_iter().chain(settings::START_ERRORS);
        let used: BTreeSet<&str> = ids.filter_map(|id| id.strip_prefix("SR-E")).collect();
        assert_eq!(described, used);
    }
}
