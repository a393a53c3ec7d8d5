//! Names: where in a destination each file of an archive lives (`docs/formats/archive.md`, "Layout").
//! Keys are relative to the destination's prefix and separated by `/`.

use std::fmt::{self, Write as _};

use event::{Day, Stream, Timestamp};
use merkle::TileId;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::digest::Digest as StoredDigest;
use crate::error::{Error, Result};
use crate::expiry::EXPIRY_SUFFIX;

/// A tenant's directory name is never longer than this many bytes.
pub const TENANT_BYTES_MAX: usize = 128;

/// Where every manifest lives.
pub const BATCHES_DIRECTORY: &str = "batches/";

/// Where the copy of the tree's tiles and checkpoints lives.
pub const LOG_DIRECTORY: &str = "log/";

/// Where the copy of the checkpoints lives.
pub const LOG_CHECKPOINT_DIRECTORY: &str = "log/checkpoint/";

/// How the key of an encrypted object ends.
pub const ENCRYPTED_SUFFIX: &str = ".age";

/// How a manifest's key ends.
pub const MANIFEST_SUFFIX: &str = ".manifest";

/// The name of a batch: `20260422T023015Z-<16 hex>`, its UTC time in seconds and 64 random bits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BatchId(String);

impl BatchId {
    /// Names a batch that is planned at `created_at`. The random part keeps two ledgers that share a
    /// bucket by mistake from ever meeting in one key.
    pub fn new(created_at: Timestamp, random: [u8; 8]) -> Self {
        let mut text = created_at.compact();
        text.push('-');
        push_hex(&mut text, &random);
        Self(text)
    }

    /// Reads a batch id; anything but its one form is refused.
    pub fn parse(text: &str) -> Result<Self> {
        let shape = b"ddddddddTddddddZ-xxxxxxxxxxxxxxxx";
        let fits = text.len() == shape.len()
            && text.bytes().zip(shape).all(|(byte, want)| match want {
                b'd' => byte.is_ascii_digit(),
                b'x' => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
                literal => byte == *literal,
            });
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::Invalid(format!(
                "`{text}` is not a batch id such as 20260422T023015Z-0123456789abcdef"
            )))
        }
    }

    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `T023015Z`: the batch's time of day, which begins every file name of the batch.
    fn time(&self) -> &str {
        &self.0[8..16]
    }

    /// Whether a key may be of one of its objects: its file name begins with the batch's time of day. Another batch
    /// of the same second of a day is taken for it.
    pub(crate) fn may_own(&self, key: &str) -> bool {
        let name = key.rsplit('/').next().unwrap_or(key);
        // `DDTHHMMSSZ-…`: the entries' day comes before the batch's time.
        name.get(2..10) == Some(self.time()) && name.get(10..11) == Some("-")
    }

    /// `batches/2026/04/22T023015Z-<16 hex>.manifest`.
    pub fn manifest_key(&self) -> String {
        self.key_with(MANIFEST_SUFFIX)
    }

    /// `batches/2026/04/22T023015Z-<16 hex>.expired`, of an id that names an expiry.
    pub fn expiry_key(&self) -> String {
        self.key_with(EXPIRY_SUFFIX)
    }

    fn key_with(&self, suffix: &str) -> String {
        let (year, month, day) = (&self.0[0..4], &self.0[4..6], &self.0[6..8]);
        let rest = &self.0[8..];
        format!("{BATCHES_DIRECTORY}{year}/{month}/{day}{rest}{suffix}")
    }
}

impl fmt::Display for BatchId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for BatchId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::parse(&text)
    }
}

impl From<BatchId> for String {
    fn from(id: BatchId) -> Self {
        id.0
    }
}

/// The key of an object: `<stream>/org_<tenant>/YYYY/MM/DDTHHMMSSZ-<16 hex>[-<part>].jsonl.gz`.
///
/// The date is the entries' UTC day, the time is the batch's, and the 16 digits are the first 8 bytes
/// of SHA-256 over batch id, stream, tenant and day (`2026-04-22`), each preceded by its length as a
/// big-endian `u32`. So a key follows from the manifest's own fields, nothing else can be put under
/// it, and a retry arrives at the same names. `part` is 1 to 9999, for an object that was split.
pub fn object_key(batch: &BatchId, stream: Stream, tenant: &str, day: Day, part: Option<u16>) -> String {
    derived_key(batch, stream, tenant, day, part, None)
}

/// The key of an encrypted object: as [`object_key`], and `.age`; its 16 digits are over one field more, the 64
/// hexadecimal digits of the SHA-256 of the stored bytes.
///
/// Encrypting the same lines again gives other bytes, and nothing in an archive is ever replaced. With the bytes in
/// the name another attempt at a batch never meets what an earlier one has left.
pub fn encrypted_object_key(
    batch: &BatchId,
    stream: Stream,
    tenant: &str,
    day: Day,
    part: Option<u16>,
    stored: &StoredDigest,
) -> String {
    let mut key = derived_key(batch, stream, tenant, day, part, Some(stored));
    key.push_str(ENCRYPTED_SUFFIX);
    key
}

fn derived_key(
    batch: &BatchId,
    stream: Stream,
    tenant: &str,
    day: Day,
    part: Option<u16>,
    stored: Option<&StoredDigest>,
) -> String {
    let (day_text, stored) = (day.to_string(), stored.map(ToString::to_string));
    let mut hasher = Sha256::new();
    for field in [batch.as_str(), stream.as_str(), tenant, &day_text].into_iter().chain(stored.as_deref()) {
        hasher.update((field.len() as u32).to_be_bytes());
        hasher.update(field.as_bytes());
    }
    let digest: [u8; 32] = hasher.finalize().into();

    let mut key = format!("{}/org_{}/{}{}-", stream.as_str(), tenant_name(tenant), day.path(), batch.time());
    push_hex(&mut key, &digest[..8]);
    if let Some(part) = part {
        let _ = write!(key, "-{part:04}");
    }
    key.push_str(".jsonl.gz");
    key
}

/// A tenant as one directory name: bytes outside `[A-Za-z0-9_.-]` percent-encoded with upper-case
/// digits, `.` and `..` too; what is then empty or longer than [`TENANT_BYTES_MAX`] becomes `~` and
/// the SHA-256 of the tenant. `~` and `%` never stand for themselves, so two tenants cannot meet.
pub fn tenant_name(tenant: &str) -> String {
    let dots_only = tenant == "." || tenant == "..";
    let mut name = String::with_capacity(tenant.len());
    for byte in tenant.bytes() {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
        if plain && !dots_only {
            name.push(char::from(byte));
        } else {
            let _ = write!(name, "%{byte:02X}");
        }
    }
    if name.is_empty() || name.len() > TENANT_BYTES_MAX {
        name = String::from("~");
        push_hex(&mut name, &Sha256::digest(tenant.as_bytes()));
    }
    name
}

/// The key of the checksum file beside an object.
pub fn sidecar_key(object_key: &str) -> String {
    format!("{object_key}.sha256")
}

/// `log/checkpoint/<20-digit size>`.
pub fn checkpoint_key(size: u64) -> String {
    format!("{LOG_CHECKPOINT_DIRECTORY}{size:020}")
}

/// `log/tile/<level>/<number>[.p/<width>]`, as C2SP tlog-tiles names it.
pub fn tile_key(tile: TileId, width: u16) -> String {
    format!("{LOG_DIRECTORY}{}", tile.path(width))
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_tenant_names_itself() {
        assert_eq!(tenant_name("acme-7_x.y"), "acme-7_x.y");
    }

    #[test]
    fn an_odd_tenant_stays_inside_its_directory() {
        assert_eq!(tenant_name(".."), "%2E%2E");
        assert_eq!(tenant_name("."), "%2E");
        assert_eq!(tenant_name("a/../b"), "a%2F..%2Fb");
        assert_eq!(tenant_name("é"), "%C3%A9");
        assert_eq!(tenant_name("~"), "%7E");
        assert_eq!(tenant_name("%2E"), "%252E");
    }

    #[test]
    fn a_long_tenant_is_hashed_and_never_cut() {
        let fits = "x".repeat(TENANT_BYTES_MAX);
        assert_eq!(tenant_name(&fits), fits);
        let name = tenant_name(&"x".repeat(TENANT_BYTES_MAX + 1));
        assert!(name.starts_with('~') && name.len() == 65);
    }

    #[test]
    fn a_batch_id_has_one_form() {
        let id = BatchId::parse("20260422T023015Z-0123456789abcdef").unwrap();
        assert_eq!(id.manifest_key(), "batches/2026/04/22T023015Z-0123456789abcdef.manifest");
        for wrong in ["", "20260422T023015Z-0123456789ABCDEF", "20260422t023015Z-0123456789abcdef", "é"] {
            assert!(BatchId::parse(wrong).is_err(), "{wrong}");
        }
    }
}
