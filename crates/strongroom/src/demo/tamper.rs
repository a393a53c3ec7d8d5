use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// Copies a directory with all that is in it.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    copy_all(from, to).map_err(|error| Failure::caused(format!("cannot copy {}", from.display()), error))
}

fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_all(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Flips one bit in the middle of the largest archived object; answers its key and the place.
pub(super) fn flip_one_bit(archive: &Path) -> Result<(String, u64), Failure> {
    let flip = || -> io::Result<(PathBuf, u64)> {
        let mut largest = (0, PathBuf::new());
        find_largest(archive, &mut largest)?;
        let (_, path) = largest;
        let mut bytes = fs::read(&path)?;
        let middle = bytes.len() / 2;
        if let Some(byte) = bytes.get_mut(middle) {
            *byte ^= 1;
        }
        fs::write(&path, bytes)?;
        Ok((path, middle as u64))
    };
    let (path, place) = flip().map_err(|error| Failure::caused("cannot tamper with the copy", error))?;
    let key = path.strip_prefix(archive).unwrap_or(&path).display().to_string();
    Ok((key, place))
}

fn find_largest(directory: &Path, largest: &mut (u64, PathBuf)) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            find_largest(&path, largest)?;
        } else if path.to_string_lossy().ends_with(".jsonl.gz") {
            let bytes = entry.metadata()?.len();
            if bytes > largest.0 {
                *largest = (bytes, path);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bit_of_the_largest_object_of_the_copy_is_flipped_and_the_original_stays() {
        let room = tempfile::tempdir().unwrap();
        let archive = room.path().join("archive/audit");
        fs::create_dir_all(&archive).unwrap();
        fs::write(archive.join("small.jsonl.gz"), [0; 3]).unwrap();
        fs::write(archive.join("large.jsonl.gz"), [0; 9]).unwrap();
        fs::write(archive.join("larger.manifest"), [0; 99]).unwrap();
        let copied = room.path().join("copy");
        copy(&room.path().join("archive"), &copied).unwrap();
        let (key, place) = flip_one_bit(&copied).unwrap();
        assert_eq!((key.as_str(), place), ("audit/large.jsonl.gz", 4));
        assert_eq!(fs::read(copied.join(key)).unwrap(), [0, 0, 0, 0, 1, 0, 0, 0, 0]);
        assert_eq!(fs::read(archive.join("large.jsonl.gz")).unwrap(), [0; 9]);
    }
}
