//! What `Content-Encoding` says about a body (RFC 9110, section 8.4), and undoing it within bounds.
//!
//! What comes out is counted while it comes out, so that a small body that stands for a large one costs no more memory
//! than a large one that was sent as it is. Absent on purpose: other codings, several of them on top of each other, and
//! dictionaries.

use std::io::{self, Read};

use axum::http::HeaderMap;
use axum::http::header::CONTENT_ENCODING;
use bytes::BytesMut;
use flate2::bufread::MultiGzDecoder;
use tokio::sync::OwnedSemaphorePermit;

use crate::body::{BodyRoom, Bounded};
use crate::failure::Failure;

/// Codings that batches are taken in, as `Accept-Encoding` lists them.
const ACCEPTED: &str = "gzip, zstd";

/// A zstd window is at most 8 MiB, which RFC 9659 holds senders to.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// What libzstd says about a larger one. Its Rust face has no codes; a test holds these words.
const ZSTD_WINDOW_TOO_LARGE: &str = "Frame requires too much memory for decoding";

/// Bytes taken out of a decoder at once: what a body may cost beyond its bound.
const CHUNK_BYTES: usize = 64 << 10;

/// How a body is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    /// Not at all.
    Identity,
    /// RFC 1952, one member or several.
    Gzip,
    /// RFC 8878, one frame or several.
    Zstd,
}

impl Coding {
    /// The coding of a batch of events: at most one.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Failure> {
        let message = "send the body as it is, or compressed once with gzip or zstd";
        named(headers).ok_or_else(|| Failure::encoded(ACCEPTED, message))
    }

    /// Undoes the coding: at most `bytes_max` bytes come out. What went in is let go of when all is out.
    pub(crate) fn decode(self, body: Bounded, bytes_max: usize, room: &BodyRoom) -> Result<Bounded, Failure> {
        let mut output = Decoded { coding: self, bytes_max, room, bytes: BytesMut::new(), held: None };
        match self {
            Self::Identity => return Ok(body),
            Self::Gzip => output.read(MultiGzDecoder::new(&body.bytes[..]))?,
            Self::Zstd => {
                let unusable = |error| output.unusable(&error);
                let mut decoder =
                    zstd::stream::read::Decoder::with_buffer(&body.bytes[..]).map_err(unusable)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(unusable)?;
                output.read(decoder)?;
            }
        }
        Ok(Bounded { bytes: output.bytes.freeze(), room: output.held })
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// Refuses a body that its headers call anything but plain. Taking it as plain would store what its sender did not mean
/// wherever the header is wrong, and find no JSON wherever it is right.
pub(crate) fn refuse_encoded(headers: &HeaderMap) -> Result<(), Failure> {
    match named(headers) {
        Some(Coding::Identity) => Ok(()),
        _ => Err(Failure::encoded("identity", "send the body as it is, without Content-Encoding")),
    }
}

/// The one coding that the headers name beside `identity`, or `None` where there is another or more than one.
fn named(headers: &HeaderMap) -> Option<Coding> {
    let mut coding = Coding::Identity;
    for value in headers.get_all(CONTENT_ENCODING) {
        for name in value.to_str().ok()?.split(',').map(str::trim) {
            let named = match name.to_ascii_lowercase().as_str() {
                "" | "identity" => continue,
                // RFC 9110, section 8.4.1.3: the two mean the same.
                "gzip" | "x-gzip" => Coding::Gzip,
                "zstd" => Coding::Zstd,
                _ => return None,
            };
            if coding != Coding::Identity {
                return None;
            }
            coding = named;
        }
    }
    Some(coding)
}

/// What has come out of a decoder so far.
struct Decoded<'r> {
    coding: Coding,
    bytes_max: usize,
    room: &'r BodyRoom,
    bytes: BytesMut,
    held: Option<OwnedSemaphorePermit>,
}

impl Decoded<'_> {
    fn read(&mut self, mut decoder: impl Read) -> Result<(), Failure> {
        let mut chunk = vec![0; CHUNK_BYTES.min(self.bytes_max + 1)];
        loop {
            let read = decoder.read(&mut chunk).map_err(|error| self.unusable(&error))?;
            if read == 0 {
                return Ok(());
            }
            if self.bytes.len() + read > self.bytes_max {
                let (coding, bytes_max) = (self.coding.as_str(), self.bytes_max);
                let message = format!(
                    "the {coding} body may have at most {bytes_max} bytes when it is decompressed; nothing was stored"
                );
                return Err(Failure::too_large(message));
            }
            self.room.take(read, &mut self.held)?;
            self.bytes.extend_from_slice(&chunk[..read]);
        }
    }

    fn unusable(&self, error: &io::Error) -> Failure {
        let (coding, good) = (self.coding.as_str(), self.bytes.len());
        let reason = if error.kind() == io::ErrorKind::UnexpectedEof {
            "it is cut off".to_owned()
        } else if error.to_string() == ZSTD_WINDOW_TOO_LARGE {
            let bytes = 1_u64 << ZSTD_WINDOW_LOG_MAX;
            format!("its window is larger than {bytes} bytes (RFC 9659)")
        } else {
            error.to_string()
        };
        Failure::malformed(format!(
            "the {coding} body cannot be decompressed after {good} bytes that came out of it: {reason}; nothing was stored"
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::Duration;

    use axum::http::{HeaderValue, StatusCode};
    use axum::response::IntoResponse;
    use bytes::Bytes;
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn coding(values: &[&str]) -> Option<Coding> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(CONTENT_ENCODING, HeaderValue::from_str(value).unwrap());
        }
        let named = named(&headers);
        assert_eq!(Coding::of(&headers).ok(), named);
        assert_eq!(refuse_encoded(&headers).is_ok(), named == Some(Coding::Identity));
        named
    }

    #[test]
    fn one_coding_is_taken_and_its_name_in_any_case() {
        for plain in [&[][..], &["identity"], &["Identity"], &[""], &["identity, identity"]] {
            assert_eq!(coding(plain), Some(Coding::Identity), "{plain:?}");
        }
        for gzip in [&["gzip"][..], &["GZip"], &["x-gzip"], &["identity, gzip"], &["identity", "gzip"]] {
            assert_eq!(coding(gzip), Some(Coding::Gzip), "{gzip:?}");
        }
        assert_eq!(coding(&["zstd"]), Some(Coding::Zstd));
        for other in [
            &["br"][..],
            &["deflate"],
            &["gzip, gzip"],
            &["gzip", "zstd"],
            &["identity", "br"],
            &["é"],
            &["*"],
        ] {
            assert_eq!(coding(other), None, "{other:?}");
        }
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::encode_all(bytes, 1).unwrap()
    }

    fn room(bytes: usize) -> BodyRoom {
        BodyRoom::new(bytes, Duration::from_secs(60))
    }

    fn decode(coding: Coding, body: &[u8], bytes_max: usize, room: &BodyRoom) -> Result<Bounded, Failure> {
        coding.decode(Bounded { bytes: Bytes::copy_from_slice(body), room: None }, bytes_max, room)
    }

    fn refused(coding: Coding, body: &[u8], bytes_max: usize, room: &BodyRoom) -> (StatusCode, String) {
        let failure = decode(coding, body, bytes_max, room).unwrap_err();
        let text = failure.to_json("1");
        (failure.into_response().status(), text)
    }

    #[test]
    fn all_members_and_frames_come_out_and_hold_their_room() {
        let room = room(10);
        for (coding, body) in [
            (Coding::Gzip, [gzip(b"abc"), gzip(b""), gzip(b"de")].concat()),
            (Coding::Zstd, [zstd(b"abc"), zstd(b""), zstd(b"de")].concat()),
        ] {
            let decoded = decode(coding, &body, 5, &room).unwrap();
            assert_eq!((&decoded.bytes[..], room.left()), (&b"abcde"[..], 5), "{coding:?}");
            drop(decoded);
            assert_eq!(room.left(), 10);
        }
    }

    #[test]
    fn a_bomb_costs_no_more_than_the_bound_and_is_too_large() {
        let bomb = vec![b' '; 64 << 20];
        for (coding, body) in [(Coding::Gzip, gzip(&bomb)), (Coding::Zstd, zstd(&bomb))] {
            // There is room for the bound and not for one byte more.
            let room = room(1 << 20);
            let (status, text) = refused(coding, &body, 1 << 20, &room);
            assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{text}");
            assert!(text.contains("1048576 bytes when it is decompressed"), "{text}");
            assert_eq!(room.left(), 1 << 20);
        }
    }

    #[test]
    fn what_is_cut_off_damaged_or_followed_by_something_else_is_malformed() {
        let room = room(1_000);
        for (coding, whole) in [(Coding::Gzip, gzip(b"hello, world")), (Coding::Zstd, zstd(b"hello, world"))]
        {
            for cut in 0..whole.len() {
                let (status, text) = refused(coding, &whole[..cut], 100, &room);
                assert_eq!(status, StatusCode::BAD_REQUEST, "{coding:?} {cut}: {text}");
                assert!(text.contains("it is cut off"), "{coding:?} {cut}: {text}");
            }
            for rest in [&b"x"[..], b"\0\0\0\0", b"{}", &whole[..5]] {
                let (status, text) = refused(coding, &[&whole, rest].concat(), 100, &room);
                assert_eq!(status, StatusCode::BAD_REQUEST, "{coding:?} {rest:?}: {text}");
            }
            assert_eq!(refused(coding, b"{\"stream\":\"audit\"}", 100, &room).0, StatusCode::BAD_REQUEST);
        }
        let mut wrong = gzip(b"hello, world");
        let checksum = wrong.len() - 8;
        wrong[checksum] ^= 1;
        assert_eq!(refused(Coding::Gzip, &wrong, 100, &room).0, StatusCode::BAD_REQUEST);
    }

    #[test]
    fn a_zstd_window_beyond_8_mib_is_refused_before_it_is_made() {
        for (log, is_taken) in [(ZSTD_WINDOW_LOG_MAX, true), (ZSTD_WINDOW_LOG_MAX + 1, false), (27, false)] {
            let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
            encoder.window_log(log).unwrap();
            encoder.write_all(b"abc").unwrap();
            // A flush first: with all of it at hand the encoder would choose a window that is just large enough.
            encoder.flush().unwrap();
            let body = encoder.finish().unwrap();
            let room = room(1_000);
            match decode(Coding::Zstd, &body, 100, &room) {
                Ok(decoded) => assert!(is_taken && decoded.bytes == "abc", "{log}"),
                Err(failure) => {
                    assert!(!is_taken, "{log}");
                    let text = failure.to_json("1");
                    assert!(text.contains("its window is larger than 8388608 bytes"), "{text}");
                }
            }
        }
    }

    #[test]
    fn a8_a_body_that_finds_no_room_to_come_out_is_told_to_come_back() {
        let (status, _) = refused(Coding::Gzip, &gzip(b"abcdef"), 100, &room(5));
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    }
}
