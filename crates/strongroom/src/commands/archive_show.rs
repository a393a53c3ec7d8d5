use std::fmt::Write;

use engine::BatchDetail;

use crate::arguments::{ArchiveShowArguments, Global};
use crate::configuration::Configuration;
use crate::failure::{Exit, Failure};
use crate::ledger_access::open_for_reading;
use crate::output::{Output, bytes, counted, grouped};

/// Shows one batch, and whether each destination still has its manifest.
pub(super) async fn run(global: &Global, arguments: &ArchiveShowArguments) -> Result<Exit, Failure> {
    let configuration = Configuration::load(global, Vec::new())?;
    let ledger = open_for_reading(&configuration).await?;
    let detail = ledger.batch(&arguments.batch).await?.ok_or_else(|| {
        Failure::new(format!("there is no batch {}", arguments.batch))
            .hint("strongroom archive list prints the ids")
    })?;
    let mut output = Output::new();
    if global.json {
        output.json(&detail)?;
    } else {
        output.text(&text(&detail))?;
    }
    output.flush()?;
    Ok(if detail.is_ok() { Exit::Done } else { Exit::Found })
}

fn text(detail: &BatchDetail) -> String {
    let summary = &detail.summary;
    let mut text = format!(
        "\
batch     {}
state     {}
entries   {} to {} ({})
planned   {}
archived  {}
bytes     {} ({} as lines)
manifest  {}
sha256    {}
",
        summary.batch,
        summary.state,
        grouped(summary.first_seq),
        grouped(summary.last_seq),
        counted(summary.entries, "entry", "entries"),
        detail.created_at,
        summary.archived_at.map_or_else(|| "not yet".to_owned(), |at| at.to_string()),
        bytes(summary.bytes),
        bytes(summary.bytes_uncompressed),
        summary.manifest_key.as_deref().unwrap_or("-"),
        summary.manifest_sha256.as_deref().unwrap_or("-"),
    );
    for manifest in &detail.manifests {
        let found = manifest.problem.as_deref().unwrap_or("has this manifest");
        let _ = writeln!(text, "at        {}: {found}", manifest.destination);
    }
    for object in &detail.objects_listed {
        let entries = counted(object.entries, "entry", "entries");
        let _ = writeln!(text, "object    {}  {entries}  {}", object.key, bytes(object.bytes));
    }
    text
}
