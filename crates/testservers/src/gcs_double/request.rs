//! One request: which it is, and what it does to a bucket.

use std::collections::BTreeMap;

use bytes::Bytes;
use chrono::{DateTime, NaiveDateTime, SubsecRound, Utc};
use http_body_util::Full;
use hyper::http::request::Parts;
use hyper::{Method, Response};

use super::contents::{Contents, Object, Upload};
use super::document;
use super::reply::{HTTP_DATE, Refusal, describe, finish, json, xml};
use crate::proxy::percent;

type Answered = Result<Response<Full<Bytes>>, Refusal>;

const MALFORMED: Refusal = Refusal { status: 400, code: "InvalidArgument" };
const MISSING: Refusal = Refusal { status: 404, code: "NoSuchKey" };
const KMS_HEADER: &str = "x-goog-encryption-kms-key-name";

struct Query(BTreeMap<String, String>);

impl Query {
    fn of(parts: &Parts) -> Self {
        let pairs = parts.uri.query().unwrap_or_default().split('&').map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (percent::decode(name), percent::decode(&value.replace('+', " ")))
        });
        Self(pairs.collect())
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

pub(super) fn answer(buckets: &mut BTreeMap<String, Contents>, parts: &Parts, body: Bytes) -> Answered {
    let path = parts.uri.path().strip_prefix('/').unwrap_or_default();
    if let Some(target) = path.strip_prefix("storage/v1/b/") {
        return description(buckets, target);
    }
    // The key is percent-encoded as a whole, so the first slash ends the bucket.
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    let contents =
        buckets.get_mut(&percent::decode(bucket)).ok_or(Refusal { status: 404, code: "NoSuchBucket" })?;
    let (key, query) = (percent::decode(key), Query::of(parts));
    let upload = query.value("uploadId");
    match (&parts.method, upload) {
        (&Method::GET, None) if key.is_empty() => {
            Ok(xml(document::listing(contents, |name| query.value(name))))
        }
        (&Method::GET | &Method::HEAD, None) => read(contents, &key, parts, &query),
        (&Method::PUT, None) if parts.headers.contains_key("x-goog-copy-source") => {
            copy(contents, &key, parts)
        }
        (&Method::PUT, None) => put(contents, &key, parts, body),
        (&Method::DELETE, None) => {
            contents.delete(&key).map(|()| finish(Response::builder().status(204), Bytes::new()))
        }
        (&Method::POST, None) if query.value("uploads").is_some() => begin(contents, key, parts),
        (&Method::PUT, Some(upload)) => part(contents, upload, query.value("partNumber"), body),
        (&Method::POST, Some(upload)) => complete(contents, upload, &body),
        (&Method::DELETE, Some(upload)) => {
            contents.uploads.remove(upload).ok_or(MISSING)?;
            Ok(finish(Response::builder().status(204), Bytes::new()))
        }
        _ => Err(Refusal { status: 405, code: "MethodNotAllowed" }),
    }
}

/// The part of the JSON API that describes a bucket.
fn description(buckets: &BTreeMap<String, Contents>, target: &str) -> Answered {
    let (bucket, of) = target.split_once('/').unwrap_or((target, ""));
    let contents = buckets.get(&percent::decode(bucket)).ok_or(MISSING)?;
    match of {
        "" if contents.description.is_empty() => Ok(json("{}".to_owned())),
        "" => Ok(json(contents.description.clone())),
        "iam" => contents.policy.clone().map(json).ok_or(Refusal { status: 403, code: "AccessDenied" }),
        _ => Err(MISSING),
    }
}

fn read(contents: &Contents, key: &str, parts: &Parts, query: &Query) -> Answered {
    // Reading takes no key: the service knows which one it used, and refuses to be told.
    if parts.headers.contains_key(KMS_HEADER) {
        return Err(MALFORMED);
    }
    let object = match query.value("generation") {
        Some(generation) => contents.generation(key, generation.parse().map_err(|_| MALFORMED)?),
        None => contents.live(key),
    };
    let object = object.ok_or(MISSING)?;
    check_conditions(object, parts)?;
    let builder = describe(Response::builder(), object);
    if parts.method == Method::HEAD {
        let builder = builder.header("content-length", object.body.len());
        return Ok(finish(builder, Bytes::new()));
    }
    let Some(range) = header(parts, "range") else {
        return Ok(finish(builder, object.body.clone()));
    };
    let total = object.body.len();
    let (start, end) = bounds(range, total).ok_or(Refusal { status: 416, code: "InvalidRange" })?;
    let builder = builder.status(206).header("content-range", format!("bytes {start}-{}/{total}", end - 1));
    Ok(finish(builder, object.body.slice(start..end)))
}

fn header<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    parts.headers.get(name)?.to_str().ok()
}

fn check_conditions(object: &Object, parts: &Parts) -> Result<(), Refusal> {
    let time = |name| -> Option<DateTime<Utc>> {
        Some(NaiveDateTime::parse_from_str(header(parts, name)?, HTTP_DATE).ok()?.and_utc())
    };
    let modified = object.last_modified.trunc_subsecs(0);
    let tag = object.tag();
    let is_failed = header(parts, "if-match").is_some_and(|wanted| wanted != tag)
        || time("if-unmodified-since").is_some_and(|time| modified > time);
    if is_failed {
        return Err(Refusal { status: 412, code: "PreconditionFailed" });
    }
    let is_unchanged = header(parts, "if-none-match").is_some_and(|known| known == tag)
        || time("if-modified-since").is_some_and(|time| modified <= time);
    if is_unchanged { Err(Refusal { status: 304, code: "NotModified" }) } else { Ok(()) }
}

/// Start and end (exclusive) of one range of a body.
fn bounds(range: &str, total: usize) -> Option<(usize, usize)> {
    let (start, end) = range.strip_prefix("bytes=")?.split_once('-')?;
    let (start, end) = match (start, end) {
        ("", suffix) => (total.saturating_sub(suffix.parse().ok()?), total),
        (start, "") => (start.parse().ok()?, total),
        (start, end) => (start.parse().ok()?, end.parse::<usize>().ok()?.saturating_add(1).min(total)),
    };
    (start < end).then_some((start, end))
}

fn kept_headers(parts: &Parts) -> Vec<(String, String)> {
    let is_kept = |name: &str| {
        name.starts_with("x-goog-meta-")
            || [
                "cache-control",
                "content-disposition",
                "content-encoding",
                "content-language",
                "content-type",
            ]
            .contains(&name)
    };
    let headers = parts.headers.iter().filter(|(name, _)| is_kept(name.as_str()));
    headers.filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned()))).collect()
}

fn expected_generation(parts: &Parts) -> Result<Option<u64>, Refusal> {
    header(parts, "x-goog-if-generation-match").map(str::parse).transpose().map_err(|_| MALFORMED)
}

fn put(contents: &mut Contents, key: &str, parts: &Parts, body: Bytes) -> Answered {
    let kms_key = contents.kms_key_for(header(parts, KMS_HEADER))?;
    let object = contents.put(key, body, kept_headers(parts), kms_key, expected_generation(parts)?)?;
    Ok(finish(described_put(object), Bytes::new()))
}

/// A put is answered with the object's tag and generation, without its attributes.
fn described_put(object: &Object) -> hyper::http::response::Builder {
    let bare = Object { kept_headers: Vec::new(), ..object.clone() };
    describe(Response::builder(), &bare)
}

fn copy(contents: &mut Contents, key: &str, parts: &Parts) -> Answered {
    let source = header(parts, "x-goog-copy-source").unwrap_or_default();
    let (_, from) = source.split_once('/').ok_or(MALFORMED)?;
    let from = contents.live(&percent::decode(from)).ok_or(MISSING)?.clone();
    let expected = expected_generation(parts)?;
    let object = contents.put(key, from.body, from.kept_headers, from.kms_key, expected)?;
    Ok(xml(document::copied(object)))
}

fn begin(contents: &mut Contents, key: String, parts: &Parts) -> Answered {
    let kms_key = contents.kms_key_for(header(parts, KMS_HEADER))?;
    let id = format!("upload-{}", contents.next_generation());
    let document = document::begun(&id);
    let upload = Upload { key, kept_headers: kept_headers(parts), kms_key, parts: BTreeMap::new() };
    contents.uploads.insert(id, upload);
    Ok(xml(document))
}

fn part(contents: &mut Contents, upload: &str, number: Option<&str>, body: Bytes) -> Answered {
    let number = number.and_then(|number| number.parse().ok()).ok_or(MALFORMED)?;
    let tag = format!("\"p{}\"", contents.next_generation());
    contents.uploads.get_mut(upload).ok_or(MISSING)?.parts.insert(number, (tag.clone(), body));
    Ok(finish(Response::builder().header("etag", tag), Bytes::new()))
}

fn complete(contents: &mut Contents, upload: &str, body: &Bytes) -> Answered {
    let document = String::from_utf8_lossy(body).into_owned();
    let upload = contents.uploads.remove(upload).ok_or(MISSING)?;
    let mut whole = Vec::new();
    for (tag, part) in upload.parts.values() {
        // Parts that the client does not name are left out.
        if document.contains(tag) || document.contains(&tag.replace('"', "&quot;")) {
            whole.extend_from_slice(part);
        }
    }
    let object = contents.put(&upload.key, whole.into(), upload.kept_headers, upload.kms_key, None)?;
    let mut answer = xml(document::completed(object));
    answer.headers_mut().insert("x-goog-generation", object.generation.into());
    Ok(answer)
}
