//! No tabs and no trailing white space: they differ where nobody sees it.

use super::report::Report;
use super::tree::File;

pub(super) fn check(file: &File, report: &mut Report) {
    for (index, line) in file.text.split('\n').enumerate() {
        if line.contains('\t') {
            report.error("space", &file.path, index + 1, "has a tab");
        }
        // Split at \n alone, so the \r of a foreign line end is trailing white space too.
        if line.trim_end() != line {
            report.error("space", &file.path, index + 1, "ends in white space");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tabs_and_trailing_white_space_are_caught_on_their_lines() {
        let text = "a\n\tb\nc \nd\r\ne".to_owned();
        let mut report = Report::default();
        check(&File { path: "a.md".to_owned(), text }, &mut report);
        assert_eq!(
            report.to_string(),
            "error: a.md:2: has a tab [space]\n\
             error: a.md:3: ends in white space [space]\n\
             error: a.md:4: ends in white space [space]\n"
        );
    }
}
