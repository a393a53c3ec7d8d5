//! `GET /v1/audit/entries/{seq}`: one entry's line, byte for byte.

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use event::EntryFields;

use crate::access::Caller;
use crate::answer::{Answer, json_text};
use crate::failure::Failure;
use crate::query;
use crate::routes::App;

pub(crate) async fn show(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    seq: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Answer {
    query::refuse_unknown(&query::pairs(&uri)?, "")?;
    let Path(seq) = seq.map_err(|_| Failure::malformed("the path is not percent-encoded UTF-8"))?;
    let number = parse_seq(&seq).ok_or_else(|| {
        Failure::malformed("an entry is named by its seq: digits only, without leading zeros")
    })?;
    // The same answer for what is not there and for what belongs to somebody else: the difference is a disclosure.
    let absent = || Failure::not_found(format!("there is no entry {number}"));
    let entry = app.engine.ledger().show(number).await?.ok_or_else(absent)?;
    if let Some(expired) = &entry.expired {
        // Whose it was is gone with it, so only who sees all tenants is told.
        return Err(if caller.tenant().is_some() {
            absent()
        } else {
            Failure::not_found(format!(
                "entry {number} expired on {}: the note {} has its leaf hash",
                expired.expired_at, expired.note
            ))
        });
    }
    if let Some(tenant) = caller.tenant() {
        let is_theirs = EntryFields::parse(&entry.line).is_ok_and(|fields| fields.tenant == tenant);
        if !is_theirs {
            return Err(absent());
        }
    }
    if entry.line.is_empty() {
        let message =
            format!("entry {number} was discarded: its hash {} is all that is left", entry.leaf_hash);
        return Err(Failure::not_found(message));
    }
    Ok(json_text(StatusCode::OK, entry.line))
}

/// A seq as it is written everywhere: one spelling for each.
fn parse_seq(text: &str) -> Option<u64> {
    let is_canonical = text == "0" || !text.starts_with(['0', '+']);
    text.parse().ok().filter(|_| is_canonical)
}

#[cfg(test)]
mod tests {
    use super::parse_seq;

    #[test]
    fn a_seq_has_one_spelling() {
        assert_eq!(parse_seq("0"), Some(0));
        assert_eq!(parse_seq("18446744073709551615"), Some(u64::MAX));
        for refused in ["", "00", "01", "+1", "-1", "1.0", "x", "18446744073709551616"] {
            assert_eq!(parse_seq(refused), None, "{refused}");
        }
    }
}
