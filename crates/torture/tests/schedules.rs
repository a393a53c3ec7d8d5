//! Schedules of faults, power cuts and ends of processes, from seeds.

use torture::{Campaign, Tally, run_schedule};

/// Seeds that found something once: a modelled disk that answered a failed sync with "disk full", as none does; the
/// combination of faults that `run_schedule` describes (6307, 23372, 23722); the copy that SQLite makes when the last
/// connection is closed, after one that had failed (6087); a store that did not come back, told as if it might (7866).
const FOUND: [u64; 9] = [1_707, 5_560, 5_713, 5_782, 6_087, 6_307, 7_866, 23_372, 23_722];

#[test]
fn what_a_seed_once_found_is_not_found_again() {
    for seed in FOUND {
        for with_known in [false, true] {
            run_schedule(seed, with_known, &mut Tally::default())
                .unwrap_or_else(|finding| panic!("seed {seed}: {finding}"));
        }
    }
}

#[test]
fn a1_k3_nothing_acknowledged_is_lost_or_doubled_whatever_fails() {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let campaign =
        Campaign { seed: 1, with_known: true, schedules: 300, until: None, threads, findings_max: 3 };
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
