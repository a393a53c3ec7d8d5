//! Prints how many events a second one core writes, and their average size.

use std::time::Instant;

use traffic::Traffic;

const EVENTS: u32 = 1_000_000;

#[expect(clippy::print_stdout, reason = "printing is what this program is for")]
fn main() {
    let mut traffic = Traffic::new(1);
    let started = Instant::now();
    let bytes: usize = (0..i64::from(EVENTS)).map(|index| traffic.event(index * 1_000).len()).sum();
    let rate = f64::from(EVENTS) / started.elapsed().as_secs_f64();
    println!("{rate:.0} events/s, {} bytes on average", bytes / EVENTS as usize);
}
