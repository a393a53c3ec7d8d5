use crate::arguments::{Global, ServeArguments};
use crate::configuration::Configuration;
use crate::creation;
use crate::data_directory::DirectoryState;
use crate::failure::{Exit, Failure};
use crate::ledger_access::OpenEngine;
use crate::output::Output;
use crate::serving::{self, StopSignals};

use settings::Flag;

/// Serves HTTP until it is told to stop.
pub(super) async fn run(global: &Global, arguments: &ServeArguments) -> Result<Exit, Failure> {
    let load = || Configuration::load(global, listen_flag(arguments));
    let configuration = load()?;
    // An address that is taken is told before a data directory is made for it.
    let listener = serving::bind(configuration.settings.server.listen)?;
    let open = match configuration.directory.state()? {
        DirectoryState::Empty | DirectoryState::Unfinished => {
            let made = creation::create(&configuration, load).await?;
            super::init::print(global, &configuration, &made)?;
            made.handed_over()?
        }
        DirectoryState::Ready | DirectoryState::LedgerGone => OpenEngine::open(&configuration).await?,
    };
    let address =
        listener.local_addr().map_err(|error| Failure::caused("the listener has no address", error))?;
    // Before anybody is told that it runs: from then on a signal has to find its handler.
    let signals = StopSignals::listen()?;
    let mut output = Output::new();
    if global.json {
        output.json(&serde_json::json!({ "listening": format!("http://{address}") }))?;
    } else {
        output.line(format!("Listening on http://{address}"))?;
    }
    output.flush()?;
    serving::serve_until_told(open, listener, signals).await?;
    Ok(Exit::Done)
}

fn listen_flag(arguments: &ServeArguments) -> Vec<Flag> {
    let flag = |listen| Flag { flag: "--listen", key: "server.listen", value: format!("{listen}") };
    arguments.listen.iter().map(flag).collect()
}
