//! Choices that a seed decides, so that a failure can be repeated.

/// `SplitMix64`: a short generator whose numbers do not matter, only that they differ.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from `least` to below `end`.
    pub(super) fn number(&mut self, least: usize, end: usize) -> usize {
        least + (self.next() % (end - least) as u64) as usize
    }

    pub(super) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.number(0, choices.len())]
    }

    /// Lower-case letters that begin with `x`, which no member of an event does.
    pub(super) fn word(&mut self) -> String {
        let letters = self.number(3, 12);
        let letter = |dice: &mut Self| char::from(b'a' + dice.number(0, 26) as u8);
        std::iter::once('x').chain((0..letters).map(|_| letter(self))).collect()
    }
}
