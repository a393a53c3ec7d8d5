use std::fs;
use std::io;
use std::path::PathBuf;

use merkle::NoteSigner;
use rand::TryRng;
use rand::rngs::SysRng;
use zeroize::Zeroizing;

use super::{DataDirectory, write_durably};
use crate::failure::Failure;

impl DataDirectory {
    fn signing_key_file(&self) -> PathBuf {
        self.root().join("signing.key")
    }

    /// Whether the key is kept here.
    pub(crate) fn has_signing_key(&self) -> bool {
        self.signing_key_file().is_file()
    }

    /// The key that signs for the ledger here.
    pub(crate) fn signing_key(&self) -> Result<NoteSigner, Failure> {
        let path = self.signing_key_file();
        self.stored_key()?.ok_or_else(|| {
            Failure::new(format!("the ledger's signing key {} is gone", path.display()))
                .hint("put it back from where you keep it; reading commands work without it")
        })
    }

    /// The key for a ledger that is about to be made: the one that is there, or a new one. A key that is there is never
    /// replaced: it may sign for something elsewhere.
    pub(crate) fn key_for_new_ledger(&self, origin: Option<&str>) -> Result<NoteSigner, Failure> {
        if let Some(signer) = self.stored_key()? {
            return match origin {
                Some(origin) if origin != signer.name() => Err(self.key_of_another_origin(&signer, origin)),
                _ => Ok(signer),
            };
        }
        let origin = match origin {
            Some(origin) => origin.to_owned(),
            None => random_origin()?,
        };
        let signer = NoteSigner::generate(&origin, &mut rand::rng()).map_err(|error| {
            Failure::caused(format!("no key can be made for the origin {origin:?}"), error)
        })?;
        let text = Zeroizing::new(format!("{}\n", *signer.to_secret()));
        write_durably(&self.signing_key_file(), text.as_bytes())?;
        Ok(signer)
    }

    fn key_of_another_origin(&self, signer: &NoteSigner, origin: &str) -> Failure {
        let path = self.signing_key_file();
        Failure::new(format!(
            "{} signs for {}, and the settings name the origin {origin}",
            path.display(),
            signer.name()
        ))
        .hint("change the setting ledger.origin, or use a new data directory")
    }

    fn stored_key(&self) -> Result<Option<NoteSigner>, Failure> {
        let path = self.signing_key_file();
        let text = match fs::read_to_string(&path) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::caused(format!("cannot read {}", path.display()), error)),
        };
        NoteSigner::from_secret(text.trim())
            .map(Some)
            .map_err(|error| Failure::caused(format!("{} holds no signing key", path.display()), error))
    }
}

/// A name that nobody else has and that resolves nowhere (RFC 2606 reserves `.invalid`).
fn random_origin() -> Result<String, Failure> {
    let mut random = [0; 16];
    SysRng
        .try_fill_bytes(&mut random)
        .map_err(|error| Failure::caused("the operating system gives no random bytes", error))?;
    Ok(format!("strongroom.invalid/{:032x}", u128::from_be_bytes(random)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_is_kept_for_its_owner_alone_and_used_again() {
        let outer = tempfile::tempdir().unwrap();
        let directory = DataDirectory::new(outer.path());
        let first = directory.key_for_new_ledger(None).unwrap();
        let mode = fs::metadata(directory.signing_key_file()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(first.name().starts_with("strongroom.invalid/"));
        let again = directory.key_for_new_ledger(None).unwrap();
        assert_eq!(again.verifier(), first.verifier());
        assert_eq!(directory.signing_key().unwrap().verifier(), first.verifier());
    }

    #[test]
    fn a_key_for_another_origin_is_refused_and_kept() {
        let outer = tempfile::tempdir().unwrap();
        let directory = DataDirectory::new(outer.path());
        let first = directory.key_for_new_ledger(Some("example.org/one")).unwrap();
        let refused = directory.key_for_new_ledger(Some("example.org/two")).unwrap_err().to_string();
        assert!(refused.contains("example.org/one") && refused.contains("example.org/two"), "{refused}");
        assert_eq!(directory.signing_key().unwrap().verifier(), first.verifier());
    }
}
