//! Search: the hot window, the archive, and both as one.

mod cold;
mod damaged;
mod hot;
mod sample;
