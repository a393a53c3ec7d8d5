//! What cargo knows about the workspace: its root, its target directory, its crates and the arrows between them.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::failure::Failure;
use crate::process;

/// The workspace as `cargo metadata` describes it.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    /// Where cargo builds; wherever `CARGO_TARGET_DIR` or a configuration file has put it.
    pub(crate) target: PathBuf,
    pub(crate) packages: Vec<Package>,
}

/// A crate of the workspace.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) manifest: PathBuf,
    /// Dependencies on crates of this repository only.
    pub(crate) dependencies: Vec<Dependency>,
}

/// An arrow from one crate of the repository to another.
#[derive(Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// A dev-dependency: in tests only, never in what the crate is.
    pub(crate) is_for_tests: bool,
}

impl Workspace {
    /// Asks cargo about the workspace that `directory` is in.
    pub(crate) fn around(directory: &Path) -> Result<Self, Failure> {
        let mut command = process::cargo(directory);
        command.args(["metadata", "--no-deps", "--format-version", "1"]);
        Self::parse(&process::output(&mut command)?)
    }

    fn parse(metadata: &str) -> Result<Self, Failure> {
        let metadata: Value = serde_json::from_str(metadata)
            .map_err(|error| Failure::CouldNotRun(format!("cannot read cargo's metadata: {error}")))?;
        Ok(Self {
            root: text(&metadata, "workspace_root")?.into(),
            target: text(&metadata, "target_directory")?.into(),
            packages: list(&metadata, "packages")?.iter().map(Package::parse).collect::<Result<_, _>>()?,
        })
    }
}

impl Package {
    fn parse(package: &Value) -> Result<Self, Failure> {
        let mut dependencies = Vec::new();
        for dependency in list(package, "dependencies")? {
            // Only a dependency with a path is a crate of this repository.
            if dependency.get("path").and_then(Value::as_str).is_some() {
                let is_for_tests = dependency.get("kind").and_then(Value::as_str) == Some("dev");
                dependencies.push(Dependency { name: text(dependency, "name")?.to_owned(), is_for_tests });
            }
        }
        Ok(Self {
            name: text(package, "name")?.to_owned(),
            manifest: text(package, "manifest_path")?.into(),
            dependencies,
        })
    }
}

fn text<'a>(value: &'a Value, member: &str) -> Result<&'a str, Failure> {
    value.get(member).and_then(Value::as_str).ok_or_else(|| missing(member))
}

fn list<'a>(value: &'a Value, member: &str) -> Result<&'a Vec<Value>, Failure> {
    value.get(member).and_then(Value::as_array).ok_or_else(|| missing(member))
}

fn missing(member: &str) -> Failure {
    Failure::CouldNotRun(format!("cargo's metadata has no `{member}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_from_a_registry_are_left_out_and_kinds_are_kept() {
        let metadata = r#"{"workspace_root":"/r","target_directory":"/r/target","packages":[
            {"name":"engine","manifest_path":"/r/crates/engine/Cargo.toml","dependencies":[
                {"name":"serde","kind":null},
                {"name":"store","kind":null,"path":"/r/crates/store"},
                {"name":"traffic","kind":"dev","path":"/r/crates/traffic"}]}]}"#;
        let workspace = Workspace::parse(metadata).unwrap();
        let engine = &workspace.packages[0];
        let arrows: Vec<_> =
            engine.dependencies.iter().map(|to| (to.name.as_str(), to.is_for_tests)).collect();
        assert_eq!(arrows, [("store", false), ("traffic", true)]);
    }

    #[test]
    fn metadata_without_a_root_is_refused_by_name() {
        let failure = Workspace::parse(r#"{"packages":[]}"#).unwrap_err();
        assert_eq!(failure.to_string(), "cargo's metadata has no `workspace_root`");
    }
}
