//! Random numbers that are the same in every run, and the law by which few products draw most of the crowd.

use crate::numbers::float;

/// `SplitMix64`: small, quick, and good enough to spread a load.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 when the bound is 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let bound = u128::try_from(bound).unwrap_or(0);
        usize::try_from((u128::from(self.next()) * bound) >> 64).unwrap_or(0)
    }

    /// A fraction from 0, which it may be, to 1, which it is not.
    pub(crate) fn fraction(&mut self) -> f64 {
        float(self.next() >> 11) / float(1 << 53)
    }
}

/// Zipf's law: the product of rank `k` is drawn in proportion to `1 / k^s`.
#[derive(Debug, Clone)]
pub(crate) struct Zipf {
    /// The chance of drawing this rank or one before it.
    cumulative: Vec<f64>,
}

impl Zipf {
    pub(crate) fn new(ranks: usize, exponent: f64) -> Self {
        let mut sum = 0.0;
        let mut rank = 0.0_f64;
        let mut cumulative: Vec<f64> = (0..ranks)
            .map(|_| {
                rank += 1.0;
                sum += rank.powf(-exponent);
                sum
            })
            .collect();
        for chance in &mut cumulative {
            *chance /= sum;
        }
        Self { cumulative }
    }

    /// A rank, counted from 0.
    pub(crate) fn draw(&self, random: &mut Random) -> usize {
        let fraction = random.fraction();
        let rank = self.cumulative.partition_point(|chance| *chance <= fraction);
        rank.min(self.cumulative.len().saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers_within_their_bounds() {
        let (mut one, mut other) = (Random::new(7), Random::new(7));
        for _ in 0..10_000 {
            assert_eq!(one.next(), other.next());
            assert!(one.below(3) < 3);
            other.next();
            assert!((0.0..1.0).contains(&one.fraction()));
            other.next();
        }
        assert_eq!(one.below(0), 0);
    }

    #[test]
    fn an_even_draw_is_even() {
        let mut random = Random::new(1);
        let mut drawn = [0_u32; 10];
        for _ in 0..100_000 {
            drawn[random.below(10)] += 1;
        }
        assert!(drawn.iter().all(|times| (9_500..10_500).contains(times)), "{drawn:?}");
    }

    #[test]
    fn zipf_draws_each_rank_as_often_as_the_law_says() {
        let (ranks, exponent) = (1_000, 1.1);
        let zipf = Zipf::new(ranks, exponent);
        let mut random = Random::new(42);
        let mut drawn = vec![0_u32; ranks];
        for _ in 0..1_000_000 {
            drawn[zipf.draw(&mut random)] += 1;
        }
        let sum: f64 = (1..=1_000).map(|rank| f64::from(rank).powf(-exponent)).sum();
        for rank in [1_u16, 2, 10, 100] {
            let expected = 1_000_000.0 * f64::from(rank).powf(-exponent) / sum;
            let found = f64::from(drawn[usize::from(rank) - 1]);
            assert!((found / expected - 1.0).abs() < 0.1, "rank {rank}: {found}, not {expected}");
        }
        assert_eq!(drawn.iter().sum::<u32>(), 1_000_000);
    }

    #[test]
    fn a_single_product_is_always_drawn() {
        let zipf = Zipf::new(1, 1.1);
        assert_eq!(zipf.draw(&mut Random::new(3)), 0);
    }
}
