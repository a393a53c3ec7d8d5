//! The program as people and scripts use it: the real binary, in directories of its own.

mod append;
mod archive;
mod demo;
mod destinations;
mod doctor;
mod encryption;
mod help;
mod import;
mod init;
mod kill9;
mod lock;
mod receipts;
mod restoring;
mod retention;
mod round_trip;
mod running;
mod search;
mod serve;
mod settings;
mod surface;
mod tamper;
mod token;
mod workplace;
