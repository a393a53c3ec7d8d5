//! A file, a module or a crate is named for what it holds. A name that fits everything attracts everything.

use super::code::Code;
use super::report::Report;
use super::tree::File;

const RULE: &str = "names";

const BANNED: [&str; 10] =
    ["common", "helper", "helpers", "manager", "managers", "misc", "shared", "util", "utils", "utilities"];

/// The names of the crate, its folders and its files: the path spells them all.
pub(super) fn check_path(file: &File, report: &mut Report) {
    let Some(path) = file.path.strip_prefix("crates/") else { return };
    for component in path.split('/') {
        if is_banned(component.split('.').next().unwrap_or(component)) {
            report.error(RULE, &file.path, 1, format!("`{component}` says nothing of what is in it"));
        }
    }
}

/// The names of modules: those written inside a file have no path of their own.
pub(super) fn check_modules(file: &File, code: &Code, report: &mut Report) {
    let mut words = code.words().peekable();
    while let Some(word) = words.next() {
        if word.text == "mod"
            && let Some(name) = words.peek()
            && is_banned(name.text)
        {
            let message = format!("module `{}` says nothing of what is in it", name.text);
            report.error(RULE, &file.path, code.line_of(word.offset), message);
        }
    }
}

/// The last part of a compound counts, because it is what the thing is: a `lease_manager` is a manager.
fn is_banned(name: &str) -> bool {
    let last = name.rsplit(['_', '-']).next().unwrap_or(name);
    BANNED.contains(&last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors_for_path(path: &str) -> usize {
        let mut report = Report::default();
        check_path(&File { path: path.to_owned(), text: String::new() }, &mut report);
        report.error_count()
    }

    fn errors_for_code(source: &str) -> usize {
        let mut report = Report::default();
        let file = File { path: "crates/a/src/lib.rs".to_owned(), text: String::new() };
        check_modules(&file, &Code::of(source), &mut report);
        report.error_count()
    }

    #[test]
    fn every_banned_name_is_caught_as_crate_folder_and_file() {
        for name in BANNED {
            assert_eq!(errors_for_path(&format!("crates/{name}/src/lib.rs")), 1);
            assert_eq!(errors_for_path(&format!("crates/a/tests/{name}/mod.rs")), 1);
            assert_eq!(errors_for_path(&format!("crates/a/src/{name}.rs")), 1);
        }
    }

    #[test]
    fn a_compound_is_what_its_last_part_says() {
        assert_eq!(errors_for_path("crates/a/src/lease_manager.rs"), 1);
        assert_eq!(errors_for_path("crates/string-utils/src/lib.rs"), 1);
        assert_eq!(errors_for_path("crates/a/src/common_prefix.rs"), 0);
        assert_eq!(errors_for_path("docs/shared.md"), 0);
    }

    #[test]
    fn a_module_inside_a_file_is_caught() {
        assert_eq!(errors_for_code("pub(crate) mod helpers {}"), 1);
        assert_eq!(errors_for_code("mod utils;"), 1);
        assert_eq!(errors_for_code("mod tail; // mod utils;"), 0);
    }
}
