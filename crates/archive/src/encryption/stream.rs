//! Opening an encrypted object.

use std::io::{self, BufRead, Cursor, Read};

use age::DecryptError;
use age::stream::StreamReader;

use super::Identity;

/// The header has a stanza of about 98 bytes for each recipient; more than this is not read.
pub(super) const HEADER_BYTES_MAX: u64 = 16 << 10;

/// Every header ends with this line and the 43 digits of its MAC.
const MAC_LINE: &[u8] = b"--- ";

/// An object that was opened, or why it could not be.
pub(crate) enum Opened<R> {
    /// What was encrypted.
    Plain(R),
    /// None of the identities is one that the object is encrypted to.
    NotOurs,
    /// It is no age file, or a damaged one.
    Damaged(String),
}

/// A reader over what was encrypted, chunk by chunk, each authenticated before any of it comes out. The end comes
/// out only where the last chunk is.
pub(crate) fn open_stream(identity: &Identity, mut stored: impl BufRead) -> io::Result<Opened<impl Read>> {
    let header = match read_header(&mut stored)? {
        Ok(header) => header,
        Err(what) => return Ok(Opened::Damaged(what)),
    };
    open(identity, Cursor::new(header).chain(stored))
}

/// Opens what has a header that was found to be bounded.
pub(super) fn open<B: BufRead>(identity: &Identity, stored: B) -> io::Result<Opened<StreamReader<B>>> {
    let opened = age::Decryptor::new_buffered(stored).and_then(|found| found.decrypt(identity.keys()));
    match opened {
        Ok(reader) => Ok(Opened::Plain(reader)),
        Err(DecryptError::Io(error)) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
        Err(DecryptError::NoMatchingKeys) => Ok(Opened::NotOurs),
        Err(error) => Ok(Opened::Damaged(error.to_string())),
    }
}

/// The header with its last line. A reader of age takes lines of any length and number.
fn read_header(stored: &mut impl BufRead) -> io::Result<Result<Vec<u8>, String>> {
    let mut header = Vec::new();
    loop {
        let start = header.len();
        let left = HEADER_BYTES_MAX - start as u64;
        stored.by_ref().take(left).read_until(b'\n', &mut header)?;
        if !header.ends_with(b"\n") || header.len() == start {
            return Ok(Err(no_header()));
        }
        if header[start..].starts_with(MAC_LINE) {
            return Ok(Ok(header));
        }
    }
}

/// The length of the header that these bytes begin with.
pub(super) fn header_length(start: &[u8]) -> Result<usize, String> {
    let mut length = 0;
    for line in start.split_inclusive(|byte| *byte == b'\n') {
        length += line.len();
        if line.starts_with(MAC_LINE) && line.ends_with(b"\n") {
            return Ok(length);
        }
    }
    Err(no_header())
}

fn no_header() -> String {
    format!("it does not begin with the header of an age file within {HEADER_BYTES_MAX} bytes")
}

/// Whether an error of a reader is about the encrypted bytes, and not about getting them.
pub(crate) fn is_of_the_bytes(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
}
