//! Maps foreign records from standard input, one a line, to events on standard output: for writing a mapping, and for
//! renewing the golden files. Usage: `cargo run -p mapping --example map -- NAME|FILE < records.jsonl > events.jsonl`

use std::io::{BufRead, Write};
use std::process::ExitCode;

use mapping::Mapping;

fn run(name: &str) -> Result<(), String> {
    let mapping = if let Some(mapping) = Mapping::built_in(name) {
        mapping
    } else {
        let text = std::fs::read_to_string(name).map_err(|error| format!("{name}: {error}"))?;
        Mapping::parse(&text).map_err(|error| format!("{name}: {error}"))?
    };
    let mut out = std::io::stdout().lock();
    for (index, line) in std::io::stdin().lock().split(b'\n').enumerate() {
        let line = line.map_err(|error| error.to_string())?;
        let mapped = mapping.map(&line, None).map_err(|error| format!("line {}: {error}", index + 1))?;
        out.write_all(&mapped.event)
            .and_then(|()| out.write_all(b"\n"))
            .map_err(|error| error.to_string())?;
    }
    Ok(())
}

#[expect(clippy::print_stderr, reason = "an example has no other place for its error")]
fn main() -> ExitCode {
    let result = std::env::args()
        .nth(1)
        .ok_or_else(|| "name a mapping or a file".to_owned())
        .and_then(|name| run(&name));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}
