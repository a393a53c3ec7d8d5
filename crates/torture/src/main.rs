//! stub to be replaced
fn main() {
    let seed: u64 = std::env::args().nth(1).and_then(|s| s.parse().ok()).unwrap_or(1);
    let n: u64 = std::env::args().nth(2).and_then(|s| s.parse().ok()).unwrap_or(100);
    let c = torture::Campaign { seed, schedules: n, until: None, threads: 1, findings_max: 5 };
    let t = std::time::Instant::now();
    let (tally, failed) = c.run(|_| {});
    println!("{tally}{:?}", t.elapsed());
    for f in failed { println!("SEED {}: {}", f.seed, f.finding); }
}
