//! Dependencies between the crates point downward only.

use super::report::Report;
use super::tree::Tree;
use crate::workspace::{Package, Workspace};

const RULE: &str = "arrows";

/// What each crate may depend on: everything on a lower floor of the house, and nothing beside or above it.
const ALLOWED: [(&str, &[&str]); 19] = [
    ("merkle", &[]),
    ("event", &[]),
    ("mapping", &["event", "merkle"]),
    ("traffic", &["event", "merkle"]),
    ("store", &["event", "merkle"]),
    ("settings", &["event", "merkle"]),
    ("archive", &["event", "merkle"]),
    ("client", &["event", "merkle"]),
    ("engine", &["archive", "event", "mapping", "merkle", "settings", "store"]),
    ("server", &["archive", "engine", "event", "mapping", "merkle", "settings", "store"]),
    (
        "strongroom",
        // `traffic` is a normal dependency here only: the demo runs on it.
        &[
            "archive", "client", "engine", "event", "mapping", "merkle", "server", "settings", "store",
            "traffic",
        ],
    ),
    ("testkit", &["archive", "engine", "event", "mapping", "merkle", "settings", "store", "traffic"]),
    ("load", &["engine", "event", "merkle", "server", "store", "testkit", "traffic"]),
    (
        "bench",
        &[
            "archive", "client", "engine", "event", "load", "mapping", "merkle", "server", "settings",
            "store", "testkit", "traffic",
        ],
    ),
    ("fuzzing", &["archive", "engine", "event", "mapping", "merkle", "settings", "store", "testkit"]),
    ("faultvfs", &[]),
    ("testservers", &[]),
    (
        "torture",
        &[
            "archive", "engine", "event", "faultvfs", "merkle", "server", "settings", "store", "testkit",
            "traffic",
        ],
    ),
    ("xtask", &[]),
];

/// What tests may use from wherever they are; nothing of it is in a release.
const ALLOWED_IN_TESTS: [&str; 3] = ["testkit", "testservers", "traffic"];

pub(super) fn check(workspace: &Workspace, tree: &Tree, report: &mut Report) {
    for package in &workspace.packages {
        let manifest = package.manifest.strip_prefix(&workspace.root).unwrap_or(&package.manifest);
        let path = manifest.to_string_lossy().replace('\\', "/");
        let text = tree.files.iter().find(|file| file.path == path).map_or("", |file| file.text.as_str());
        for (line_start, message) in breaches(package) {
            report.error(RULE, &path, line_of(text, &line_start), message);
        }
    }
}

/// The breaches of one crate: how the line begins that makes the arrow, and what is wrong with it.
fn breaches(package: &Package) -> Vec<(String, String)> {
    let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == package.name) else {
        let message =
            format!("crate `{}` has no row in the table of allowed arrows (xtask, arrows.rs)", package.name);
        return vec![("name".to_owned(), message)];
    };
    package
        .dependencies
        .iter()
        .filter(|to| {
            let is_allowed = allowed.contains(&to.name.as_str());
            // A crate's tests name the crate itself to switch on a feature of it.
            let is_itself = to.name == package.name;
            let is_allowed_in_tests =
                to.is_for_tests && (is_itself || ALLOWED_IN_TESTS.contains(&to.name.as_str()));
            !is_allowed && !is_allowed_in_tests
        })
        .map(|to| {
            let kind = if to.is_for_tests { "depend in its tests" } else { "depend" };
            (
                to.name.clone(),
                format!("`{}` must not {kind} on `{}`: arrows point downward", package.name, to.name),
            )
        })
        .collect()
}

/// From 1; the first line where no line begins so.
fn line_of(text: &str, start: &str) -> usize {
    text.lines().position(|line| line.starts_with(start)).map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::File;
    use crate::workspace::Dependency;

    fn package(name: &str, dependency: &str, is_for_tests: bool) -> Package {
        Package {
            name: name.to_owned(),
            manifest: format!("/r/crates/{name}/Cargo.toml").into(),
            dependencies: vec![Dependency { name: dependency.to_owned(), is_for_tests }],
        }
    }

    #[test]
    fn an_arrow_up_or_sideways_is_caught() {
        for (from, to) in
            [("merkle", "event"), ("event", "engine"), ("store", "archive"), ("engine", "server")]
        {
            assert_eq!(breaches(&package(from, to, false)).len(), 1, "{from} -> {to}");
            assert_eq!(breaches(&package(from, to, true)).len(), 1, "{from} -> {to} in tests");
        }
    }

    #[test]
    fn testkit_and_traffic_are_for_tests_only() {
        for to in ALLOWED_IN_TESTS {
            assert_eq!(breaches(&package("engine", to, true)), []);
            assert_eq!(breaches(&package("engine", to, false)).len(), 1);
        }
    }

    #[test]
    fn an_arrow_down_is_fine() {
        assert_eq!(breaches(&package("engine", "store", false)), []);
    }

    #[test]
    fn a_crate_without_a_row_is_caught() {
        let message = &breaches(&package("newcomer", "event", false))[0].1;
        assert!(message.contains("`newcomer` has no row"), "{message}");
    }

    #[test]
    fn the_table_itself_has_no_circle() {
        let mut floors: Vec<&str> = Vec::new();
        while floors.len() < ALLOWED.len() {
            let next = ALLOWED.iter().find(|(name, allowed)| {
                !floors.contains(name) && allowed.iter().all(|lower| floors.contains(lower))
            });
            floors.push(next.expect("every row stands on rows below it").0);
        }
    }

    #[test]
    fn a_finding_points_at_the_line_that_makes_the_arrow() {
        let workspace = Workspace {
            root: "/r".into(),
            target: "/r/target".into(),
            packages: vec![package("store", "engine", false)],
        };
        let text = "[dependencies]\nengine.workspace = true\n".to_owned();
        let tree = Tree { files: vec![File { path: "crates/store/Cargo.toml".to_owned(), text }] };
        let mut report = Report::default();
        check(&workspace, &tree, &mut report);
        assert_eq!(
            report.to_string(),
            "error: crates/store/Cargo.toml:2: `store` must not depend on `engine`: arrows point downward [arrows]\n"
        );
    }
}
