//! Schedules of faults, power cuts and ends of processes, from seeds.

use torture::{Campaign, Tally, run_schedule};

/// Seeds that found something once, with what it was.
const FOUND: [(u64, &str); 2] = [
    (
        1_707,
        "the power went while a WAL whose sync had failed was copied: pruned entries were back, receipts gone",
    ),
    (6_307, "the same, over the ledger's first commit: there was no ledger any more"),
];

#[test]
fn what_a_seed_once_found_stays_found_and_mended() {
    for (seed, what) in FOUND {
        run_schedule(seed, &mut Tally::default())
            .unwrap_or_else(|finding| panic!("seed {seed} ({what}): {finding}"));
    }
}

#[test]
fn a1_k3_nothing_acknowledged_is_lost_or_doubled_whatever_fails() {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let campaign = Campaign { seed: 1, schedules: 300, until: None, threads, findings_max: 3 };
    let (tally, failed) = campaign.run(|_| {});
    assert!(failed.is_empty(), "{failed:#?}");
    // It is not for lack of trouble.
    assert_eq!(tally.schedules, 300);
    assert!(tally.lives > 450 && tally.acknowledged > 30_000, "{tally}");
    let kinds = ["disk: Sync", "disk: Write", "disk: Read", "store: Commit", "end: Sudden(PowerCut)"];
    for kind in kinds {
        let times: u64 =
            tally.struck.iter().filter(|(what, _)| what.starts_with(kind)).map(|(_, times)| times).sum();
        assert!(times > 50, "{kind}: {times}\n{tally}");
    }
}
