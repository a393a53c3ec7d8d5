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
mod destinations;
mod failure;
mod ledger_access;
mod lines;
mod logging;
mod operator;
mod output;
mod progress;
mod serving;
mod verification_state;

use std::io::{Write, stderr};
use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};
use failure::{Exit, Failure};

fn main() -> ExitCode {
    // First of all: whatever speaks TLS takes the provider of the process. Only a second call could fail.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let arguments = Arguments::parse();
    // A server logs as its settings say, and starts logging when it has read them.
    if !matches!(arguments.command, Command::Serve(_)) {
        logging::start(&arguments.global);
    }
    let exit = match run(&arguments) {
        Ok(exit) => exit,
        Err(failure) => {
            if !failure.is_silent() {
                report(&failure);
            }
            failure.exit()
        }
    };
    ExitCode::from(exit as u8)
}

/// Says why it stopped, in the form that everything else on stderr has.
fn report(failure: &Failure) {
    if logging::is_json() {
        tracing::error!(exit_code = failure.exit() as u8, "{failure}");
    } else {
        let _ = writeln!(stderr(), "{failure}");
    }
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
