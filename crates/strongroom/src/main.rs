//! The strongroom binary: one short function a subcommand.
fn main() {}
