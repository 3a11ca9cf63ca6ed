//! Chance that follows from the seed.

use std::time::Duration;

/// Steele, Lea and Flood's `SplitMix64`: a seed must not change its meaning with a dependency's version.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The dice of one player: each has its own, so that no player's luck hangs on another's speed.
    #[must_use]
    pub fn new(seed: u64, player: &str) -> Self {
        let mut dice = Self(seed);
        for byte in player.bytes() {
            dice.0 = dice.roll() ^ u64::from(byte);
        }
        dice
    }

    /// Any number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from `least` to `most`, both included.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.roll() % (most.saturating_sub(least) + 1)
    }

    /// True this many times in a hundred.
    pub fn percent(&mut self, chance: u64) -> bool {
        self.between(0, 99) < chance
    }

    /// One of them; `None` if there is none.
    pub fn one_of<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        let last = u64::try_from(choices.len().checked_sub(1)?).ok()?;
        choices.get(usize::try_from(self.between(0, last)).ok()?)
    }

    /// A time between two, in whole milliseconds.
    pub fn time(&mut self, least: Duration, most: Duration) -> Duration {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.between(millis(least), millis(most)))
    }
}
