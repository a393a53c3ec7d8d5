use std::fmt::Write;
use std::fs;
use std::path::Path;

use archive::{ArchiveReport, Destination, Identity};
use merkle::{CompactRange, KeyRing};

use crate::arguments::{Global, VerifyArguments};
use crate::failure::{Exit, Failure};
use crate::output::{Output, bytes, counted, grouped};
use crate::progress::Bar;
use crate::verification_state::StateFile;

/// Checks an archive from its files and a public key: no ledger, no settings, no server.
pub(super) async fn run(global: &Global, arguments: &VerifyArguments, url: &str) -> Result<Exit, Failure> {
    let keys = key_ring(arguments.key.as_deref().unwrap_or_default())?;
    let checkpoint = match &arguments.checkpoint {
        Some(path) => Some(read(path)?),
        None => None,
    };
    let url = absolute(url)?;
    let mut destination = Destination::open("archive", &url)
        .map_err(|error| Failure::caused(format!("cannot open the archive {url}"), error))?;
    if let Some(file) = &arguments.identity {
        let identity =
            Identity::read_file(file).map_err(|error| Failure::caused("--identity cannot be used", error))?;
        destination = destination.with_identity(identity);
    }
    let mut options = archive::VerifyOptions {
        checkpoint,
        expect_archived: arguments.expect_archived,
        ..archive::VerifyOptions::default()
    };
    let state = arguments.state.as_deref().map(|path| StateFile::new(path, &url, &keys)).transpose()?;
    if let Some(state) = &state {
        state.resume(&mut options, arguments.identity.is_some())?;
    }
    let watch = Watch { bar: Bar::new(global), state };
    engine::Progress::begin(&watch.bar, "reading manifests", None);
    let result = archive::verify(&destination, &keys, &options, &watch).await;
    engine::Progress::end(&watch.bar);
    let report = result.map_err(|error| Failure::caused("the archive could not be checked", error))?;
    if let Some(failure) = watch.state.as_ref().and_then(StateFile::failure) {
        tracing::warn!("how far the archive is proven could not be kept: {failure}");
    }

    let mut output = Output::new();
    let printed = if global.json { output.json(&report) } else { output.text(&text(&report)) };
    let exit = exit(&report);
    match printed.and_then(|()| output.flush()) {
        // Whoever closed the pipe still gets the result by the exit code.
        Err(failure) if !failure.is_silent() => Err(failure),
        _ => Ok(exit),
    }
}

/// Entries that were not read are no finding, and no pass either: the check did not come to its end.
fn exit(report: &ArchiveReport) -> Exit {
    match (report.ok, report.problems.is_empty()) {
        (true, _) => Exit::Done,
        (false, true) => Exit::CouldNotRun,
        (false, false) => Exit::Found,
    }
}

/// Draws how far it is, and keeps it where a state is asked for.
struct Watch {
    bar: Bar,
    state: Option<StateFile>,
}

impl archive::Progress for Watch {
    fn total(&self, entries: u64, bytes: u64) {
        self.bar.begin_bytes("verifying entries", entries, bytes);
    }

    fn object(&self, bytes: u64, entries: u64) {
        self.bar.advance_bytes(entries, bytes);
    }

    fn reached(&self, range: &CompactRange, unread: u64) {
        if let Some(state) = &self.state {
            state.keep(range, unread);
        }
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
    if report.resumed_from > 0 {
        let from = grouped(report.resumed_from);
        let _ = writeln!(text, "went on from tree size {from}: what is before it was proven earlier");
    }
    if report.unread > 0 {
        let unread = counted(report.unread, "entry is", "entries are");
        let _ = writeln!(text, "not checked: {unread} encrypted; give --identity FILE to read them");
    }
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
