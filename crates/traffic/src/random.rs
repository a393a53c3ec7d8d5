//! `SplitMix64` (Steele, Lea and Flood, 2014): eight lines that never change, where a library generator may change
//! its stream with a release and so break "same seed, same bytes". Not for secrets.

#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// Uniform in `0..bound`; the bias of the multiply-shift is below 2^-40 for the small bounds used here.
    pub(crate) const fn below(&mut self, bound: usize) -> usize {
        ((self.next() as u128 * bound as u128) >> 64) as usize
    }

    pub(crate) const fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// In `0..bound`, small numbers far likelier: the product of two uniforms.
    pub(crate) const fn skewed_below(&mut self, bound: usize) -> usize {
        let reach = self.below(bound) + 1;
        self.below(reach)
    }
}

/// Turns a counter into 64 well-spread bits; also gives an actor the same traits every time it appears.
pub(crate) const fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_the_published_one() {
        // Reference values of the SplitMix64 paper's generator for seed 1234567.
        let mut random = Random::new(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn draws_stay_below_their_bound() {
        let mut random = Random::new(9);
        for bound in 1..200 {
            assert!(random.below(bound) < bound);
            assert!(random.skewed_below(bound) < bound);
        }
    }
}
