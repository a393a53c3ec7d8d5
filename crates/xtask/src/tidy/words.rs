//! Words that do not belong in our code: unfinished work, tests that skip, `unsafe`, and `get_`.

use super::code::{Code, words_in};
use super::report::Report;
use super::tree::File;

pub(super) fn check(file: &File, code: &Code, report: &mut Report) {
    check_getters(file, code, report);
    check_unsafe(file, code, report);
    check_macros(file, code, report);
    check_ignored(file, code, report);
}

fn check_getters(file: &File, code: &Code, report: &mut Report) {
    let foreign = code.trait_implementations();
    let mut words = code.words().peekable();
    while let Some(word) = words.next() {
        if word.text == "fn"
            && let Some(name) = words.peek()
            && name.text.starts_with("get_")
            // The name in an `impl Trait for` is the trait's; a trait of ours is caught where it is declared.
            && !foreign.iter().any(|block| block.contains(&word.offset))
        {
            let message = format!("`fn {}`: a function that returns a thing has the thing's name", name.text);
            report.error("getters", &file.path, code.line_of(word.offset), message);
        }
    }
}

/// The one crate that implements an interface of C; nothing of it is in a release.
const UNSAFE_ALLOWED: &str = "crates/faultvfs/src/";

fn check_unsafe(file: &File, code: &Code, report: &mut Report) {
    if file.path.starts_with(UNSAFE_ALLOWED) {
        return;
    }
    for word in code.words().filter(|word| word.text == "unsafe") {
        report.error("unsafe", &file.path, code.line_of(word.offset), "`unsafe` has no place in our code");
    }
}

fn check_macros(file: &File, code: &Code, report: &mut Report) {
    for word in code.words().filter(|word| ["todo", "unimplemented", "dbg"].contains(&word.text)) {
        let after = code.after(word.offset + word.text.len());
        // `todo != 1` compares; it is a macro only if nothing but a bracket follows.
        if after.strip_prefix('!').is_some_and(|after| after.trim_start().starts_with(['(', '[', '{'])) {
            let message = format!("`{}!` marks unfinished work", word.text);
            report.error("unfinished", &file.path, code.line_of(word.offset), message);
        }
    }
}

fn check_ignored(file: &File, code: &Code, report: &mut Report) {
    for attribute in code.attributes() {
        let words: Vec<_> = words_in(attribute.content).map(|word| word.text).collect();
        let is_ignored = match words.as_slice() {
            ["ignore", ..] => true,
            ["cfg_attr", rest @ ..] => rest.contains(&"ignore"),
            _ => false,
        };
        if is_ignored {
            let line = code.line_of(attribute.range.start);
            report.error("ignored", &file.path, line, "`#[ignore]`: a test that does not run proves nothing");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn finds(source: &str, expected: &[&str]) {
        let mut report = Report::default();
        let file = File { path: "a.rs".to_owned(), text: source.to_owned() };
        check(&file, &Code::of(source), &mut report);
        let found = report.to_string();
        let rules: Vec<_> = found.lines().filter_map(|line| line.rsplit(' ').next()).collect();
        assert_eq!(rules, expected, "{source}");
    }

    #[test]
    fn a_name_that_begins_with_get_is_caught() {
        finds("impl A { pub async fn get_head(&self) {} }", &["[getters]"]);
        finds("trait A { fn get_head(&self); }", &["[getters]"]);
        finds("fn get() {} fn target() {} // fn get_head", &[]);
    }

    #[test]
    fn a_foreign_trait_keeps_its_names() {
        finds("impl ObjectStore for Ours { fn get_opts(&self) {} }\nfn get_x() {}", &["[getters]"]);
    }

    #[test]
    fn unsafe_is_caught_as_code_only() {
        finds("fn a() { unsafe { b() } }", &["[unsafe]"]);
        finds("unsafe impl Send for A {}", &["[unsafe]"]);
        finds("#![forbid(unsafe_code)] // unsafe\nconst A: &str = \"unsafe\";", &[]);
    }

    #[test]
    fn unsafe_is_allowed_where_an_interface_of_c_is_implemented_and_nowhere_else() {
        let source = "unsafe impl Send for A {}";
        let errors = |path: &str| {
            let mut report = Report::default();
            check(&File { path: path.to_owned(), text: source.to_owned() }, &Code::of(source), &mut report);
            report.error_count()
        };
        assert_eq!(errors("crates/faultvfs/src/vfs.rs"), 0);
        assert_eq!(errors("crates/faultvfs/tests/power.rs"), 1);
        assert_eq!(errors("crates/store/src/sqlite/vfs.rs"), 1);
    }

    #[test]
    fn unfinished_work_is_caught() {
        finds("fn a() { todo!() }", &["[unfinished]"]);
        finds("fn a() { unimplemented!(\"b\") }", &["[unfinished]"]);
        finds("fn a() { std::dbg!(b); }", &["[unfinished]"]);
        finds("fn a(todo: u8) -> bool { todo != 1 }", &[]);
    }

    #[test]
    fn a_test_that_does_not_run_is_caught() {
        finds("#[test]\n#[ignore]\nfn a() {}", &["[ignored]"]);
        finds("#[test]\n#[ignore = \"slow\"]\nfn a() {}", &["[ignored]"]);
        finds("#[test]\n#[cfg_attr(not(unix), ignore)]\nfn a() {}", &["[ignored]"]);
        finds("#[expect(clippy::ignored_unit_patterns)]\nfn ignore() {}", &[]);
    }
}
