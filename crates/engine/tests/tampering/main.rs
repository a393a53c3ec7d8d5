//! What an attacker with the database file can do, and what verification says about it.
//!
//! One ledger is built; each case copies its directory, changes the copy by SQL (the triggers are dropped first, as an
//! attacker would), and holds the exact set of findings against what the change is.

mod archive_files;
mod case;
mod checkpoints;
mod entries;
mod head;
mod index;
mod keys;
mod rewriting;
mod sample;
mod schema;
mod state;
mod term_filters;
mod tiles;

use std::sync::Arc;

use case::{Case, run_all};
use sample::Sample;

#[tokio::test(flavor = "multi_thread")]
async fn every_change_behind_the_ledgers_back_is_found_for_what_it_is_and_where() {
    let sample = Arc::new(Sample::build().await);
    let untouched = [
        Case { name: "untouched", full: false, tamper: |_| {}, problems: &[], warnings: &[] },
        Case { name: "untouched, full", full: true, tamper: |_| {}, problems: &[], warnings: &[] },
    ];
    let cases = untouched
        .into_iter()
        .chain(entries::cases())
        .chain(head::cases())
        .chain(tiles::cases())
        .chain(checkpoints::cases())
        .chain(state::cases())
        .chain(index::cases())
        .chain(keys::cases())
        .chain(term_filters::cases())
        .chain(archive_files::cases())
        .chain(rewriting::cases());
    run_all(sample, cases.collect()).await;
}
