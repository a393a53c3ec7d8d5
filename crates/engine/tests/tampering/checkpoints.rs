//! The stored checkpoint, and the file beside the store.

use std::fs;

use rusqlite::params;

use crate::case::Case;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = stored();
    cases.extend(beside());
    cases
}

fn stored() -> Vec<Case> {
    vec![
        Case::by_rows(
            "deleted",
            |scene| scene.sql(&["DELETE FROM checkpoint"]),
            &[("checkpoint-signature-invalid", None)],
        ),
        Case {
            warnings: &[("checkpoint-file-missing", None)],
            ..Case::by_rows(
                "deleted, with the file",
                |scene| {
                    scene.sql(&["DELETE FROM checkpoint"]);
                    fs::remove_file(scene.checkpoint_file()).unwrap();
                },
                &[("checkpoint-signature-invalid", None)],
            )
        },
        Case::by_rows(
            "another size",
            |scene| scene.sql(&["UPDATE checkpoint SET size = size + 1"]),
            &[("checkpoint-signature-invalid", None)],
        ),
        Case::by_rows(
            "another size in the note too",
            |scene| {
                scene.sql(&["UPDATE checkpoint SET size = size + 1, note = replace(note, '68000', '68001')"]);
            },
            &[("checkpoint-signature-invalid", None)],
        ),
        Case::by_rows(
            "a forged one for more entries beside it",
            |scene| {
                scene.sql(&[
                    "INSERT INTO checkpoint SELECT 68300, replace(note, '68000', '68300') FROM checkpoint",
                ]);
            },
            &[("checkpoint-signature-invalid", None)],
        ),
        Case::by_rows(
            "an older one put back",
            |scene| {
                let connection = scene.database();
                let update = "UPDATE checkpoint SET size = 62001, note = ?1";
                assert_eq!(connection.execute(update, params![scene.older_note]).unwrap(), 1);
            },
            &[
                ("tile-mismatch", Some(0)),
                ("tile-mismatch", Some(242 * 256)),
                ("tile-mismatch", Some(243 * 256)),
                ("tile-mismatch", Some(65_536)),
            ],
        ),
    ]
}

fn beside() -> Vec<Case> {
    let warned = |name, tamper, warnings| Case { warnings, ..Case::by_rows(name, tamper, &[]) };
    vec![
        warned(
            "the file deleted",
            |scene| fs::remove_file(scene.checkpoint_file()).unwrap(),
            &[("checkpoint-file-missing", None)],
        ),
        warned(
            "the file older than the store",
            |scene| fs::write(scene.checkpoint_file(), &scene.older_note).unwrap(),
            &[("checkpoint-file-older", Some(62_001))],
        ),
        Case::by_rows(
            "the file corrupted",
            |scene| {
                let note = fs::read_to_string(scene.checkpoint_file()).unwrap();
                fs::write(scene.checkpoint_file(), note.replace("68000", "68001")).unwrap();
            },
            &[("checkpoint-signature-invalid", None)],
        ),
        Case::by_rows(
            "the file no text",
            |scene| fs::write(scene.checkpoint_file(), [0xff, 0xfe]).unwrap(),
            &[("checkpoint-signature-invalid", None)],
        ),
    ]
}
