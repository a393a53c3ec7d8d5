//! Relative links in Markdown lead somewhere. Links to the web are not followed: their answer is not ours to fix.

use super::report::Report;
use super::tree::{File, Tree};

pub(super) fn check(file: &File, tree: &Tree, report: &mut Report) {
    for (line, target) in targets(&file.text) {
        let path = target.split(['#', '?']).next().unwrap_or("");
        if path.is_empty() || has_scheme(path) {
            continue;
        }
        if !resolve(&file.path, path).is_some_and(|resolved| tree.contains(&resolved)) {
            report.error(
                "links",
                &file.path,
                line,
                format!("link to `{target}`: there is no such file here"),
            );
        }
    }
}

/// The targets of links, pictures and reference definitions, with their lines from 1. Code is not looked at.
fn targets(text: &str) -> Vec<(usize, String)> {
    let mut targets = Vec::new();
    let mut fence: Option<&str> = None;
    for (index, line) in text.lines().enumerate() {
        let trimmed = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| trimmed.starts_with(mark));
        match (fence, mark) {
            (None, Some(_)) => fence = mark,
            (Some(open), Some(mark)) if open == mark => fence = None,
            (Some(_), _) => {}
            (None, None) => {
                let line = without_code(trimmed);
                targets.extend(
                    inline(&line).chain(definition(&line)).map(|target| (index + 1, target.to_owned())),
                );
            }
        }
    }
    targets
}

/// The line without what is between backticks. A backtick without a partner is text.
fn without_code(line: &str) -> String {
    let parts: Vec<_> = line.split('`').collect();
    let is_text = |index: usize| index.is_multiple_of(2) || index + 1 == parts.len();
    parts.iter().enumerate().filter(|(index, _)| is_text(*index)).map(|(_, part)| *part).collect()
}

/// `[text](target)`, `![text](target "title")`, `[text](<target with spaces>)`.
fn inline(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("](").filter_map(|(index, _)| destination(&line[index + 2..], ')'))
}

/// `[name]: target`
fn definition(line: &str) -> Option<&str> {
    let (name, target) = line.strip_prefix('[')?.split_once("]:")?;
    // A footnote is text, not a target.
    if name.starts_with('^') { None } else { destination(target.trim_start(), ' ') }
}

fn destination(text: &str, end: char) -> Option<&str> {
    if let Some(quoted) = text.strip_prefix('<') {
        return quoted.split_once('>').map(|(target, _)| target);
    }
    text.split([end, ' ']).next().filter(|target| !target.is_empty())
}

fn has_scheme(target: &str) -> bool {
    target.starts_with("//") || target.split_once(':').is_some_and(|(scheme, _)| !scheme.contains('/'))
}

/// The path from the root; none if it leaves the repository. A leading `/` means the root, as on the forges.
fn resolve(from: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = if target.starts_with('/') { Vec::new() } else { from.split('/').collect() };
    // The last part of `from` is the page's own file.
    parts.pop();
    let target = target.replace("%20", " ");
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(page: &str, text: &str) -> Vec<String> {
        let paths = ["README.md", "docs/guide.md", "docs/two words.md", "crates/a/src/lib.rs"];
        let tree = Tree {
            files: paths
                .map(|path| File { path: path.to_owned(), text: String::new() })
                .into_iter()
                .collect(),
        };
        let mut report = Report::default();
        check(&File { path: page.to_owned(), text: text.to_owned() }, &tree, &mut report);
        report.to_string().lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_link_to_nothing_is_caught() {
        assert_eq!(
            broken("README.md", "fine\n[a](docs/gone.md)"),
            ["error: README.md:2: link to `docs/gone.md`: there is no such file here [links]"]
        );
        assert_eq!(broken("README.md", "![a](gone.png \"title\")").len(), 1);
        assert_eq!(broken("README.md", "[a]: gone.md").len(), 1);
        assert_eq!(broken("README.md", "[a](guide.md) and [b](docs/guide.md)").len(), 1);
        assert_eq!(broken("README.md", "[a](<docs/three words.md>)").len(), 1);
    }

    #[test]
    fn a_link_out_of_the_repository_is_caught() {
        assert_eq!(broken("docs/guide.md", "[a](../../elsewhere/README.md)").len(), 1);
    }

    #[test]
    fn links_that_lead_somewhere_are_fine() {
        let text = "[a](../README.md#top) [b](guide.md \"t\") [c](/docs) [d](../crates/a/) [e](#here)\n\
                    [f](<two words.md>) [g](two%20words.md)\n[h]: guide.md\n[i](./guide.md)";
        assert_eq!(broken("docs/guide.md", text), [""; 0]);
    }

    #[test]
    fn the_web_and_code_are_not_looked_at() {
        let text = "[a](https://example.org/x) [b](mailto:a@example.org) `[c](gone.md)`\n```\n[d](gone.md)\n```\n\
                    [^1]: a note\n~~~\n```\n[e](gone.md)\n~~~\n";
        assert_eq!(broken("README.md", text), [""; 0]);
        assert_eq!(broken("README.md", "```\n```\n[a](gone.md)").len(), 1, "a fence ends");
    }
}
