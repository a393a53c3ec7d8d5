//! No test sleeps: it waits for what it means, or it moves a clock.

use super::code::{Code, Word};
use super::report::Report;
use super::tree::File;

pub(super) fn check(file: &File, code: &Code, report: &mut Report) {
    let is_for_tests = is_for_tests(&file.path);
    let tests = code.tests();
    for word in code.words() {
        let is_in_a_test = is_for_tests || tests.iter().any(|test| test.contains(&word.offset));
        if is_in_a_test && is_sleep(word, code) {
            let message = "a test must not sleep: wait for the thing itself, or move a clock";
            report.error("sleeps", &file.path, code.line_of(word.offset), message);
        }
    }
}

/// Files that hold nothing but tests and what they stand on.
fn is_for_tests(path: &str) -> bool {
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    path.starts_with("crates/testkit/")
        || stem.split('/').any(|part| part == "tests" || part.ends_with("_tests"))
}

/// A path to the function of `std` or of tokio, or a call of it by its bare name after a `use`.
fn is_sleep(word: Word<'_>, code: &Code) -> bool {
    if !["sleep", "sleep_until", "sleep_ms"].contains(&word.text) {
        return false;
    }
    let before = code.before(word.offset);
    if let Some(path) = before.strip_suffix("::") {
        return path.ends_with("thread") || path.ends_with("time");
    }
    // A method is some clock's own, and a definition is not a call.
    let is_ours = before.ends_with('.') || before.ends_with("fn");
    !is_ours && code.after(word.offset + word.text.len()).starts_with('(')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(path: &str, source: &str) -> usize {
        let mut report = Report::default();
        let file = File { path: path.to_owned(), text: source.to_owned() };
        check(&file, &Code::of(source), &mut report);
        report.error_count()
    }

    #[test]
    fn a_sleep_in_a_test_file_is_caught_however_it_is_written() {
        let path = "crates/a/tests/b.rs";
        assert_eq!(errors(path, "fn a() { std::thread::sleep(b); }"), 1);
        assert_eq!(errors(path, "async fn a() { tokio::time::sleep(b).await; }"), 1);
        assert_eq!(errors(path, "async fn a() { time::sleep_until(b).await; }"), 1);
        assert_eq!(errors(path, "use tokio::time::{sleep, timeout};\nasync fn a() { sleep(b).await; }"), 1);
        assert_eq!(errors(path, "fn a() { clock.sleep(b); } fn sleep() {} // thread::sleep(b)"), 0);
    }

    #[test]
    fn a_sleep_in_an_inline_test_is_caught_and_one_in_the_product_is_not() {
        let source = "fn a() { thread::sleep(b); }\n#[cfg(test)]\nmod tests { fn c() { thread::sleep(d); } }";
        assert_eq!(errors("crates/a/src/b.rs", source), 1);
        assert_eq!(errors("crates/a/src/b/tests.rs", "fn c() { thread::sleep(d); }"), 1);
        assert_eq!(errors("crates/testkit/src/b.rs", "fn c() { thread::sleep(d); }"), 1);
    }
}
