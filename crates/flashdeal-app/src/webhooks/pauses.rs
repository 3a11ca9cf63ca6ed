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
    /// The pause after another failure: ever longer ones, between half of it and all of it as `random` has it, so that instances and
    /// endpoints do not march in step. If the endpoint asked for a longer one, that, within bounds.
    pub(super) fn next(&mut self, asked_for: Option<Duration>, random: u8) -> Duration {
        let longest = FIRST.saturating_mul(1 << self.failures.min(16)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        let own = longest / 2 + longest / 2 * u32::from(random) / 255;
        own.max(asked_for.unwrap_or_default().min(LONGEST_ASKED_FOR))
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
        for (asked, given) in [(2, 2), (90, 90), (600, 600), (86_400, 600)] {
            assert_eq!(Pauses::default().next(Some(Duration::from_secs(asked)), 7), Duration::from_secs(given));
        }
    }

    #[test]
    fn asking_for_no_pause_does_not_end_the_doubling() {
        let (mut pauses, mut plain) = (Pauses::default(), Pauses::default());
        for failures in 0..20 {
            let (given, own) = (pauses.next(Some(Duration::ZERO), 7), plain.next(None, 7));
            assert_eq!(given, own, "after {failures}");
        }
        assert_eq!(pauses.next(Some(FIRST), 255), LONGEST);
    }
}
