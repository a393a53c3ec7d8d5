//! A file is a room with one purpose, a function fits on a screen, and the map is short.

use super::code::Code;
use super::report::Report;
use super::tree::File;

const RULE: &str = "size";
const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;
const ARCHITECTURE_LINES_MAX: usize = 300;

/// Long files and functions are warnings: now and then the long form is the clearer one.
pub(super) fn check_rust(file: &File, code: &Code, report: &mut Report) {
    let lines = file.text.lines().count();
    if lines > FILE_LINES_MAX {
        report.warning(RULE, &file.path, 1, format!("{lines} lines; aim for less than {FILE_LINES_MAX}"));
    }
    let mut words = code.words().peekable();
    while let Some(word) = words.next() {
        // `fn` without a name behind it is a pointer's type.
        let name = match words.peek() {
            Some(name) if word.text == "fn" && !code.after(word.offset + 2).starts_with('(') => name.text,
            _ => continue,
        };
        let Some(body) = code.block_after(word.offset) else { continue };
        let first = code.line_of(word.offset);
        let lines = code.line_of(body.end - 1) - first + 1;
        if lines > FUNCTION_LINES_MAX {
            let message =
                format!("function `{name}` has {lines} lines; aim for less than {FUNCTION_LINES_MAX}");
            report.warning(RULE, &file.path, first, message);
        }
    }
}

/// The architecture page is a map: one that is too long to read is none.
pub(super) fn check_markdown(file: &File, report: &mut Report) {
    let lines = file.text.lines().count();
    if file.path == "ARCHITECTURE.md" && lines > ARCHITECTURE_LINES_MAX {
        report.error(RULE, &file.path, 1, format!("{lines} lines; at most {ARCHITECTURE_LINES_MAX}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report_on(path: &str, text: String) -> Report {
        let mut report = Report::default();
        let file = File { path: path.to_owned(), text };
        check_rust(&file, &Code::of(&file.text), &mut report);
        check_markdown(&file, &mut report);
        report
    }

    #[test]
    fn a_long_file_is_a_warning() {
        assert_eq!(report_on("a.rs", "mod a;\n".repeat(400)).warning_count(), 0);
        let report = report_on("a.rs", "mod a;\n".repeat(401));
        assert_eq!((report.warning_count(), report.error_count()), (1, 0));
    }

    #[test]
    fn a_long_function_is_a_warning_at_its_first_line() {
        let function =
            |lines: usize| format!("\nfn a(b: fn(u8) -> u8) {{\n{}}}\n", "    b(1);\n".repeat(lines - 2));
        assert_eq!(report_on("a.rs", function(70)).to_string(), "");
        assert_eq!(
            report_on("a.rs", function(71)).to_string(),
            "warning: a.rs:2: function `a` has 71 lines; aim for less than 70 [size]\n"
        );
    }

    #[test]
    fn a_long_map_is_an_error() {
        assert_eq!(report_on("ARCHITECTURE.md", "a\n".repeat(300)).error_count(), 0);
        assert_eq!(report_on("ARCHITECTURE.md", "a\n".repeat(301)).error_count(), 1);
        assert_eq!(report_on("docs/other.md", "a\n".repeat(301)).error_count(), 0);
    }
}
