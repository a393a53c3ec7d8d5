use serde::Serialize;

use crate::arguments::Global;
use crate::configuration::Configuration;
use crate::creation::{self, NewLedger};
use crate::failure::{Exit, Failure};
use crate::output::Output;

#[derive(Serialize)]
struct Made<'a> {
    data: String,
    settings: String,
    origin: &'a str,
    vkey: &'a str,
    token: &'a str,
}

/// Makes a data directory and prints the first token, once.
pub(super) async fn run(global: &Global) -> Result<Exit, Failure> {
    let configuration = Configuration::load(global, Vec::new())?;
    let made = creation::create(&configuration, || Configuration::load(global, Vec::new())).await?;
    print(global, &configuration, &made)?;
    made.handed_over()?.close().await?;
    Ok(Exit::Done)
}

/// Prints what only now can be seen. A token that nobody read would lock everybody out, so a closed pipe is a failure:
/// the directory stays unfinished, and the next `init` shows a token of its own.
pub(super) fn print(global: &Global, configuration: &Configuration, made: &NewLedger) -> Result<(), Failure> {
    let not_shown = |failure: Failure| failure.after("the token was not shown: run strongroom init again");
    let mut output = Output::new();
    let shown = if global.json {
        let directory = &configuration.directory;
        output.json(&Made {
            data: directory.root().display().to_string(),
            settings: directory.settings_file().display().to_string(),
            origin: &made.identity.origin,
            vkey: made.vkey(),
            token: &made.token.token,
        })
    } else {
        output.text(&text(configuration, made))
    };
    shown.and_then(|()| output.flush()).map_err(not_shown)
}

fn text(configuration: &Configuration, made: &NewLedger) -> String {
    let directory = &configuration.directory;
    format!(
        "\
Made a ledger in {data}

origin    {origin}
vkey      {vkey}
token     {token}

The token is a super_admin's and is not shown again: keep it where you keep secrets.
The vkey checks archives and proofs: give it to whoever audits you.

Next:
  {settings}   settings, with comments
  strongroom serve             take events over HTTP
  strongroom append FILE       append events from a file, one JSON object a line
",
        data = directory.root().display(),
        origin = made.identity.origin,
        vkey = made.vkey(),
        token = made.token.token,
        settings = directory.settings_file().display(),
    )
}
