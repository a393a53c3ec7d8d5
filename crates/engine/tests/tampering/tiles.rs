//! The tree's tiles: 68,000 signed entries are 265 full tiles and one of 160 hashes, a full tile of level 1 and one of
//! 9 hashes, and one hash at level 2.

use rusqlite::params;

use crate::case::Case;
use crate::sample::Scene;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = changed();
    cases.extend(moved());
    cases
}

/// Flips a byte of the hash at this place.
fn flip(scene: &Scene, level: u8, number: u64, hash: usize) {
    let connection = scene.database();
    let select = "SELECT hashes FROM tile WHERE level = ?1 AND number = ?2";
    let mut hashes: Vec<u8> =
        connection.query_row(select, params![level, number as i64], |row| row.get(0)).unwrap();
    hashes[hash * 32] ^= 1;
    let update = "UPDATE tile SET hashes = ?3 WHERE level = ?1 AND number = ?2";
    assert_eq!(connection.execute(update, params![level, number as i64, hashes]).unwrap(), 1);
}

fn changed() -> Vec<Case> {
    vec![
        Case::by_rows(
            "a leaf whose line is hot",
            |scene| flip(scene, 0, 240, 7),
            &[("tile-mismatch", Some(240 * 256))],
        ),
        Case::by_rows(
            "a leaf whose line is pruned",
            |scene| flip(scene, 0, 10, 7),
            &[("tile-mismatch", Some(10 * 256))],
        ),
        Case::by_rows(
            "a leaf in the partial tile at the end",
            |scene| flip(scene, 0, 265, 7),
            &[("tile-mismatch", Some(265 * 256))],
        ),
        Case::by_rows(
            "a node over hot lines",
            |scene| flip(scene, 1, 0, 240),
            &[("tile-mismatch", Some(240 * 256))],
        ),
        Case {
            // What an earlier verification proved can no longer be derived from the tiles.
            warnings: &[("state-unchecked", None)],
            ..Case::by_rows(
                "a node over pruned lines",
                |scene| flip(scene, 1, 0, 10),
                &[("root-mismatch", Some(58_000)), ("tile-mismatch", Some(10 * 256))],
            )
        },
        Case::by_rows(
            "a node in a partial tile",
            |scene| flip(scene, 1, 1, 8),
            &[("tile-mismatch", Some(264 * 256))],
        ),
        Case::by_rows("the top", |scene| flip(scene, 2, 0, 0), &[("tile-mismatch", Some(0))]),
    ]
}

fn moved() -> Vec<Case> {
    vec![
        Case::by_rows(
            "a tile of hot lines deleted",
            |scene| scene.sql(&["DELETE FROM tile WHERE level = 0 AND number = 240"]),
            &[("tile-mismatch", Some(240 * 256))],
        ),
        Case::by_rows(
            "a tile of pruned lines deleted",
            |scene| scene.sql(&["DELETE FROM tile WHERE level = 0 AND number = 10"]),
            &[("tile-mismatch", Some(10 * 256))],
        ),
        Case::by_rows(
            "the partial tile deleted",
            |scene| scene.sql(&["DELETE FROM tile WHERE level = 0 AND number = 265"]),
            &[("tile-mismatch", Some(265 * 256))],
        ),
        Case::by_rows(
            "a full tile of level 1 deleted",
            |scene| scene.sql(&["DELETE FROM tile WHERE level = 1 AND number = 0"]),
            &[("tile-mismatch", Some(0))],
        ),
        Case::by_rows(
            "a tile past the end",
            |scene| {
                scene.sql(&[
                    "INSERT INTO tile SELECT 0, 266, hashes FROM tile WHERE level = 0 AND number = 0",
                ]);
            },
            &[("tile-mismatch", Some(266 * 256))],
        ),
        Case::by_rows(
            "a tile of a level that is not there yet",
            |scene| {
                scene.sql(&["INSERT INTO tile SELECT 3, 0, hashes FROM tile WHERE level = 2 AND number = 0"]);
            },
            &[("tile-mismatch", Some(0))],
        ),
        Case::by_rows(
            "the partial tile wider than what is signed",
            |scene| {
                scene.sql(&["UPDATE tile SET hashes = CAST(hashes || zeroblob(32) AS BLOB) WHERE level = 0 AND number = 265"]);
            },
            &[("tile-mismatch", Some(265 * 256))],
        ),
        Case::by_rows(
            "a partial tile of level 1 wider than what is signed",
            |scene| {
                scene.sql(&["UPDATE tile SET hashes = CAST(hashes || zeroblob(32) AS BLOB) WHERE level = 1 AND number = 1"]);
            },
            &[("tile-mismatch", Some(265 * 256))],
        ),
        Case::by_rows(
            "a torn tile",
            |scene| {
                scene.sql(&[
                    "UPDATE tile SET hashes = substr(hashes, 1, 100) WHERE level = 0 AND number = 240",
                ]);
            },
            &[("tile-mismatch", Some(240 * 256))],
        ),
        Case::by_rows(
            "two tiles of hot lines swapped",
            |scene| {
                scene.swap("tile", "hashes", ["level = 0 AND number = 240", "level = 0 AND number = 245"]);
            },
            &[("tile-mismatch", Some(240 * 256)), ("tile-mismatch", Some(245 * 256))],
        ),
    ]
}
