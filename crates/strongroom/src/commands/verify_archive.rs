use std::fmt::Write;
use std::fs;
use std::path::Path;

use archive::{ArchiveReport, Destination};
use merkle::KeyRing;

use crate::arguments::{Global, VerifyArguments};
use crate::failure::{Exit, Failure};
use crate::output::{Output, bytes, counted, grouped};
use crate::progress::Bar;

/// Checks an archive from its files and a public key: no ledger, no settings, no server.
pub(super) async fn run(global: &Global, arguments: &VerifyArguments, url: &str) -> Result<Exit, Failure> {
    let keys = key_ring(arguments.key.as_deref().unwrap_or_default())?;
    let checkpoint = match &arguments.checkpoint {
        Some(path) => Some(read(path)?),
        None => None,
    };
    let destination = Destination::open("archive", &absolute(url)?)
        .map_err(|error| Failure::caused(format!("cannot open the archive {url}"), error))?;
    let options = archive::VerifyOptions {
        checkpoint,
        expect_archived: arguments.expect_archived,
        ..archive::VerifyOptions::default()
    };
    let bar = Bar::new(global);
    engine::Progress::begin(&bar, "verifying entries", None);
    let result = archive::verify(&destination, &keys, &options, &bar).await;
    engine::Progress::end(&bar);
    let report = result.map_err(|error| Failure::caused("the archive could not be checked", error))?;

    let mut output = Output::new();
    let printed = if global.json { output.json(&report) } else { output.text(&text(&report)) };
    let exit = if report.ok { Exit::Done } else { Exit::Found };
    match printed.and_then(|()| output.flush()) {
        // Whoever closed the pipe still gets the result by the exit code.
        Err(failure) if !failure.is_silent() => Err(failure),
        _ => Ok(exit),
    }
}

/// A vkey, or a file of them. A file named like a vkey is a file.
fn key_ring(key: &str) -> Result<KeyRing, Failure> {
    let path = Path::new(key);
    let text = if path.is_file() {
        String::from_utf8(read(path)?)
            .map_err(|error| Failure::caused(format!("{key} is not a file of keys"), error))?
    } else {
        key.to_owned()
    };
    KeyRing::parse(&text).map_err(|error| {
        Failure::caused(format!("--key {key} is neither a verifier key nor a file of them"), error)
            .hint("strongroom key show prints a ledger's vkey: <origin>+<8 hex digits>+<base64>")
    })
}

/// A path may be relative to where one stands; a URL never is.
fn absolute(url: &str) -> Result<String, Failure> {
    if url.contains("://") {
        return Ok(url.to_owned());
    }
    let path = url.strip_prefix("file:").unwrap_or(url);
    let path = std::path::absolute(path)
        .map_err(|error| Failure::caused(format!("{url} is no path of an archive"), error))?;
    path.into_os_string().into_string().map_err(|_| Failure::new("the archive's path is not UTF-8"))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| Failure::caused(format!("cannot read {}", path.display()), error))
}

fn text(report: &ArchiveReport) -> String {
    let mut text = format!(
        "{} in {} and {} ({}, {} as lines)\n",
        counted(report.entries, "entry", "entries"),
        counted(report.objects, "object", "objects"),
        counted(report.batches, "batch", "batches"),
        bytes(report.bytes),
        bytes(report.bytes_uncompressed),
    );
    if report.expired > 0 {
        let _ =
            writeln!(text, "{} expired, proven by signed notes", counted(report.expired, "entry", "entries"));
    }
    if let Some(size) = report.checkpoint_size {
        let _ = writeln!(text, "checkpoint of size {}, {} covered", grouped(size), grouped(report.covered));
    }
    for warning in &report.warnings {
        let _ = writeln!(text, "warning: {warning}");
    }
    for problem in &report.problems {
        let _ = writeln!(text, "problem: {problem}");
    }
    let _ = writeln!(text, "{}", report.complete_up_to);
    text
}
