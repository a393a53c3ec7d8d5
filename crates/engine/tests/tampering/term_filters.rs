//! Term filters: one that denies what its member holds hides evidence from a search of the archive. The first object is
//! the ledger's own, the second one has tenant `t0` and begins with entry 3.

use merkle::{decode_base64, encode_base64};

use crate::case::Case;
use crate::sample::Scene;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::by_full("term filter: denies everything", deny_everything, &[("index-mismatch", Some(3))]),
        Case::by_full(
            "term filter: a row of none",
            |scene| scene.sql(&[r#"UPDATE term_filter SET body = '{"filters":""}'"#]),
            &[("index-mismatch", Some(0)), ("index-mismatch", Some(58_000))],
        ),
        Case::by_full(
            "term filter: a row that is no JSON",
            |scene| {
                scene.sql(&[
                    "UPDATE term_filter SET body = 'x' WHERE key = (SELECT min(key) FROM term_filter)",
                ]);
            },
            &[("index-mismatch", Some(0))],
        ),
        Case::by_full(
            "term filter: a row beyond the last",
            |scene| {
                scene.sql(&["UPDATE term_filter SET key = substr(key, 1, length(key) - 6) || '000999' \
                             WHERE key = (SELECT min(key) FROM term_filter)"]);
            },
            &[("index-mismatch", Some(0))],
        ),
        Case::by_full(
            "term filter: of no batch",
            |scene| scene.sql(&["INSERT INTO term_filter SELECT 'x' || key, body FROM term_filter LIMIT 1"]),
            &[("index-mismatch", None)],
        ),
        // Without filters a search reads more and finds the same.
        Case::by_full("term filter: all gone", |scene| scene.sql(&["DELETE FROM term_filter"]), &[]),
    ]
}

/// Puts the filter of the empty set in place of the second member's filter of actors.
fn deny_everything(scene: &Scene) {
    let connection = scene.database();
    let select = "SELECT key, body FROM term_filter ORDER BY key LIMIT 1";
    let (key, body): (String, String) =
        connection.query_row(select, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert!(key.ends_with("|02|000000"), "{key}");
    let text = body.strip_prefix("{\"filters\":\"").and_then(|text| text.strip_suffix("\"}")).unwrap();
    let bytes = decode_base64(text).unwrap();
    let length = |at: usize| 3 + 3 * usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    let second = length(0);
    let end = second + length(second);
    assert!(end - second > 3);
    let doctored = [&bytes[..second], &[0, 0, 0], &bytes[end..]].concat();
    let body = format!("{{\"filters\":\"{}\"}}", encode_base64(&doctored));
    let changed = connection.execute("UPDATE term_filter SET body = ?2 WHERE key = ?1", [key, body]);
    assert_eq!(changed, Ok(1));
}
