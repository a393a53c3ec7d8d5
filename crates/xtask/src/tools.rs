//! The tools that `test` needs beside the Rust toolchain, pinned, and kept under the target directory once installed.

pub(crate) mod deny;
pub(crate) mod python;
pub(crate) mod testservers;
