//! The crowd: who comes when, wants how many, and means to do what. All of it is drawn before the first one comes, so that the
//! same seed is the same crowd, however fast the server is.

use std::time::Duration;

use crate::numbers::Random;
use crate::plan::{Arrivals, Plan};

/// What a buyer does once they hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Intent {
    CheckOut,
    Cancel,
    WalkAway,
}

/// One buyer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Buyer {
    /// When they come, after the opening.
    pub(crate) at: Duration,
    pub(crate) quantity: u32,
    pub(crate) intent: Intent,
    pub(crate) think: Duration,
}

/// The crowd in the order in which it comes.
pub(crate) fn crowd(plan: &Plan) -> Vec<Buyer> {
    let mut random = Random::new(plan.seed);
    let times = arrivals(plan.arrivals, plan.buyers, plan.over, &mut random);
    let buyer = |at| {
        let quantity = random.between(plan.quantity.low, plan.quantity.high);
        let drawn = random.fraction();
        let intent = if drawn < plan.checkout_rate {
            Intent::CheckOut
        } else if drawn < plan.checkout_rate + plan.cancel_rate {
            Intent::Cancel
        } else {
            Intent::WalkAway
        };
        let think = plan.think.mul_f64(0.5 + random.fraction() / 2.0);
        Buyer { at, quantity, intent, think }
    };
    times.into_iter().map(buyer).collect()
}

/// The mean of the burst's law, as a share of the time.
const BURST_MEAN: f64 = 0.1;

/// As many instants from 0 to `over`, in order: each drawn by the inverse of its law.
pub(crate) fn arrivals(kind: Arrivals, buyers: u32, over: Duration, random: &mut Random) -> Vec<Duration> {
    let mut times: Vec<Duration> = (0..buyers)
        .map(|_| {
            let drawn = random.fraction();
            let share = match kind {
                Arrivals::Burst => {
                    let whole = 1.0 - (-1.0 / BURST_MEAN).exp();
                    -BURST_MEAN * (-drawn * whole).ln_1p()
                }
                Arrivals::Ramp => drawn.sqrt(),
                // Given how many there are, the instants of a Poisson process are even draws.
                Arrivals::Poisson => drawn,
            };
            over.mul_f64(share.clamp(0.0, 1.0))
        })
        .collect();
    times.sort_unstable();
    times
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::example;

    const OVER: Duration = Duration::from_secs(30);

    fn drawn(kind: Arrivals, seed: u64) -> Vec<Duration> {
        arrivals(kind, 10_000, OVER, &mut Random::new(seed))
    }

    /// The share that came in the first part of the time.
    fn by(times: &[Duration], share: f64) -> f64 {
        let until = OVER.mul_f64(share);
        f64::from(u32::try_from(times.iter().filter(|at| **at <= until).count()).unwrap()) / 10_000.0
    }

    #[test]
    fn everyone_comes_once_in_order_and_in_time() {
        for kind in [Arrivals::Burst, Arrivals::Ramp, Arrivals::Poisson] {
            let times = drawn(kind, 1);
            assert_eq!(times.len(), 10_000);
            assert!(times.is_sorted() && times.iter().all(|at| *at <= OVER), "{kind}");
            assert_eq!(times, drawn(kind, 1), "{kind} is not the same for the same seed");
            assert_ne!(times, drawn(kind, 2), "{kind} does not depend on the seed");
        }
        assert!(arrivals(Arrivals::Burst, 10, Duration::ZERO, &mut Random::new(1)).iter().all(Duration::is_zero));
    }

    #[test]
    fn each_kind_follows_its_law() {
        let near = |found: f64, expected: f64| (found - expected).abs() < 0.02;
        assert!(near(by(&drawn(Arrivals::Burst, 3), 0.07), 0.503));
        assert!(near(by(&drawn(Arrivals::Ramp, 3), 0.5), 0.25));
        assert!(near(by(&drawn(Arrivals::Poisson, 3), 0.5), 0.5));
    }

    #[test]
    fn the_crowd_is_the_same_for_the_same_seed_and_has_the_shares_of_the_plan() {
        let plan = example();
        let people = crowd(&plan);
        assert_eq!(people, crowd(&plan));
        assert_ne!(people, crowd(&Plan { seed: 8, ..plan.clone() }));
        let with = |intent| people.iter().filter(|buyer| buyer.intent == intent).count();
        assert!((2850..=3150).contains(&with(Intent::CheckOut)), "{}", with(Intent::CheckOut));
        assert!((420..=580).contains(&with(Intent::Cancel)), "{}", with(Intent::Cancel));
        assert!(people.iter().all(|buyer| (1..=3).contains(&buyer.quantity) && buyer.think <= plan.think));
        assert!((1..=3).all(|quantity| people.iter().any(|buyer| buyer.quantity == quantity)));
    }
}
