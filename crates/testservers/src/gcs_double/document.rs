//! Documents of the XML API.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::contents::{Contents, Object};

const KEYS_MAX: usize = 1000;
const HEAD: &str = "<?xml version='1.0' encoding='UTF-8'?>";

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A page of a listing, version 2: keys after the given one or the token, with common prefixes rolled up. A token is the
/// last key or prefix of the page before.
pub(super) fn listing<'q>(contents: &Contents, query: impl Fn(&str) -> Option<&'q str>) -> String {
    let prefix = query("prefix").unwrap_or_default();
    let delimiter = query("delimiter").filter(|delimiter| !delimiter.is_empty());
    let after = query("continuation-token").or(query("start-after")).unwrap_or_default();
    let keys_max = query("max-keys").and_then(|count| count.parse().ok()).unwrap_or(KEYS_MAX).min(KEYS_MAX);

    let (mut rows, mut prefixes) = (String::new(), BTreeSet::new());
    let (mut count, mut last, mut is_cut) = (0, String::new(), false);
    for (key, object) in contents.all() {
        let Some(rest) = key.strip_prefix(prefix) else { continue };
        let group = delimiter
            .and_then(|delimiter| rest.find(delimiter).map(|at| &key[..prefix.len() + at + delimiter.len()]));
        let item = group.unwrap_or(key);
        if item <= after || prefixes.contains(item) {
            continue;
        }
        if count == keys_max {
            is_cut = true;
            break;
        }
        count += 1;
        item.clone_into(&mut last);
        if group.is_some() {
            prefixes.insert(item.to_owned());
        } else {
            row(&mut rows, key, object);
        }
    }
    for prefix in &prefixes {
        let _ = write!(rows, "<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", escaped(prefix));
    }
    let token = if is_cut {
        format!("<NextContinuationToken>{}</NextContinuationToken>", escaped(&last))
    } else {
        String::new()
    };
    format!("{HEAD}<ListBucketResult><IsTruncated>{is_cut}</IsTruncated>{rows}{token}</ListBucketResult>")
}

fn row(rows: &mut String, key: &str, object: &Object) {
    let _ = write!(
        rows,
        "<Contents><Key>{}</Key><Generation>{}</Generation><LastModified>{}</LastModified><ETag>{}</ETag><Size>{}</Size></Contents>",
        escaped(key),
        object.generation,
        object.last_modified.format("%Y-%m-%dT%H:%M:%S%.3fZ"),
        object.tag(),
        object.body.len()
    );
}

pub(super) fn begun(id: &str) -> String {
    format!("{HEAD}<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>")
}

pub(super) fn completed(object: &Object) -> String {
    let tag = object.tag();
    format!("{HEAD}<CompleteMultipartUploadResult><ETag>{tag}</ETag></CompleteMultipartUploadResult>")
}

pub(super) fn copied(object: &Object) -> String {
    format!("{HEAD}<CopyObjectResult><ETag>{}</ETag></CopyObjectResult>", object.tag())
}
