//! The control tables: identity, batches, objects, receipts of pruning, tokens.

use crate::case::Case;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = identity();
    cases.extend(batches());
    cases.extend(objects());
    cases.extend(pruned());
    cases.extend(tokens());
    cases.extend(reports());
    cases
}

fn identity() -> Vec<Case> {
    vec![
        Case::by_rows(
            "identity: changed",
            |scene| scene.sql(&["UPDATE identity SET body = replace(body, 'example.com', 'example.org')"]),
            &[("state-mismatch", Some(0))],
        ),
        Case::by_rows(
            "identity: deleted",
            |scene| scene.sql(&["DELETE FROM identity"]),
            &[("state-mismatch", Some(0))],
        ),
        Case::by_rows(
            "identity: inserted",
            |scene| scene.sql(&["INSERT INTO identity SELECT 'other', body FROM identity"]),
            &[("state-mismatch", None)],
        ),
    ]
}

fn batches() -> Vec<Case> {
    vec![
        Case::by_rows(
            "batch: changed",
            |scene| scene.sql(&["UPDATE batch SET body = body || ' ' WHERE key LIKE '%00000000'"]),
            &[("state-mismatch", Some(62_002))],
        ),
        Case::by_rows(
            "batch: deleted",
            |scene| scene.sql(&["DELETE FROM batch WHERE key LIKE '%58000'"]),
            &[("entry-missing", Some(58_000)), ("state-mismatch", None), ("state-mismatch", Some(62_010))],
        ),
        Case::by_rows(
            "batch: inserted",
            |scene| {
                scene.sql(&["INSERT INTO batch SELECT 'x' || key, body FROM batch WHERE key LIKE '%58000'"]);
            },
            &[("state-mismatch", None)],
        ),
        Case::by_rows(
            "batch: swapped",
            |scene| scene.swap("batch", "body", ["key LIKE '%00000000'", "key LIKE '%58000'"]),
            &[("state-mismatch", Some(62_002)), ("state-mismatch", Some(62_010))],
        ),
        Case::by_rows(
            "batch: unreadable",
            |scene| scene.sql(&["UPDATE batch SET body = '{' WHERE key LIKE '%58000'"]),
            &[("entry-missing", Some(58_000)), ("state-mismatch", None), ("state-mismatch", Some(62_010))],
        ),
    ]
}

fn objects() -> Vec<Case> {
    vec![
        Case::by_rows(
            "object: changed",
            |scene| {
                scene.sql(&["UPDATE object SET body = replace(body, '\"first_seq\":1,', '\"first_seq\":4,') WHERE body ->> 'first_seq' = 1"]);
            },
            &[("state-mismatch", Some(0))],
        ),
        Case::by_rows(
            "object: another spelling",
            |scene| scene.sql(&["UPDATE object SET body = body || ' ' WHERE body ->> 'first_seq' = 58000"]),
            &[("state-mismatch", Some(58_000))],
        ),
        Case::by_rows(
            "object: deleted",
            |scene| scene.sql(&["DELETE FROM object WHERE body ->> 'first_seq' = 58000"]),
            &[("state-mismatch", Some(58_000))],
        ),
        Case::by_rows(
            "object: inserted into a batch",
            |scene| {
                scene.sql(&["INSERT INTO object SELECT key || 'x', body FROM object WHERE body ->> 'first_seq' = 58000"]);
            },
            &[("state-mismatch", Some(58_000))],
        ),
        Case::by_rows(
            "object: inserted beside the batches",
            |scene| {
                scene.sql(&["INSERT INTO object SELECT 'x' || key, body FROM object WHERE body ->> 'first_seq' = 58000"]);
            },
            &[("state-mismatch", None)],
        ),
        Case::by_rows(
            "object: swapped",
            |scene| scene.swap("object", "body", ["body ->> 'first_seq' = 1", "body ->> 'first_seq' = 2"]),
            &[("state-mismatch", Some(0))],
        ),
    ]
}

fn pruned() -> Vec<Case> {
    vec![
        Case::by_rows(
            "pruned: changed to hide a deletion",
            |scene| {
                scene.sql(&[
                    "UPDATE pruned SET body = replace(body, '59999', '60000') WHERE key LIKE '%58000'",
                    "DELETE FROM entry WHERE seq = 60000",
                ]);
            },
            &[("entry-missing", Some(60_000)), ("state-mismatch", Some(62_011))],
        ),
        Case::by_rows(
            "pruned: deleted",
            |scene| scene.sql(&["DELETE FROM pruned WHERE key LIKE '%58000'"]),
            &[("entry-missing", Some(58_000)), ("state-mismatch", Some(62_011))],
        ),
        Case::by_rows(
            "pruned: inserted to hide a deletion",
            |scene| {
                scene.sql(&[
                    "INSERT INTO pruned SELECT '00000000000000061000', '{\"batch\":\"b\",\"ranges\":[[61000,61000]]}'",
                    "DELETE FROM entry WHERE seq = 61000",
                ]);
            },
            &[("entry-missing", Some(61_000)), ("state-mismatch", None)],
        ),
        Case::by_rows(
            "pruned: inserted, with ranges beyond all reason",
            |scene| {
                scene.sql(&[
                    "INSERT INTO pruned SELECT 'x', '{\"batch\":\"b\",\"ranges\":[[9,3],[61000,18446744073709551615]]}'",
                    "DELETE FROM entry WHERE seq = 61000",
                ]);
            },
            &[("entry-missing", Some(61_000)), ("state-mismatch", None)],
        ),
        Case::by_rows(
            "pruned: swapped",
            |scene| scene.swap("pruned", "body", ["key LIKE '%00000000'", "key LIKE '%10000'"]),
            &[("state-mismatch", Some(62_003)), ("state-mismatch", Some(62_004))],
        ),
    ]
}

fn tokens() -> Vec<Case> {
    vec![
        Case::by_rows(
            "token: given another role",
            |scene| {
                scene.sql(&["UPDATE token SET body = replace(body, 'auditor', 'super_admin') WHERE body ->> 'name' = 'one'"]);
            },
            &[("state-mismatch", Some(62_012))],
        ),
        Case::by_rows(
            "token: deleted",
            |scene| scene.sql(&["DELETE FROM token WHERE body ->> 'name' = 'two'"]),
            &[("state-mismatch", Some(62_013))],
        ),
        Case::by_rows(
            "token: inserted",
            |scene| {
                scene.sql(&["INSERT INTO token SELECT 'x', body FROM token WHERE body ->> 'name' = 'one'"]);
            },
            &[("state-mismatch", None)],
        ),
        Case::by_rows(
            "token: swapped",
            |scene| scene.swap("token", "body", ["body ->> 'name' = 'one'", "body ->> 'name' = 'two'"]),
            &[("state-mismatch", Some(62_012)), ("state-mismatch", Some(62_013))],
        ),
    ]
}

/// The report of an earlier verification is no evidence: it may be anything.
fn reports() -> Vec<Case> {
    vec![
        Case::by_rows("report: unreadable", |scene| scene.sql(&["UPDATE task_run SET body = '{'"]), &[]),
        Case::by_rows(
            "report: of a longer archive",
            |scene| {
                scene.sql(&["UPDATE task_run SET body = replace(body, ':59999', ':60000')"]);
            },
            &[],
        ),
        Case::by_rows(
            "report: followed past a torn tile",
            |scene| {
                scene.sql(&[
                    "UPDATE tile SET hashes = substr(hashes, 1, 100) WHERE level = 0 AND number = 234",
                ]);
            },
            &[("tile-mismatch", Some(234 * 256))],
        ),
    ]
}
