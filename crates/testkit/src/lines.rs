use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use event::EntryFields;
use flate2::read::MultiGzDecoder;
use store::{EntryScan, Order, Store};

use crate::Finding;

/// Every line of a ledger by its seq: the hot ones from the store, the others from the files of an archive.
///
/// An entry that is in both must be the same in both.
pub async fn ledger_lines(store: &dyn Store, archive: &Path) -> Result<BTreeMap<u64, Vec<u8>>, Finding> {
    let unreadable = |error: &dyn std::error::Error| Finding(format!("the lines cannot be read: {error}"));
    let scan = EntryScan {
        range: 0..i64::MAX.cast_unsigned(),
        order: Order::Ascending,
        rows_max: usize::MAX,
        bytes_max: usize::MAX,
    };
    let hot = store.entries(scan).await.map_err(|error| unreadable(&error))?;
    let mut lines: BTreeMap<u64, Vec<u8>> = hot.into_iter().map(|entry| (entry.seq, entry.line)).collect();
    for line in archived(archive).map_err(|error| unreadable(&error))? {
        let seq = EntryFields::parse(&line).map_err(|error| unreadable(&error))?.seq;
        if let Some(hot) = lines.insert(seq, line)
            && hot != lines[&seq]
        {
            return Err(Finding(format!("entry {seq} is another one in the archive than in the store")));
        }
    }
    Ok(lines)
}

/// The lines in all objects below a directory, which need not exist.
fn archived(archive: &Path) -> std::io::Result<Vec<Vec<u8>>> {
    let mut lines = Vec::new();
    let mut directories = vec![archive.to_owned()];
    while let Some(directory) = directories.pop() {
        if !directory.exists() {
            continue;
        }
        for file in fs::read_dir(directory)? {
            let path = file?.path();
            if path.is_dir() {
                directories.push(path);
            } else if path.to_string_lossy().ends_with(".jsonl.gz") {
                let object = BufReader::new(MultiGzDecoder::new(fs::File::open(path)?));
                for line in object.split(b'\n') {
                    lines.push(line?);
                }
            }
        }
    }
    Ok(lines)
}
