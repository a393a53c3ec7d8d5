use crate::arguments::{Global, ServeArguments};
use crate::configuration::Configuration;
use crate::creation;
use crate::data_directory::DirectoryState;
use crate::failure::{Exit, Failure};
use crate::ledger_access::{OpenEngine, prove};
use crate::logging;
use crate::output::Output;
use crate::serving::{self, Reloads, StopSignals};

use server::{MetricsAccess, Options, Tls};
use settings::{Flag, Metrics};

/// Serves HTTP until it is told to stop.
pub(super) async fn run(global: &Global, arguments: &ServeArguments) -> Result<Exit, Failure> {
    let load = || Configuration::load(global, listen_flag(arguments));
    let configuration = load()?;
    logging::start_server(global, configuration.settings.log);
    // What is wrong with certificate and key is told before a data directory is made, too.
    let tls = tls(&configuration.settings.server)?;
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
    prove(open.engine.ledger()).await?;
    let address =
        listener.local_addr().map_err(|error| Failure::caused("the listener has no address", error))?;
    // Before anybody is told that it runs: from then on a signal has to find its handler.
    let signals = StopSignals::listen()?;
    let reloads = Reloads::listen(tls.clone())?;
    let listening = format!("{}://{address}", if tls.is_some() { "https" } else { "http" });
    let mut output = Output::new();
    if global.json {
        output.json(&serde_json::json!({ "listening": listening }))?;
    } else {
        output.line(format!("Listening on {listening}"))?;
    }
    output.flush()?;
    tracing::info!(listening, version = env!("CARGO_PKG_VERSION"), "started");
    let options = Options {
        tls,
        metrics: match configuration.settings.server.metrics {
            Metrics::Token => MetricsAccess::Token,
            Metrics::Open => MetricsAccess::Open,
            Metrics::Off => MetricsAccess::Off,
        },
        data_directory: Some(configuration.directory.root().to_owned()),
        ..Options::default()
    };
    serving::serve_until_told(open, listener, options, signals, Some(reloads)).await?;
    Ok(Exit::Done)
}

fn tls(settings: &settings::Server) -> Result<Option<Tls>, Failure> {
    let Some(files) = &settings.tls else { return Ok(None) };
    let loaded = Tls::load(&files.cert, &files.key).map_err(|error| {
        Failure::caused("TLS cannot be served", error).hint(
            "the settings are server.tls_cert and server.tls_key; without both the server speaks plain HTTP",
        )
    })?;
    Ok(Some(loaded))
}

fn listen_flag(arguments: &ServeArguments) -> Vec<Flag> {
    let flag = |listen| Flag { flag: "--listen", key: "server.listen", value: format!("{listen}") };
    arguments.listen.iter().map(flag).collect()
}
