//! Encryption of objects on their way to the destination, in the age format (age-encryption.org/v1, C2SP age)
//! with X25519 recipients, so that a stock tool opens them.
//!
//! Whoever has a recipient can write an object that opens: age keeps contents secret and proves nothing about
//! who wrote them. That an object is the ledger's is told by the manifest's SHA-256 and by the leaf hashes.

mod random_access;
mod stream;

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write};
use std::path::Path;
use std::str::FromStr as _;
use std::sync::Arc;

use age::x25519;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::batch_writer::staging;
use crate::digest::Digest;
use crate::error::{Error, Result};
pub(crate) use random_access::read_range;
pub(crate) use stream::{Opened, is_of_the_bytes, open_stream};

/// More recipients than this are refused: each adds to every object, and to what a reader of it must try.
pub const RECIPIENTS_MAX: usize = 32;

/// An identity file is a few lines.
const IDENTITY_FILE_BYTES_MAX: u64 = 64 << 10;

/// Plaintext of one chunk of an age file, in bytes.
const CHUNK_BYTES: u64 = 64 << 10;

/// What a chunk grows by, in bytes.
const CHUNK_TAG_BYTES: u64 = 16;

/// To whom objects are encrypted: each of them can read alone.
#[derive(Clone)]
pub struct Recipients(Arc<[x25519::Recipient]>);

impl Recipients {
    /// Reads recipients in their text form, `age1…`. Order and repetition do not matter.
    pub fn parse<T: AsRef<str>>(texts: &[T]) -> Result<Self> {
        let mut sorted: Vec<&str> = texts.iter().map(|text| text.as_ref().trim()).collect();
        sorted.sort_unstable();
        sorted.dedup();
        if sorted.is_empty() || sorted.len() > RECIPIENTS_MAX {
            let message = format!("{} recipients were given: give 1 to {RECIPIENTS_MAX}", sorted.len());
            return Err(Error::Invalid(message));
        }
        let read = |(text, number): (&str, usize)| {
            // The text is not repeated: people paste the wrong half of a key pair.
            x25519::Recipient::from_str(text).map_err(|what| {
                Error::Invalid(format!("recipient {number} is no age recipient such as age1…: {what}"))
            })
        };
        sorted.into_iter().zip(1..).map(read).collect::<Result<_>>().map(Self)
    }

    /// The text forms, sorted.
    pub fn texts(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }

    /// At most so many bytes are stored for an object of so many: header and nonce, and a tag for each chunk.
    pub(crate) fn stored_bytes_max(&self, bytes: u64) -> u64 {
        // A stanza of a recipient has 98 bytes; one that no reader knows keeps them used to others.
        const HEADER_BYTES_MAX: u64 = 1 << 10;
        let chunks = bytes / CHUNK_BYTES + 1;
        HEADER_BYTES_MAX + 100 * self.0.len() as u64 + bytes + chunks * CHUNK_TAG_BYTES
    }

    /// Writes a file's encrypted form beside it. Gives the hash of what was read, and the size and the hash of what was
    /// written.
    pub(crate) fn encrypt(&self, plain: &Path, target: &Path) -> Result<(Digest, u64, Digest)> {
        let recipients = self.0.iter().map(|recipient| recipient as &dyn age::Recipient);
        let encryptor = age::Encryptor::with_recipients(recipients)
            .map_err(|error| Error::Internal(format!("an object could not be encrypted: {error}")))?;
        let source = File::open(plain).map_err(staging("read", plain))?;
        let mut source = BufReader::with_capacity(CHUNK_BYTES as usize, source);
        let mut read = Sha256::new();
        let write = || {
            let file = BufWriter::with_capacity(CHUNK_BYTES as usize, File::create_new(target)?);
            let mut writer = encryptor.wrap_output(Hashing::new(file))?;
            loop {
                let plain = source.fill_buf()?;
                if plain.is_empty() {
                    break;
                }
                read.update(plain);
                writer.write_all(plain)?;
                let count = plain.len();
                source.consume(count);
            }
            let mut written = writer.finish()?;
            written.inner.flush()?;
            Ok((Digest(read.finalize().into()), written.bytes, Digest(written.hasher.finalize().into())))
        };
        write().map_err(staging("write", target))
    }
}

impl PartialEq for Recipients {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Recipients {}

impl fmt::Debug for Recipients {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Recipients").field(&self.texts()).finish()
    }
}

/// What opens objects: one or more secret keys. Never printed; its memory is cleared when it goes.
#[derive(Clone)]
pub struct Identity(Arc<[x25519::Identity]>);

impl Identity {
    /// Reads an identity file as `age-keygen` writes it: lines of `AGE-SECRET-KEY-1…`, empty lines and comments.
    pub fn parse(text: &str) -> Result<Self> {
        let mut identities = Vec::new();
        for (line, number) in text.lines().map(str::trim).zip(1..) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            // The line is not repeated: it may be a secret with a typing error in it.
            let identity = x25519::Identity::from_str(line).map_err(|what| {
                Error::Invalid(format!("line {number} is no age identity such as AGE-SECRET-KEY-1…: {what}"))
            })?;
            identities.push(identity);
        }
        if identities.is_empty() {
            return Err(Error::Invalid("there is no age identity in it".to_owned()));
        }
        Ok(Self(identities.into()))
    }

    /// Reads an identity file. One that others than its owner may read is refused.
    pub fn read_file(path: &Path) -> Result<Self> {
        let failed = |what: String| Error::Invalid(format!("the identity file {} {what}", path.display()));
        let unreadable = |error: io::Error| failed(format!("cannot be read: {error}"));
        let file = File::open(path).map_err(unreadable)?;
        refuse_exposed(&file.metadata().map_err(unreadable)?).map_err(failed)?;
        // Taken at once, so that no copy of a part of it is left behind when a buffer grows.
        let mut bytes = Zeroizing::new(vec![0; IDENTITY_FILE_BYTES_MAX as usize]);
        let mut length = 0;
        let mut file = file.take(IDENTITY_FILE_BYTES_MAX);
        while let count @ 1.. = file.read(&mut bytes[length..]).map_err(unreadable)? {
            length += count;
        }
        if length as u64 == IDENTITY_FILE_BYTES_MAX {
            return Err(failed(format!("has {IDENTITY_FILE_BYTES_MAX} bytes or more: it is none")));
        }
        let text = std::str::from_utf8(&bytes[..length]).map_err(|_| failed("is not UTF-8".to_owned()))?;
        Self::parse(text).map_err(|error| failed(format!("cannot be used: {error}")))
    }

    /// The recipients whose objects this opens.
    pub fn recipients(&self) -> Recipients {
        let mut recipients: Vec<x25519::Recipient> = self.0.iter().map(x25519::Identity::to_public).collect();
        recipients.sort_by_cached_key(ToString::to_string);
        recipients.dedup();
        Recipients(recipients.into())
    }

    fn keys(&self) -> impl Iterator<Item = &dyn age::Identity> {
        self.0.iter().map(|identity| identity as &dyn age::Identity)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Identity(not shown)")
    }
}

#[cfg(unix)]
fn refuse_exposed(file: &std::fs::Metadata) -> Result<(), String> {
    use std::os::unix::fs::MetadataExt as _;
    const OTHERS: u32 = 0o077;
    match file.mode() & OTHERS {
        0 => Ok(()),
        _ => Err(format!("is open to others (mode {:03o}): chmod 600 it", file.mode() & 0o777)),
    }
}

/// Modes are a matter of Unix.
#[cfg(not(unix))]
fn refuse_exposed(_file: &std::fs::Metadata) -> Result<(), String> {
    Ok(())
}

/// Passes bytes on, hashed and counted.
struct Hashing<W> {
    inner: W,
    hasher: Sha256,
    bytes: u64,
}

impl<W> Hashing<W> {
    fn new(inner: W) -> Self {
        Self { inner, hasher: Sha256::new(), bytes: 0 }
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(buffer)?;
        self.hasher.update(&buffer[..count]);
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
