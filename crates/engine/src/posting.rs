//! Index blocks: which entries of a segment carry a term of a field.
//!
//! A block is at most about 8 KiB: groups of `term (8 bytes, little-endian) ‖ count (2 bytes) ‖ count offsets
//! (2 bytes each)`, sorted by term, then offset. A term with many entries goes on in the next block. An offset is a
//! seq minus the segment's first.

use store::PostingBlock;

const BLOCK_BYTES: usize = 8_192;
const GROUP_HEADER_BYTES: usize = 10;
const OFFSET_BYTES: usize = 2;

/// Encodes one field's (term, offset) pairs, which must be sorted.
pub(crate) fn encode(segment: u64, field: u8, pairs: &[(u64, u16)]) -> Vec<PostingBlock> {
    let mut blocks: Vec<PostingBlock> = Vec::new();
    let mut group_count_at = 0;
    let mut previous_term = None;
    for &(term, offset) in pairs {
        let room = blocks.last().map_or(0, |block| BLOCK_BYTES - block.body.len());
        if blocks.is_empty() || room < GROUP_HEADER_BYTES + OFFSET_BYTES {
            let block = blocks.len() as u32;
            blocks.push(PostingBlock {
                segment,
                field,
                block,
                first_term: term,
                body: Vec::with_capacity(BLOCK_BYTES),
            });
            previous_term = None;
        }
        let Some(block) = blocks.last_mut() else { continue };
        if previous_term != Some(term) {
            block.body.extend_from_slice(&term.to_le_bytes());
            group_count_at = block.body.len();
            block.body.extend_from_slice(&0_u16.to_le_bytes());
            previous_term = Some(term);
        }
        let count = &mut block.body[group_count_at..group_count_at + OFFSET_BYTES];
        let counted = u16::from_le_bytes([count[0], count[1]]) + 1;
        count.copy_from_slice(&counted.to_le_bytes());
        block.body.extend_from_slice(&offset.to_le_bytes());
    }
    blocks
}

/// A block that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an index block ends in the middle of a group")]
pub(crate) struct TornBlock;

/// Every (term, offsets) group of a block, in order.
pub(crate) fn groups(body: &[u8]) -> impl Iterator<Item = Result<(u64, &[u8]), TornBlock>> {
    let mut rest = body;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some((header, after)) = rest.split_first_chunk::<GROUP_HEADER_BYTES>() else {
            rest = &[];
            return Some(Err(TornBlock));
        };
        let term = u64::from_le_bytes([
            header[0], header[1], header[2], header[3], header[4], header[5], header[6], header[7],
        ]);
        let bytes = usize::from(u16::from_le_bytes([header[8], header[9]])) * OFFSET_BYTES;
        if after.len() < bytes {
            rest = &[];
            return Some(Err(TornBlock));
        }
        let (offsets, after) = after.split_at(bytes);
        rest = after;
        Some(Ok((term, offsets)))
    })
}

/// Appends the offsets that a block holds for a term.
pub(crate) fn find(body: &[u8], term: u64, offsets: &mut Vec<u16>) -> Result<(), TornBlock> {
    for group in groups(body) {
        let (group_term, group_offsets) = group?;
        if group_term > term {
            break;
        }
        if group_term == term {
            offsets.extend(decode_offsets(group_offsets));
        }
    }
    Ok(())
}

/// The offsets of a group.
pub(crate) fn decode_offsets(bytes: &[u8]) -> impl Iterator<Item = u16> {
    bytes.chunks_exact(OFFSET_BYTES).map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
}

#[cfg(test)]
mod tests {
    use super::{BLOCK_BYTES, encode, find, groups};

    #[test]
    fn every_pair_is_found_again_and_blocks_stay_small() {
        let mut pairs: Vec<(u64, u16)> =
            (0..60_000_u32).map(|n| (u64::from(n % 7) * 1_000, n as u16)).collect();
        pairs.extend((60_000..65_536_u32).map(|n| (1_000_000 + u64::from(n), n as u16)));
        pairs.sort_unstable();
        let blocks = encode(3, 5, &pairs);
        assert!(blocks.iter().all(|block| block.body.len() <= BLOCK_BYTES));
        assert!(blocks.windows(2).all(|pair| pair[0].first_term <= pair[1].first_term));
        for term in [0, 1_000, 6_000, 1_060_000, 1_065_535, 5] {
            let expected: Vec<u16> =
                pairs.iter().filter(|(other, _)| *other == term).map(|(_, offset)| *offset).collect();
            let mut found = Vec::new();
            for block in &blocks {
                find(&block.body, term, &mut found).unwrap();
            }
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_torn_block_is_an_error() {
        let blocks = encode(0, 0, &[(1, 1), (2, 2)]);
        let body = &blocks[0].body;
        for cut in 1..body.len() {
            let torn = groups(&body[..cut]).any(|group| group.is_err());
            assert_eq!(torn, cut != 12, "cut at {cut}");
        }
    }
}
