//! The load generator as a program; what it does and leaves out stands at the top of the library.

mod arguments;

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use arguments::Arguments;
use clap::Parser as _;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(unknown) => ExitCode::from(u8::from(unknown > 0)),
        Err(failure) => {
            let mut text = failure.to_string();
            let mut source = failure.source();
            while let Some(cause) = source {
                text = format!("{text}: {cause}");
                source = cause.source();
            }
            // Nothing is left to do where standard error is closed too.
            let _ = writeln!(std::io::stderr(), "error: {text}");
            ExitCode::from(2)
        }
    }
}

/// Prints what was found; the number of events whose fate is unknown.
fn run(arguments: Arguments) -> Result<u64, Box<dyn Error>> {
    let json = arguments.json;
    // Any number that the last run did not have.
    let clock_seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64;
    let outcome = arguments.load(clock_seed).run()?;
    let text = if json { serde_json::to_string(&outcome)? + "\n" } else { outcome.to_string() };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(outcome.unknown)
}
