//! Xor filters: which terms a set may hold, in about ten bits a term.
//!
//! A filter never denies a term that is in its set, and accepts one of about 256 others (Graf and Lemire, "Xor Filters:
//! Faster and Smaller Than Bloom and Cuckoo Filters", 2020, with fingerprints of 8 bits). The same set always gives the
//! same bytes, so that a filter can be built again and compared. The bytes are described in `docs/formats/store.md`.

/// Block length (2 bytes) and seed (1 byte).
const HEADER_BYTES: usize = 3;
/// Slots beyond the 1.23 a term: small sets would find no order without them.
const SLOTS_MIN: usize = 32;
/// Seeds that are tried; one in about 1.3 works.
const SEEDS: u8 = u8::MAX;

/// Bytes that are not the filters they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a term filter is torn")]
pub(crate) struct TornFilter;

/// A filter, borrowed from where it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TermFilter<'a> {
    /// No term is in the set.
    Nothing,
    /// Any term may be.
    Everything,
    /// A term whose three fingerprints fit may be.
    Some { seed: u8, fingerprints: &'a [u8] },
}

impl<'a> TermFilter<'a> {
    /// Reads the first filter of `bytes`; answers what follows it.
    pub(crate) fn split_from(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), TornFilter> {
        let (&[low, high, seed], rest) = bytes.split_first_chunk::<HEADER_BYTES>().ok_or(TornFilter)?;
        let block = usize::from(u16::from_le_bytes([low, high]));
        let (fingerprints, rest) = rest.split_at_checked(3 * block).ok_or(TornFilter)?;
        let filter = match (block, seed) {
            (0, 0) => Self::Nothing,
            (0, 1) => Self::Everything,
            (0, _) => return Err(TornFilter),
            _ => Self::Some { seed, fingerprints },
        };
        Ok((filter, rest))
    }

    /// Whether the term may be in the set; true for every one that is.
    pub(crate) fn may_hold(&self, term: u64) -> bool {
        match *self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::Some { seed, fingerprints } => {
                let hash = mixed(term, seed);
                let [first, second, third] = slots(hash, fingerprints.len() / 3);
                fingerprint(hash) == fingerprints[first] ^ fingerprints[second] ^ fingerprints[third]
            }
        }
    }
}

/// Appends the filter of a set, given sorted and without repetition.
pub(crate) fn encode(terms: &[u64], bytes: &mut Vec<u8>) {
    if terms.is_empty() {
        bytes.extend_from_slice(&[0, 0, 0]);
        return;
    }
    let block = (terms.len() * 123).div_ceil(100).saturating_add(SLOTS_MIN).div_ceil(3);
    // Where no filter can be built, none is: whoever asks then reads the entries.
    let built = u16::try_from(block)
        .ok()
        .and_then(|length| (0..SEEDS).find_map(|seed| Some((length, seed, peel(terms, block, seed)?))));
    match built {
        None => bytes.extend_from_slice(&[0, 0, 1]),
        Some((length, seed, order)) => {
            bytes.extend_from_slice(&length.to_le_bytes());
            bytes.push(seed);
            let start = bytes.len();
            bytes.resize(start + 3 * block, 0);
            assign(&order, block, &mut bytes[start..]);
        }
    }
}

/// A term's hash and the slot that it has to itself once those before it in the order are taken away.
type Peeled = (u64, usize);

/// The order in which every term finds a slot of its own; `None` when this seed leaves some without.
fn peel(terms: &[u64], block: usize, seed: u8) -> Option<Vec<Peeled>> {
    // For each slot how many terms use it, and the exclusive or of their hashes: of a single one that is its hash.
    let mut users = vec![(0_u32, 0_u64); 3 * block];
    for term in terms {
        let hash = mixed(*term, seed);
        for slot in slots(hash, block) {
            users[slot].0 += 1;
            users[slot].1 ^= hash;
        }
    }
    let mut alone: Vec<usize> = (0..users.len()).filter(|slot| users[*slot].0 == 1).collect();
    let mut order = Vec::with_capacity(terms.len());
    while let Some(slot) = alone.pop() {
        if users[slot].0 != 1 {
            continue;
        }
        let hash = users[slot].1;
        order.push((hash, slot));
        for other in slots(hash, block) {
            users[other].0 -= 1;
            users[other].1 ^= hash;
            if users[other].0 == 1 {
                alone.push(other);
            }
        }
    }
    (order.len() == terms.len()).then_some(order)
}

/// Gives each slot the fingerprint that makes its term's three fit; the last peeled first, because the slots of an
/// earlier one may be used by it.
fn assign(order: &[Peeled], block: usize, fingerprints: &mut [u8]) {
    for (hash, slot) in order.iter().rev() {
        let others = slots(*hash, block).into_iter().filter(|other| other != slot);
        fingerprints[*slot] = others.fold(fingerprint(*hash), |value, other| value ^ fingerprints[other]);
    }
}

/// The finaliser of `MurmurHash3` over the term and the seed, which is spread over all bits.
fn mixed(term: u64, seed: u8) -> u64 {
    let mut hash = term.wrapping_add(u64::from(seed).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

fn fingerprint(hash: u64) -> u8 {
    (hash ^ (hash >> 32)) as u8
}

/// One slot in each of the three blocks.
fn slots(hash: u64, block: usize) -> [usize; 3] {
    let within = |bits: u64| ((u64::from(bits as u32) * block as u64) >> 32) as usize;
    [within(hash), block + within(hash.rotate_left(21)), 2 * block + within(hash.rotate_left(42))]
}

#[cfg(test)]
mod tests {
    use proptest::collection::btree_set;
    use proptest::prelude::*;

    use super::*;

    fn filter_of(terms: &[u64]) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(terms, &mut bytes);
        bytes
    }

    fn read(bytes: &[u8]) -> TermFilter<'_> {
        let (filter, rest) = TermFilter::split_from(bytes).unwrap();
        assert!(rest.is_empty());
        filter
    }

    proptest! {
        #[test]
        fn no_term_of_the_set_is_denied(terms in btree_set(any::<u64>(), 0..500)) {
            let terms: Vec<u64> = terms.into_iter().collect();
            let bytes = filter_of(&terms);
            let filter = read(&bytes);
            prop_assert!(terms.iter().all(|term| filter.may_hold(*term)));
            prop_assert_eq!(&bytes, &filter_of(&terms));
            let is_built = !matches!(filter, TermFilter::Everything);
            prop_assert!(is_built);
        }

        #[test]
        fn neighbours_are_told_apart_as_well_as_strangers(first in any::<u64>(), count in 1_usize..5_000) {
            let mut terms: Vec<u64> = (0..count as u64).map(|step| first.wrapping_add(step)).collect();
            terms.sort_unstable();
            let bytes = filter_of(&terms);
            let filter = read(&bytes);
            prop_assert!(terms.iter().all(|term| filter.may_hold(*term)));
        }
    }

    #[test]
    fn one_of_256_other_terms_is_accepted_and_a_term_takes_ten_bits() {
        let terms: Vec<u64> = (1..=4_096).map(|number| number * 1_000_003).collect();
        let bytes = filter_of(&terms);
        assert!(bytes.len() * 8 <= terms.len() * 10, "{} bytes", bytes.len());
        let filter = read(&bytes);
        let others = 1_000_000;
        let accepted = (0..others).filter(|number| filter.may_hold(u64::MAX - number * 977)).count();
        // 3,906 are expected; five standard deviations are 312.
        assert!((3_594..=4_218).contains(&accepted), "{accepted} of {others}");
    }

    #[test]
    fn the_empty_set_holds_nothing_and_torn_bytes_are_an_error() {
        let empty = filter_of(&[]);
        assert!(!read(&empty).may_hold(1));
        assert!(read(&[0, 0, 1]).may_hold(1));
        let bytes = filter_of(&[1, 2, 3]);
        for cut in 0..bytes.len() {
            assert_eq!(TermFilter::split_from(&bytes[..cut]), Err(TornFilter), "cut at {cut}");
        }
        assert_eq!(TermFilter::split_from(&[0, 0, 2]), Err(TornFilter));
    }

    #[test]
    fn the_bytes_of_a_set_never_change() {
        let bytes = filter_of(&[1, 2, 3, 0x7fff_ffff_ffff_ffff]);
        let hex = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
        assert_eq!(hex, GOLDEN);
    }

    const GOLDEN: &str =
        "0d0000000000000000000000000000000000000000000000000000970000001c00000000000000009667";
}
