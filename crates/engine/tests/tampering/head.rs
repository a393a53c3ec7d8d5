//! The head row.

use crate::case::Case;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::by_rows(
            "a larger size",
            |scene| scene.sql(&["UPDATE head SET size = size + 1"]),
            &[("head-mismatch", None), ("entry-missing", Some(68_300))],
        ),
        Case::by_rows(
            "a size beyond all reason",
            |scene| scene.sql(&["UPDATE head SET size = 9000000000000000000"]),
            &[("head-mismatch", None), ("entry-missing", Some(68_300))],
        ),
        Case::by_rows(
            "a smaller size",
            |scene| scene.sql(&["UPDATE head SET size = size - 1"]),
            &[("head-mismatch", None), ("entry-unexpected", Some(68_299))],
        ),
        Case::by_rows(
            "a size below what was signed",
            |scene| scene.sql(&["UPDATE head SET size = 67999", "DELETE FROM entry WHERE seq >= 67999"]),
            &[("head-mismatch", None), ("log-truncated", Some(67_999))],
        ),
        Case::by_rows(
            "the compact range",
            |scene| {
                scene.sql(&[
                    "UPDATE head SET range = CAST(substr(range, 1, length(range) - 1) || x'00' AS BLOB)",
                ]);
            },
            &[("head-mismatch", Some(68_000))],
        ),
        Case::by_rows(
            "a later time",
            |scene| scene.sql(&["UPDATE head SET recorded_at = recorded_at + 1"]),
            &[("head-mismatch", Some(68_299))],
        ),
        Case::by_rows(
            "another version of the holds",
            |scene| scene.sql(&["UPDATE head SET hold_version = hold_version + 1"]),
            &[("head-mismatch", None)],
        ),
        Case::by_rows("no head", |scene| scene.sql(&["DELETE FROM head"]), &[("head-mismatch", Some(0))]),
    ]
}
