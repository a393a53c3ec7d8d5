//! The search index: a doctored one hides evidence. Segment 0 is sealed; its entries from 60,000 on are hot and all of
//! one stream, so field 0 has one term, 4,086 entries a block.

use rusqlite::params;

use crate::case::Case;
use crate::sample::Scene;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = segments();
    cases.extend(segments_moved());
    cases.extend(postings());
    cases.extend(postings_moved());
    cases
}

const AT_0: &[(&str, Option<u64>)] = &[("index-mismatch", Some(0))];
const AT_1: &[(&str, Option<u64>)] = &[("index-mismatch", Some(65_536))];

fn segments() -> Vec<Case> {
    vec![
        Case::by_full("segment: root", |scene| scene.sql(&["UPDATE segment SET root = zeroblob(32)"]), AT_0),
        Case::by_full("segment: entries", |scene| scene.sql(&["UPDATE segment SET entries = 65535"]), AT_0),
        Case::by_full(
            "segment: first_recorded_at",
            |scene| scene.sql(&["UPDATE segment SET first_recorded_at = last_recorded_at"]),
            AT_0,
        ),
        Case::by_full(
            "segment: last_recorded_at",
            |scene| scene.sql(&["UPDATE segment SET last_recorded_at = first_recorded_at"]),
            AT_0,
        ),
        Case::by_full(
            "segment: min_occurred_at",
            |scene| scene.sql(&["UPDATE segment SET min_occurred_at = max_occurred_at"]),
            AT_0,
        ),
        Case::by_full(
            "segment: max_occurred_at",
            |scene| scene.sql(&["UPDATE segment SET max_occurred_at = min_occurred_at"]),
            AT_0,
        ),
        Case::by_full("segment: state", |scene| scene.sql(&["UPDATE segment SET state = 'dropped'"]), AT_0),
    ]
}

fn segments_moved() -> Vec<Case> {
    vec![
        Case {
            // It is searched as if it had not been sealed yet, which hides nothing.
            warnings: &[("index-unfinished", Some(0))],
            ..Case::by_full("segment: deleted", |scene| scene.sql(&["DELETE FROM segment"]), &[])
        },
        Case::by_full(
            "segment: deleted with its index, as if it had never been sealed",
            |scene| scene.sql(&["DELETE FROM segment", "DELETE FROM posting"]),
            &[],
        ),
        Case::by_full(
            "segment: inserted for entries that are not there yet",
            |scene| {
                scene.sql(&["INSERT INTO segment SELECT 1, 65536, 0, 0, 0, 0, root, 'sealed' FROM segment"]);
            },
            AT_1,
        ),
        Case::by_full(
            "segment: inserted as dropped",
            |scene| {
                scene.sql(&["INSERT INTO segment SELECT 1, 65536, 0, 0, 0, 0, root, 'dropped' FROM segment"]);
            },
            AT_1,
        ),
        Case {
            warnings: &[("index-unfinished", Some(0))],
            ..Case::by_full(
                "segment: moved",
                |scene| scene.sql(&["UPDATE segment SET number = 1"]),
                &[("index-mismatch", Some(0)), ("index-mismatch", Some(65_536))],
            )
        },
        Case::by_full(
            "segment: beyond all reason",
            |scene| {
                scene.sql(&[
                    "INSERT INTO segment SELECT 9223372036854775807, 65536, 0, 0, 0, 0, root, 'sealed' FROM segment",
                    "INSERT INTO segment SELECT -1, 65536, 0, 0, 0, 0, root, 'sealed' FROM segment WHERE number = 0",
                ]);
            },
            &[("index-mismatch", None)],
        ),
    ]
}

fn postings() -> Vec<Case> {
    vec![
        Case::by_full(
            "posting: an offset",
            |scene| flip(scene, 0, 0, 10),
            &[("index-mismatch", Some(0)), ("index-mismatch", Some(60_000))],
        ),
        Case::by_full(
            "posting: a term",
            |scene| flip(scene, 0, 1, 0),
            &[("index-mismatch", Some(0)), ("index-mismatch", Some(64_086))],
        ),
        Case::by_full(
            "posting: torn",
            |scene| {
                scene.sql(&["UPDATE posting SET body = substr(body, 1, 11) WHERE field = 0 AND block = 0"]);
            },
            AT_0,
        ),
        Case::by_full(
            "posting: first_term",
            |scene| {
                scene.sql(&["UPDATE posting SET first_term = first_term + 1 WHERE field = 12 AND block = 3"]);
            },
            AT_0,
        ),
        Case::by_full(
            "posting: field",
            |scene| scene.sql(&["UPDATE posting SET field = 200 WHERE field = 0 AND block = 1"]),
            &[("index-mismatch", Some(64_086))],
        ),
        Case::by_full(
            "posting: swapped in one field",
            |scene| scene.swap("posting", "body", ["field = 0 AND block = 0", "field = 0 AND block = 1"]),
            AT_0,
        ),
    ]
}

fn postings_moved() -> Vec<Case> {
    vec![
        Case::by_full(
            "posting: deleted",
            |scene| scene.sql(&["DELETE FROM posting WHERE field = 0 AND block = 1"]),
            &[("index-mismatch", Some(64_086))],
        ),
        Case::by_full(
            "posting: inserted again",
            |scene| insert(scene, "segment, field, 1000, first_term, body", "field = 0 AND block = 0"),
            &[("index-mismatch", Some(0)), ("index-mismatch", Some(60_000))],
        ),
        Case::by_full(
            "posting: an empty one inserted",
            |scene| insert(scene, "segment, field, 1000, first_term, x''", "field = 0 AND block = 0"),
            AT_0,
        ),
        Case::by_full(
            "posting: inserted in front of the right one",
            // Without offsets, under a term between two: a search would find this block first.
            |scene| {
                let body = "segment, 12, 1000, 5, x'05000000000000000000'";
                insert(scene, body, "field = 0 AND block = 0");
            },
            AT_0,
        ),
        Case {
            warnings: &[("index-unfinished", Some(65_536))],
            ..Case::by_full(
                "posting: left by a sealing that was interrupted",
                |scene| insert(scene, "1, field, block, first_term, body", "field = 0 AND block = 0"),
                &[],
            )
        },
    ]
}

/// Flips a byte of a block's body.
fn flip(scene: &Scene, field: u8, block: u32, at: usize) {
    let connection = scene.database();
    let place = "WHERE segment = 0 AND field = ?1 AND block = ?2";
    let select = format!("SELECT body FROM posting {place}");
    let mut body: Vec<u8> = connection.query_row(&select, params![field, block], |row| row.get(0)).unwrap();
    body[at] ^= 1;
    let update = format!("UPDATE posting SET body = ?3 {place}");
    assert_eq!(connection.execute(&update, params![field, block, body]).unwrap(), 1);
}

fn insert(scene: &Scene, columns: &str, from: &str) {
    scene.sql(&[&format!(
        "INSERT INTO posting SELECT 9000000, {columns} FROM posting WHERE segment = 0 AND {from}"
    )]);
}
