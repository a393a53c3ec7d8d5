//! `tidy`: the house rules that the compiler does not know.
//!
//! Every rule has a test with a bad example that it catches: there is no check that cannot fail.

mod arrows;
mod code;
mod crates;
mod links;
mod names;
mod report;
mod size;
mod sleeps;
mod space;
mod tree;
mod words;

use std::path::Path;

use crate::failure::Failure;
use crate::workspace::Workspace;
use code::Code;
use report::Report;
use tree::{File, Tree};

/// Checks the workspace around the current directory.
pub(crate) fn run() -> Result<(), Failure> {
    check_and_print(&Workspace::around(Path::new("."))?)
}

/// Checks, prints every finding and a closing line; fails if there was an error among them.
pub(crate) fn check_and_print(workspace: &Workspace) -> Result<(), Failure> {
    let tree = Tree::read(&workspace.root)?;
    let report = check(workspace, &tree);
    print!("{report}");
    println!(
        "tidy: {} errors, {} warnings in {} files",
        report.error_count(),
        report.warning_count(),
        tree.files.len()
    );
    if report.error_count() == 0 {
        Ok(())
    } else {
        Err(Failure::Found(format!("tidy found {} errors", report.error_count())))
    }
}

fn check(workspace: &Workspace, tree: &Tree) -> Report {
    let mut report = Report::default();
    arrows::check(workspace, tree, &mut report);
    for file in &tree.files {
        check_file(file, tree, &mut report);
    }
    report.sort();
    report
}

fn check_file(file: &File, tree: &Tree, report: &mut Report) {
    names::check_path(file, report);
    crates::check(file, report);
    if file.is_rust() {
        let code = Code::of(&file.text);
        names::check_modules(file, &code, report);
        words::check(file, &code, report);
        sleeps::check(file, &code, report);
        size::check_rust(file, &code, report);
    }
    if file.is_markdown() {
        links::check(file, tree, report);
        size::check_markdown(file, report);
    }
    if file.is_rust() || file.is_markdown() {
        space::check(file, report);
    }
}
