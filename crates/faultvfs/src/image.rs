//! What a disk holds of one file, beside what its cache holds.

use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _};

/// A disk writes whole sectors of this many bytes, and nothing larger at once.
const SECTOR_BYTES: usize = 512;

/// One file: the bytes that are durable, and what was changed since.
#[derive(Debug, Clone)]
pub(crate) struct FileImage {
    /// Tells this file from another that later has its name.
    pub(crate) inode: u64,
    /// Whether its name is durable: a new file's is with the next sync of the directory.
    pub(crate) is_listed: bool,
    durable: Vec<u8>,
    pending: Vec<Change>,
    length: usize,
}

#[derive(Debug, Clone)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Length(usize),
}

impl FileImage {
    /// A file that nobody has written to yet.
    pub(crate) fn new(inode: u64) -> Self {
        Self { inode, is_listed: false, durable: Vec::new(), pending: Vec::new(), length: 0 }
    }

    /// A file that was there, and is durable.
    pub(crate) fn durable(inode: u64, bytes: Vec<u8>) -> Self {
        Self { inode, is_listed: true, length: bytes.len(), durable: bytes, pending: Vec::new() }
    }

    /// Its length as the operating system sees it, in bytes.
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    pub(crate) fn write(&mut self, offset: usize, bytes: &[u8]) {
        self.length = self.length.max(offset + bytes.len());
        self.pending.push(Change::Write { offset, bytes: bytes.to_vec() });
    }

    pub(crate) fn set_length(&mut self, length: usize) {
        self.length = length;
        self.pending.push(Change::Length(length));
    }

    /// A sync succeeded: what was written since the last one is durable. What an earlier, failed one lost is not.
    pub(crate) fn synced(&mut self) {
        for change in std::mem::take(&mut self.pending) {
            apply(&mut self.durable, &change);
        }
    }

    /// A sync failed: each change is durable or not, and will not be tried again.
    pub(crate) fn sync_failed(&mut self, random: &mut StdRng) {
        self.durable = self.surviving(random);
        self.pending.clear();
    }

    /// What is read once the cache has dropped this file's pages. The length is not in those pages.
    pub(crate) fn without_cache(&self) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        for change in &self.pending {
            apply(&mut bytes, change);
        }
        bytes.resize(self.length, 0);
        bytes
    }

    /// What a disk may hold after the power went.
    pub(crate) fn surviving(&self, random: &mut StdRng) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        // All kept, all dropped, everything up to some change, or each by itself: the first three are what happens most,
        // the last one is what is allowed.
        let kept_up_to = match random.random_range(0..6) {
            0 => self.pending.len(),
            1 => 0,
            2 => random.random_range(0..=self.pending.len()),
            _ => {
                self.pending.iter().for_each(|change| survive(&mut bytes, change, random));
                return bytes;
            }
        };
        self.pending[..kept_up_to].iter().for_each(|change| apply(&mut bytes, change));
        if let Some(change) = self.pending.get(kept_up_to) {
            survive(&mut bytes, change, random);
        }
        bytes
    }
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Length(length) => bytes.resize(*length, 0),
        Change::Write { offset, bytes: written } => {
            let end = offset + written.len();
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[*offset..end].copy_from_slice(written);
        }
    }
}

/// One change that nobody waited for: kept, dropped, or kept in some of its sectors.
fn survive(bytes: &mut Vec<u8>, change: &Change, random: &mut StdRng) {
    let fate = random.random_range(0..3);
    if fate == 0 {
        return apply(bytes, change);
    }
    let Change::Write { offset, bytes: written } = change else { return };
    let end = offset + written.len();
    if bytes.len() < end {
        if fate == 1 && random.random_bool(0.5) {
            return;
        }
        // The length was written, the data was not.
        bytes.resize(end, 0);
    }
    if fate == 1 {
        return;
    }
    let mut at = *offset;
    while at < end {
        let next = end.min((at / SECTOR_BYTES + 1) * SECTOR_BYTES);
        if random.next_u32() & 1 == 0 {
            bytes[at..next].copy_from_slice(&written[at - offset..next - offset]);
        }
        at = next;
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    fn survivors(image: &FileImage) -> Vec<Vec<u8>> {
        let mut survivors: Vec<_> =
            (0..400).map(|seed| image.surviving(&mut StdRng::seed_from_u64(seed))).collect();
        survivors.sort();
        survivors.dedup();
        survivors
    }

    #[test]
    fn what_was_synced_survives_and_what_was_not_may() {
        let mut image = FileImage::new(1);
        image.write(0, b"old");
        image.synced();
        assert_eq!(survivors(&image), [b"old".to_vec()]);
        image.write(0, b"new");
        assert_eq!(survivors(&image), [b"new".to_vec(), b"old".to_vec()]);
        image.synced();
        assert_eq!(survivors(&image), [b"new".to_vec()]);
    }

    #[test]
    fn after_a_failed_sync_another_one_makes_nothing_durable_that_is_not_written_again() {
        let mut lost = 0;
        for seed in 0..100 {
            let mut image = FileImage::durable(1, b"old".to_vec());
            image.write(0, b"new");
            image.sync_failed(&mut StdRng::seed_from_u64(seed));
            image.synced();
            let survivors = survivors(&image);
            assert_eq!(survivors.len(), 1);
            lost += usize::from(survivors[0] == b"old");
            image.write(0, b"new");
            image.synced();
            assert_eq!(image.surviving(&mut StdRng::seed_from_u64(seed)), b"new");
        }
        assert!((1..100).contains(&lost), "{lost}");
    }

    #[test]
    fn a_write_is_torn_between_sectors_only() {
        let mut image = FileImage::durable(1, vec![0; 1_536]);
        image.write(256, &[1; 1_024]);
        let survivors = survivors(&image);
        assert_eq!(survivors.len(), 8, "each of three sectors, kept or not");
        assert!(survivors.iter().all(|bytes| {
            let kept = [&bytes[256..512], &bytes[512..1_024], &bytes[1_024..1_280]];
            kept.iter().all(|sector| sector.iter().all(|byte| *byte == sector[0]))
        }));
    }

    #[test]
    fn a_new_length_without_its_data_reads_as_zeros() {
        let mut image = FileImage::durable(1, b"a".to_vec());
        image.write(1, b"b");
        assert_eq!(survivors(&image), [b"a".to_vec(), b"a\0".to_vec(), b"ab".to_vec()]);
        image.set_length(0);
        assert!(survivors(&image).contains(&Vec::new()));
        assert_eq!(image.length(), 0);
    }
}
