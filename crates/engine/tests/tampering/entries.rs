//! The entries themselves.

use crate::case::Case;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = changed();
    cases.extend(moved());
    cases
}

fn changed() -> Vec<Case> {
    vec![
        Case::by_rows(
            "one byte of a signed line",
            |scene| {
                scene.sql(&["UPDATE entry SET line = replace(line, 'success', 'succesz') WHERE seq = 61000"]);
            },
            &[("entry-changed", Some(61_000))],
        ),
        Case::by_rows(
            "one byte of the last signed line",
            |scene| scene.sql(&["UPDATE entry SET line = line || ' ' WHERE seq = 67999"]),
            &[("entry-changed", Some(67_999))],
        ),
        Case::by_rows(
            "an unsigned line",
            |scene| {
                scene.sql(&["UPDATE entry SET line = replace(line, 'success', 'failure') WHERE seq = 68100"]);
            },
            &[("head-mismatch", Some(68_000))],
        ),
        Case::by_rows(
            "two lines swapped",
            |scene| scene.swap("entry", "line", ["seq = 61000", "seq = 61700"]),
            &[("entry-changed", Some(61_000)), ("entry-changed", Some(61_700))],
        ),
    ]
}

fn moved() -> Vec<Case> {
    vec![
        Case::by_rows(
            "a signed row deleted",
            |scene| scene.sql(&["DELETE FROM entry WHERE seq = 61000"]),
            &[("entry-missing", Some(61_000))],
        ),
        Case::by_rows(
            "the last row deleted",
            |scene| scene.sql(&["DELETE FROM entry WHERE seq = 68299"]),
            &[("entry-missing", Some(68_299)), ("head-mismatch", Some(68_000))],
        ),
        Case::by_rows(
            "an archived receipt deleted from the hot window",
            |scene| scene.sql(&["DELETE FROM entry WHERE seq = 62002"]),
            &[("entry-missing", Some(62_002))],
        ),
        Case::by_rows(
            "a row past the end",
            |scene| scene.sql(&["INSERT INTO entry SELECT 68300, line FROM entry WHERE seq = 68299"]),
            &[("entry-unexpected", Some(68_300))],
        ),
        Case::by_rows(
            "a row at the largest seq there can be",
            |scene| {
                scene.sql(&[
                    "INSERT INTO entry SELECT 9223372036854775807, line FROM entry WHERE seq = 68299",
                ]);
            },
            &[("entry-unexpected", Some(9_223_372_036_854_775_807))],
        ),
        Case::by_rows(
            "another entry where one was pruned",
            |scene| scene.sql(&["INSERT INTO entry SELECT 100, line FROM entry WHERE seq = 61000"]),
            &[("entry-changed", Some(100)), ("entry-unexpected", Some(100))],
        ),
        Case::by_rows(
            "a row under another seq",
            |scene| scene.sql(&["UPDATE entry SET seq = 70000 WHERE seq = 61000"]),
            &[("entry-missing", Some(61_000)), ("entry-unexpected", Some(70_000))],
        ),
    ]
}
