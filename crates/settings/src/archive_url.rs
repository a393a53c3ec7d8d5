//! Where an archive is, as an absolute URL.

use std::fmt::Write;
use std::path::Path;

/// Turns what a person writes into an absolute file URL (RFC 8089): `file:///absolute/path` stays as it is; a path, or
/// `file:` with a relative path, is taken from `data_dir`, so that a data directory can be moved with its archive.
pub(crate) fn absolute(url: &str, data_dir: &Path) -> Result<String, String> {
    let refused = |what: &str| {
        Err(format!("{what}: give file:///absolute/path, or a path relative to the data directory"))
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
        Some((scheme @ ("s3" | "gs" | "az" | "null" | "http" | "https"), _)) => {
            refused(&format!("destinations of the kind `{scheme}:` are not in this release"))
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
        for url in ["s3://bucket/x", "null:", "gs://b", "ftp://x", "file://host/x", "file:", "file:///"] {
            let message = absolute(url, Path::new("/d")).unwrap_err();
            assert!(message.contains("give file:///absolute/path"), "{url}: {message}");
        }
    }
}
