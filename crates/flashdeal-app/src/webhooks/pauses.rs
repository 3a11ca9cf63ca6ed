//! How long to wait after a failure.

use std::time::Duration;

/// The first pause, doubled with each failure that follows.
const FIRST: Duration = Duration::from_secs(1);
/// The longest that is chosen here.
const LONGEST: Duration = Duration::from_mins(5);
/// The longest that an endpoint may ask for.
const LONGEST_ASKED_FOR: Duration = Duration::from_mins(10);

/// The pauses between the attempts of one delivery.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    failures: u32,
}

impl Pauses {
    /// The pause after another failure. If the endpoint asked for one, that, within bounds; else ever longer ones, between half of
    /// it and all of it as `random` has it, so that instances and endpoints do not march in step.
    pub(super) fn next(&mut self, asked_for: Option<Duration>, random: u8) -> Duration {
        let longest = FIRST.saturating_mul(1 << self.failures.min(16)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        match asked_for {
            Some(pause) => pause.clamp(FIRST, LONGEST_ASKED_FOR),
            None => longest / 2 + longest / 2 * u32::from(random) / 255,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_five_minutes_and_are_jittered() {
        for random in [0, 100, 255] {
            let mut pauses = Pauses::default();
            for failures in 0..40_u32 {
                let longest = Duration::from_secs(1 << failures.min(16)).min(LONGEST);
                let pause = pauses.next(None, random);
                assert!(pause >= longest / 2 && pause <= longest, "{pause:?} after {failures}");
            }
        }
        assert_eq!(Pauses::default().next(None, 255), FIRST);
    }

    #[test]
    fn what_is_asked_for_is_heeded_within_bounds() {
        let mut pauses = Pauses::default();
        for (asked, given) in [(0, 1), (1, 1), (90, 90), (600, 600), (86_400, 600)] {
            assert_eq!(pauses.next(Some(Duration::from_secs(asked)), 7), Duration::from_secs(given));
        }
    }
}
