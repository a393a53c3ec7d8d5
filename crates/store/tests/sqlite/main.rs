//! What only the SQLite backend promises: its files, and what a crash or another program can do to them.

mod failing;
mod files;
mod guards;
mod opening;
mod reading;
mod survival;
mod upkeep;
