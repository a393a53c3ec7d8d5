use std::fmt::Write;

use engine::{ExpiredEntry, ShownEntry};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::arguments::{Global, ShowArguments};
use crate::configuration::Configuration;
use crate::failure::{Exit, Failure};
use crate::ledger_access::open_for_reading;
use crate::output::{Output, grouped};

#[derive(Serialize)]
struct Shown<'a> {
    seq: u64,
    entry: Option<&'a RawValue>,
    leaf_hash: &'a str,
    signed_size: Option<u64>,
    tiers: &'a [&'static str],
    batch: Option<&'a str>,
    object: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expired: Option<&'a ExpiredEntry>,
}

/// Prints one entry, whether a checkpoint covers it, and where it lives.
pub(super) async fn run(global: &Global, arguments: &ShowArguments) -> Result<Exit, Failure> {
    let configuration = Configuration::load(global, Vec::new())?;
    let ledger = open_for_reading(&configuration).await?;
    let Some(shown) = ledger.show(arguments.seq).await? else {
        return Err(Failure::new(format!("there is no entry {}", arguments.seq))
            .hint(format!("the ledger holds {} entries, from 0", grouped(ledger.tree_size()))));
    };
    let mut output = Output::new();
    if global.json {
        output.json(&as_json(&shown)?)?;
    } else {
        output.text(&as_text(&shown))?;
    }
    output.flush()?;
    Ok(Exit::Done)
}

fn as_json(shown: &ShownEntry) -> Result<Shown<'_>, Failure> {
    let unreadable = |error| {
        Failure::caused(format!("the line of entry {} is not JSON", shown.seq), error)
            .hint("run strongroom verify")
    };
    Ok(Shown {
        seq: shown.seq,
        entry: match shown.line.as_slice() {
            [] => None,
            line => Some(serde_json::from_slice(line).map_err(unreadable)?),
        },
        leaf_hash: &shown.leaf_hash,
        signed_size: shown.signed_size,
        tiers: &shown.tiers,
        batch: shown.batch.as_deref(),
        object: shown.object.as_deref(),
        expired: shown.expired.as_ref(),
    })
}

fn as_text(shown: &ShownEntry) -> String {
    let signed = match shown.signed_size {
        Some(size) => format!("by the checkpoint of size {}", grouped(size)),
        None => "not yet".to_owned(),
    };
    let mut text = format!(
        "seq      {}\nleaf     {}\nsigned   {signed}\ntiers    {}\n",
        shown.seq,
        shown.leaf_hash,
        shown.tiers.join(", ")
    );
    let places = [("batch", &shown.batch), ("object", &shown.object)];
    for (name, place) in places {
        if let Some(place) = place {
            let _ = writeln!(text, "{name:<9}{place}");
        }
    }
    if let Some(expired) = &shown.expired {
        let _ = writeln!(text, "expired  {}, with the object {}", expired.expired_at, expired.object);
        let _ = writeln!(text, "note     {}", expired.note);
    } else if shown.line.is_empty() {
        text.push_str(
            "\nThe entry was discarded: its destination was null:, and its hash is all that is left.\n",
        );
    } else {
        let _ = writeln!(text, "\n{}", String::from_utf8_lossy(&shown.line));
    }
    text
}
