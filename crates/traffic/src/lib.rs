//! Seeded, realistic audit traffic for the demo, the tests and the benchmarks.
