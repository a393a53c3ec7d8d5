//! The files of the repository, read once.

use std::fs;
use std::path::Path;

use crate::failure::Failure;

/// A file that some rule looks at.
#[derive(Debug)]
pub(super) struct File {
    /// From the root, with `/`.
    pub(super) path: String,
    /// The text of a Rust, Markdown or manifest file; empty for any other kind, of which only the name matters.
    pub(super) text: String,
}

/// All files under the root, but for git's own and build output.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Sorted by path.
    pub(super) files: Vec<File>,
}

impl File {
    pub(super) fn is_rust(&self) -> bool {
        self.has_extension("rs")
    }

    pub(super) fn is_markdown(&self) -> bool {
        self.has_extension("md")
    }

    /// The `Cargo.toml` of a crate, as opposed to the workspace's.
    pub(super) fn is_crate_manifest(&self) -> bool {
        self.path.starts_with("crates/") && self.path.ends_with("/Cargo.toml")
    }

    fn has_extension(&self, wanted: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|extension| extension == wanted)
    }

    fn has_text_to_check(&self) -> bool {
        self.is_rust() || self.is_markdown() || self.is_crate_manifest()
    }
}

impl Tree {
    /// Walks the working tree itself and does not ask git: an export without `.git`, and a checkout that another user
    /// owns, are checked like any other.
    pub(super) fn read(root: &Path) -> Result<Self, Failure> {
        let mut tree = Self::default();
        tree.read_folder(root, "")?;
        tree.files.sort_by(|left, right| left.path.cmp(&right.path));
        Ok(tree)
    }

    /// Whether the path names a file, or a folder with a file in it.
    pub(super) fn contains(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        path.is_empty() || self.files.iter().any(|file| file.path == path || file.path.starts_with(&folder))
    }

    fn read_folder(&mut self, folder: &Path, prefix: &str) -> Result<(), Failure> {
        // Cargo marks its target directories with this file; their place and name are the user's choice.
        if folder.join("CACHEDIR.TAG").exists() {
            return Ok(());
        }
        for item in fs::read_dir(folder).map_err(|error| unreadable(folder, &error))? {
            let item = item.map_err(|error| unreadable(folder, &error))?;
            let name = item.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            let kind = item.file_type().map_err(|error| unreadable(&item.path(), &error))?;
            if kind.is_dir() {
                // `target` may exist without the mark: tools can be put there before anything is built.
                if name != ".git" && path != "target" {
                    self.read_folder(&item.path(), &format!("{path}/"))?;
                }
            } else if kind.is_file() && name != ".git" {
                self.read_file(&item.path(), path)?;
            }
        }
        Ok(())
    }

    fn read_file(&mut self, place: &Path, path: String) -> Result<(), Failure> {
        let mut file = File { path, text: String::new() };
        if file.has_text_to_check() {
            file.text = fs::read_to_string(place).map_err(|error| unreadable(place, &error))?;
        }
        self.files.push(file);
        Ok(())
    }
}

fn unreadable(place: &Path, error: &std::io::Error) -> Failure {
    Failure::CouldNotRun(format!("cannot read {}: {error}", place.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn build_output_and_git_are_left_out_and_hidden_folders_are_not() {
        let root = tempfile::tempdir().unwrap();
        for path in ["a.md", ".github/b.md", ".git/c.md", "target/d.md", "build/CACHEDIR.TAG", "build/e.md"] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "text").unwrap();
        }
        let tree = Tree::read(root.path()).unwrap();
        let paths: Vec<_> = tree.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, [".github/b.md", "a.md"]);
        assert!(tree.contains(".github"));
        assert!(!tree.contains("a"));
    }

    #[test]
    fn a_source_file_that_is_not_utf8_is_an_error_and_a_picture_is_not() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("a.png"), [0xff, 0xfe]).unwrap();
        assert!(Tree::read(root.path()).is_ok());
        fs::write(root.path().join("a.rs"), [0xff, 0xfe]).unwrap();
        assert!(Tree::read(root.path()).is_err());
    }
}
