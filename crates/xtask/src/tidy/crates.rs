//! Every crate says at its top what it does, and takes its lints from the workspace.

use super::report::Report;
use super::tree::File;

/// Crates with lints of their own, because the workspace forbids `unsafe` and they implement an interface of C.
const OWN_LINTS: [&str; 1] = ["crates/faultvfs/Cargo.toml"];

pub(super) fn check(file: &File, report: &mut Report) {
    let is_crate_root = matches!(
        file.path.split('/').collect::<Vec<_>>().as_slice(),
        ["crates", _, "src", "lib.rs" | "main.rs"] | ["crates", _, "src", "bin", _]
    );
    if is_crate_root && file.is_rust() && !says_what_it_does(&file.text) {
        report.error(
            "crate-docs",
            &file.path,
            1,
            "must begin with `//!`: what the crate does, and what it leaves out",
        );
    }
    if file.is_crate_manifest()
        && !OWN_LINTS.contains(&file.path.as_str())
        && !takes_lints_from_workspace(&file.text)
    {
        report.error("lints", &file.path, 1, "must have `[lints]` with `workspace = true`");
    }
}

fn says_what_it_does(source: &str) -> bool {
    source
        .lines()
        .find(|line| !line.trim().is_empty())
        .and_then(|line| line.strip_prefix("//!"))
        .is_some_and(|text| !text.trim().is_empty())
}

fn takes_lints_from_workspace(manifest: &str) -> bool {
    let mut section = "";
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
        }
        let setting: String = line.split('#').next().unwrap_or("").split_whitespace().collect();
        if (section == "[lints]" && setting == "workspace=true")
            || (section.is_empty() && setting == "lints.workspace=true")
        {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(path: &str, text: &str) -> usize {
        let mut report = Report::default();
        check(&File { path: path.to_owned(), text: text.to_owned() }, &mut report);
        report.error_count()
    }

    #[test]
    fn a_crate_that_does_not_say_what_it_does_is_caught() {
        assert_eq!(errors("crates/a/src/lib.rs", "mod b;\n"), 1);
        assert_eq!(errors("crates/a/src/main.rs", "// not a doc comment\nfn main() {}\n"), 1);
        assert_eq!(errors("crates/a/src/bin/b.rs", "fn main() {}\n"), 1);
        assert_eq!(errors("crates/a/src/lib.rs", "//!\n"), 1);
        assert_eq!(errors("crates/a/src/lib.rs", ""), 1);
        assert_eq!(errors("crates/a/src/lib.rs", "//! Does b.\nmod b;\n"), 0);
        assert_eq!(errors("crates/a/src/deeper/lib.rs", "mod b;\n"), 0);
    }

    #[test]
    fn a_crate_without_the_house_lints_is_caught() {
        let path = "crates/a/Cargo.toml";
        assert_eq!(errors(path, "[package]\nname = \"a\"\n"), 1);
        assert_eq!(errors(path, "[lints]\n[dependencies]\nworkspace = true\n"), 1);
        assert_eq!(errors(path, "[lints]\n# workspace = true\n"), 1);
        assert_eq!(errors(path, "[lints]\nworkspace = true\n"), 0);
        assert_eq!(errors(path, "lints.workspace = true\n"), 0);
        assert_eq!(errors(OWN_LINTS[0], "[package]\nname = \"faultvfs\"\n"), 0);
    }
}
