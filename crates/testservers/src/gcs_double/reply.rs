//! Answers: refusals, objects and documents.

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use hyper::http::response::Builder;

use super::contents::Object;

/// How HTTP writes a time.
pub(super) const HTTP_DATE: &str = "%a, %d %b %Y %H:%M:%S GMT";

/// An error answer of the XML API.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: &'static str,
}

impl Refusal {
    pub(super) fn into_response(self) -> Response<Full<Bytes>> {
        let code = self.code;
        let document = format!("<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code></Error>");
        // 304 has no body.
        let body = if self.status == 304 { Bytes::new() } else { document.into() };
        finish(Response::builder().status(self.status).header("content-type", "application/xml"), body)
    }
}

pub(super) fn finish(builder: Builder, body: Bytes) -> Response<Full<Bytes>> {
    builder.body(Full::new(body)).expect("an answer of the double is well formed")
}

pub(super) fn xml(document: String) -> Response<Full<Bytes>> {
    finish(Response::builder().header("content-type", "application/xml"), document.into())
}

pub(super) fn json(document: String) -> Response<Full<Bytes>> {
    finish(Response::builder().header("content-type", "application/json"), document.into())
}

/// The headers that describe an object, on whatever answer is about it.
pub(super) fn describe(mut builder: Builder, object: &Object) -> Builder {
    builder = builder
        .header("etag", object.tag())
        .header("last-modified", object.last_modified.format(HTTP_DATE).to_string())
        .header("x-goog-generation", object.generation)
        .header("x-goog-metageneration", 1);
    if let Some(key) = &object.kms_key {
        builder = builder.header("x-goog-encryption-kms-key-name", key);
    }
    for (name, value) in &object.kept_headers {
        builder = builder.header(name, value);
    }
    builder
}
