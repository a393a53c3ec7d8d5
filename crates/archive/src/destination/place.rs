//! URLs of destinations.

use std::path::PathBuf;

use super::start_error::StartError;
use super::storage::Kind;
use crate::error::{Error, Result};

/// Where a URL leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Directory(PathBuf),
    /// A bucket or container, and a prefix in it that is empty or ends in `/`.
    Bucket {
        kind: Kind,
        bucket: String,
        prefix: String,
    },
    Nowhere,
}

const FORMS: &str = "give file:///absolute/path, /absolute/path, s3://bucket/prefix, gs://bucket/prefix, \
                     az://container/prefix or null:";

impl Place {
    pub(super) fn parse(url: &str) -> Result<Self> {
        if url == "null:" {
            return Ok(Self::Nowhere);
        }
        let unknown =
            || Error::start(StartError::Url, format!("`{url}` is no place for an archive: {FORMS}"));
        match url.split_once("://") {
            Some(("s3", rest)) => bucket(Kind::S3, url, rest),
            Some(("gs", rest)) => bucket(Kind::Gcs, url, rest),
            Some(("az", rest)) => bucket(Kind::Azure, url, rest),
            Some(("file", rest)) => directory(percent_decoded(rest)).ok_or_else(unknown),
            Some(_) => Err(unknown()),
            None => directory(Some(url.to_owned())).ok_or_else(unknown),
        }
    }
}

fn directory(path: Option<String>) -> Option<Place> {
    let path = PathBuf::from(path?);
    path.is_absolute().then_some(Place::Directory(path))
}

fn bucket(kind: Kind, url: &str, rest: &str) -> Result<Place> {
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        let what = if kind == Kind::Azure { "container" } else { "bucket" };
        let message = format!("`{url}` names no {what}: write {}://{what}/prefix", kind.as_str());
        return Err(Error::start(StartError::Bucket, message));
    }
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.$".contains(&byte);
    let prefix = prefix.trim_end_matches('/');
    let is_segment = |segment: &str| {
        !matches!(segment, "" | "." | "..")
            && segment.bytes().all(|byte| byte.is_ascii_graphic() && !br"\?#*%".contains(&byte))
    };
    let is_prefix = prefix.is_empty() || prefix.split('/').all(is_segment);
    if bucket.len() > 222 || !bucket.bytes().all(is_name) || !is_prefix {
        let message = format!(
            "`{url}` is no place for an archive: after {}:// come a bucket and segments between single slashes, \
             in printable ASCII without ? # * % and \\",
            kind.as_str()
        );
        return Err(Error::start(StartError::Url, message));
    }
    let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
    Ok(Place::Bucket { kind, bucket: bucket.to_owned(), prefix })
}

/// Decodes `%41`; a `%` that is not followed by two hexadecimal digits stands for itself, because people
/// type paths. `None` when the result is not UTF-8.
fn percent_decoded(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let pair = bytes.get(at + 1..at + 3).filter(|pair| pair.iter().all(u8::is_ascii_hexdigit));
        let value = pair.and_then(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        match value {
            Some(value) if bytes[at] == b'%' => {
                decoded.push(value);
                at += 3;
            }
            _ => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_url_is_decoded_and_a_bare_percent_stays() {
        let directory = |url| match Place::parse(url) {
            Ok(Place::Directory(path)) => path,
            other => panic!("{url}: {other:?}"),
        };
        assert_eq!(directory("file:///a%20b/100%/c"), PathBuf::from("/a b/100%/c"));
        assert_eq!(directory("/a%20b"), PathBuf::from("/a%20b"));
    }

    #[test]
    fn a_bucket_may_have_a_prefix() {
        for (url, kind, bucket, prefix) in [
            ("s3://b", Kind::S3, "b", ""),
            ("s3://b/", Kind::S3, "b", ""),
            ("gs://b.example/a/b", Kind::Gcs, "b.example", "a/b/"),
            ("az://c/a=~/", Kind::Azure, "c", "a=~/"),
        ] {
            let expected = Place::Bucket { kind, bucket: bucket.into(), prefix: prefix.into() };
            assert_eq!(Place::parse(url).unwrap(), expected, "{url}");
        }
    }

    #[test]
    fn anything_else_is_refused_under_an_identifier() {
        for (url, id) in [
            ("s3://", "SR-E001"),
            ("az:///prefix", "SR-E001"),
            ("ftp://b", "SR-E004"),
            ("file://host/x", "SR-E004"),
            ("archive", "SR-E004"),
            ("", "SR-E004"),
            ("s3://b//x", "SR-E004"),
            ("s3://b/../x", "SR-E004"),
            ("s3://b/x?y", "SR-E004"),
            ("s3://user:password@b/x", "SR-E004"),
        ] {
            let message = Place::parse(url).unwrap_err().to_string();
            assert!(message.starts_with(id), "{url}: {message}");
        }
    }
}
