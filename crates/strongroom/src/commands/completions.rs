use clap::CommandFactory;

use crate::arguments::{Arguments, CompletionsArguments};
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// Prints a completion script.
pub(super) fn run(arguments: &CompletionsArguments) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "strongroom", &mut script);
    let mut output = Output::new();
    output.bytes(&script)?;
    output.flush()?;
    Ok(Exit::Done)
}
