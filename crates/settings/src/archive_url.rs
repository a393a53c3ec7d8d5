//! Where an archive is, as an absolute URL, and of what kind.

use std::fmt::Write;
use std::path::Path;

use crate::archive::ArchiveKind;
use crate::start_error::{BUCKET, URL};

/// The kind of place, and its absolute URL: `s3://`, `gs://` and `az://` with a bucket and perhaps a prefix, `null:`,
/// or a directory.
pub(crate) fn place(url: &str, data_dir: &Path) -> Result<(ArchiveKind, String), String> {
    if url == "null:" {
        return Ok((ArchiveKind::Null, url.to_owned()));
    }
    for kind in [ArchiveKind::S3, ArchiveKind::Gcs, ArchiveKind::Azure] {
        if let Some(rest) = url.strip_prefix(kind.scheme()).and_then(|rest| rest.strip_prefix("://")) {
            return bucket(kind, rest).map(|url| (kind, url));
        }
    }
    absolute(url, data_dir).map(|url| (ArchiveKind::File, url)).map_err(|message| format!("{URL}: {message}"))
}

/// Bucket and prefix, with one spelling: no slash at the end.
fn bucket(kind: ArchiveKind, rest: &str) -> Result<String, String> {
    let scheme = kind.scheme();
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        let what = if kind == ArchiveKind::Azure { "container" } else { "bucket" };
        return Err(format!("{BUCKET}: no {what} is named: write {scheme}://{what}/prefix"));
    }
    let is_name = bucket.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.$".contains(&byte));
    let prefix = prefix.trim_end_matches('/');
    let is_segment = |segment: &str| {
        !matches!(segment, "" | "." | "..")
            && segment.bytes().all(|byte| byte.is_ascii_graphic() && !br"\?#*%".contains(&byte))
    };
    if bucket.len() > 222 || !is_name || !(prefix.is_empty() || prefix.split('/').all(is_segment)) {
        return Err(format!(
            "{URL}: after {scheme}:// come a bucket and segments between single slashes, in printable ASCII without \
             ? # * % and \\"
        ));
    }
    let slash = if prefix.is_empty() { "" } else { "/" };
    Ok(format!("{scheme}://{bucket}{slash}{prefix}"))
}

/// Turns what a person writes into an absolute file URL (RFC 8089): `file:///absolute/path` stays as it is; a path, or
/// `file:` with a relative path, is taken from `data_dir`, so that a data directory can be moved with its archive.
fn absolute(url: &str, data_dir: &Path) -> Result<String, String> {
    let refused = |what: &str| {
        Err(format!(
            "{what}: give file:///absolute/path, a path relative to the data directory, s3://bucket/prefix, gs://bucket/prefix, az://container/prefix or null:"
        ))
    };
    if let Some(rest) = url.strip_prefix("file:") {
        if rest.starts_with("///") && rest.len() > 3 {
            return Ok(url.to_owned());
        }
        // One slash is the short form that RFC 8089 allows.
        if rest.starts_with('/') && !rest.starts_with("//") && rest.len() > 1 {
            return Ok(format!("file://{rest}"));
        }
        if rest.is_empty() || rest.starts_with('/') {
            return refused("a file URL with a host or without a path is not accepted");
        }
        return Ok(format!("{}/{}", file_url(data_dir), rest.trim_start_matches("./")));
    }
    match url.split_once(':') {
        Some(("s3" | "gs" | "az" | "null" | "http" | "https", _)) => {
            refused("this is no place of a known kind")
        }
        Some((scheme, rest)) if rest.starts_with("//") && !scheme.contains('/') => {
            refused("this kind of destination does not exist")
        }
        _ => Ok(file_url(&data_dir.join(url.trim_start_matches("./")))),
    }
}

fn file_url(path: &Path) -> String {
    let mut url = String::from("file://");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => {
                url.push(char::from(*byte));
            }
            other => write!(url, "%{other:02X}").expect("writing to a string cannot fail"),
        }
    }
    url.truncate(url.trim_end_matches('/').len().max("file:///".len()));
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn becomes(url: &str, expected: &str) {
        assert_eq!(absolute(url, Path::new("/d 1")).as_deref(), Ok(expected), "{url}");
    }

    #[test]
    fn relative_places_are_taken_from_the_data_directory() {
        becomes("archive", "file:///d%201/archive");
        becomes("./archive/", "file:///d%201/archive");
        becomes("file:archive", "file:///d%201/archive");
        becomes("file:./a%20b", "file:///d%201/a%20b");
        becomes("../elsewhere", "file:///d%201/../elsewhere");
    }

    #[test]
    fn absolute_places_stay() {
        becomes("file:///x/a%20b", "file:///x/a%20b");
        becomes("file:/x", "file:///x");
        becomes("/x/a b%", "file:///x/a%20b%25");
        becomes("/", "file:///");
    }

    #[test]
    fn other_kinds_of_places_are_refused_with_what_is_accepted() {
        for url in ["s3:bucket/x", "null:x", "https://b", "ftp://x", "file://host/x", "file:", "file:///"] {
            let message = place(url, Path::new("/d")).unwrap_err();
            assert!(message.starts_with("SR-E004: "), "{url}: {message}");
            assert!(message.contains("give file:///absolute/path"), "{url}: {message}");
        }
    }

    #[test]
    fn a_bucket_has_one_spelling() {
        let becomes = |url: &str| place(url, Path::new("/d"));
        assert_eq!(becomes("null:"), Ok((ArchiveKind::Null, "null:".to_owned())));
        for url in ["s3://b/p/q", "s3://b/p/q/"] {
            assert_eq!(becomes(url), Ok((ArchiveKind::S3, "s3://b/p/q".to_owned())));
        }
        assert_eq!(becomes("gs://b/"), Ok((ArchiveKind::Gcs, "gs://b".to_owned())));
        for (url, id) in [
            ("s3://", "SR-E001"),
            ("az:///p", "SR-E001"),
            ("s3://b//p", "SR-E004"),
            ("s3://u:p@b", "SR-E004"),
        ] {
            assert!(becomes(url).unwrap_err().starts_with(id), "{url}");
        }
    }
}
