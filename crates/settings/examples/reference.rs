//! Prints the reference page of the settings, `docs/settings.md`.

use std::io::Write;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(settings::reference_page().as_bytes())
}
