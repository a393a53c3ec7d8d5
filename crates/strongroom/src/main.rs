//! The strongroom binary: one short function a subcommand, printing and exit codes.
//!
//! Deliberately absent: what a ledger is and does (the engine's), HTTP (the server's), formats (event, merkle, archive)
//! and settings' meaning (settings). Nothing here decides about evidence.

mod append;
mod arguments;
mod commands;
mod configuration;
mod creation;
mod data_directory;
mod demo;
mod failure;
mod ledger_access;
mod lines;
mod logging;
mod operator;
mod output;
mod progress;
mod serving;

use std::io::{Write, stderr};
use std::process::ExitCode;

use clap::Parser;

use arguments::Arguments;
use failure::{Exit, Failure};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    logging::start(&arguments.global);
    let exit = match run(&arguments) {
        Ok(exit) => exit,
        Err(failure) => {
            if !failure.is_silent() {
                let _ = writeln!(stderr(), "{failure}");
            }
            failure.exit()
        }
    };
    ExitCode::from(exit as u8)
}

fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::caused("cannot start the runtime", error))?;
    let result = runtime.block_on(commands::run(arguments));
    // A thread that still waits for input must not keep the process.
    runtime.shutdown_background();
    result
}
