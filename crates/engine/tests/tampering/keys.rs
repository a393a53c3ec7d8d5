//! The dedup keys: one that is missing lets an event in twice, one too many swallows an event.

use crate::case::Case;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = of_hot_entries();
    cases.extend(of_others());
    cases
}

fn of_hot_entries() -> Vec<Case> {
    vec![
        Case::by_full(
            "key: leads to another entry",
            |scene| scene.sql(&["UPDATE event_key SET seq = 61700 WHERE seq = 61000"]),
            &[("index-mismatch", Some(61_000)), ("index-mismatch", Some(61_700))],
        ),
        Case::by_full(
            "key: leads to a pruned entry",
            |scene| scene.sql(&["UPDATE event_key SET seq = 58100 WHERE seq = 61000"]),
            &[("index-mismatch", Some(58_100)), ("index-mismatch", Some(61_000))],
        ),
        Case::by_full(
            "key: other content",
            |scene| scene.sql(&["UPDATE event_key SET content = zeroblob(16) WHERE seq = 61000"]),
            &[("index-mismatch", Some(61_000))],
        ),
        Case::by_full(
            "key: deleted",
            |scene| scene.sql(&["DELETE FROM event_key WHERE seq = 61000"]),
            &[("index-mismatch", Some(61_000))],
        ),
        Case::by_full(
            "key: of an unsigned entry deleted",
            |scene| scene.sql(&["DELETE FROM event_key WHERE seq = 68299"]),
            &[("index-mismatch", Some(68_299))],
        ),
        Case::by_full(
            "key: inserted for a hot entry",
            |scene| {
                scene.sql(&["INSERT INTO event_key SELECT zeroblob(16), 61000, content FROM event_key WHERE seq = 61000"]);
            },
            &[("index-mismatch", Some(61_000))],
        ),
    ]
}

fn of_others() -> Vec<Case> {
    vec![
        Case::by_full(
            "key: inserted for a pruned entry",
            |scene| {
                scene.sql(&[
                    "INSERT INTO event_key SELECT zeroblob(16), 58100, content FROM event_key WHERE seq = 58100",
                ]);
            },
            &[("index-mismatch", Some(58_100))],
        ),
        Case::by_full(
            "key: of a pruned entry with other content",
            |scene| scene.sql(&["UPDATE event_key SET content = zeroblob(16) WHERE seq = 58100"]),
            &[("index-mismatch", Some(58_100))],
        ),
        Case::by_full(
            "key: of a pruned entry deleted, as if its time were up",
            |scene| scene.sql(&["DELETE FROM event_key WHERE seq = 58100"]),
            &[],
        ),
        Case::by_full(
            "key: inserted beyond the end",
            |scene| {
                scene.sql(&["INSERT INTO event_key SELECT zeroblob(16), 70000, content FROM event_key WHERE seq = 58100"]);
            },
            &[("index-mismatch", Some(70_000))],
        ),
        Case::by_full(
            "key: inserted before the beginning",
            |scene| {
                scene.sql(&[
                    "INSERT INTO event_key SELECT zeroblob(16), -1, content FROM event_key WHERE seq = 58100",
                ]);
            },
            &[("index-mismatch", Some(u64::MAX))],
        ),
    ]
}
