//! Repository tasks: test, tidy, bench.
fn main() {}
