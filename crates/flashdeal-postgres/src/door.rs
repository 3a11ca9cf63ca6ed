//! When a new connection may be tried: at once while all is well, by one at a time and ever more rarely while it is not.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The first pause after a failure, doubled with each one that follows.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Keeps the callers of a server that is down, or has just come back, from storming it.
#[derive(Debug, Default)]
pub(crate) struct Door {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    closed_until: Option<Instant>,
    why: String,
}

/// The door is closed until then, for the reason that the last attempt failed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Closed {
    pub(crate) until: Instant,
    pub(crate) why: String,
}

impl Door {
    /// Asks for leave to connect. After a failure one caller gets it when the pause is over; the others wait for how that
    /// one fares, or until `probe` has passed.
    pub(crate) fn enter(&self, probe: Duration) -> Result<(), Closed> {
        let mut state = self.state();
        let now = Instant::now();
        if let Some(until) = state.closed_until.filter(|until| *until > now) {
            return Err(Closed { until, why: state.why.clone() });
        }
        if state.failures > 0 {
            state.closed_until = Some(now + probe);
        }
        Ok(())
    }

    /// A connection was made: the door is open.
    pub(crate) fn succeeded(&self) {
        *self.state() = State::default();
    }

    /// A connection failed: the door closes for a while, not for equally long in every process. Answers until when.
    pub(crate) fn failed(&self, why: String) -> Instant {
        let mut state = self.state();
        let longest = FIRST_PAUSE.saturating_mul(1 << state.failures.min(8)).min(LONGEST_PAUSE);
        state.failures = state.failures.saturating_add(1);
        let until = Instant::now() + longest.mul_f64(random_from_half_to_one());
        state.closed_until = Some(until);
        state.why = why;
        until
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change above is one assignment after another that cannot panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn random_from_half_to_one() -> f64 {
    // A new RandomState is seeded by the system; jitter needs nothing better.
    let random = u32::try_from(RandomState::new().hash_one(()) >> 32).unwrap_or(0);
    0.5 + f64::from(random) / f64::from(u32::MAX) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn after_a_failure_one_at_a_time_and_ever_more_rarely() {
        let probe = Duration::from_millis(500);
        let door = Door::default();
        assert!(door.enter(probe).is_ok() && door.enter(probe).is_ok(), "no failure, no queue");
        for failures in 0..10_u32 {
            let until = door.failed("refused".to_owned());
            let pause = until - Instant::now();
            assert_eq!(door.enter(probe), Err(Closed { until, why: "refused".to_owned() }));
            let longest = (FIRST_PAUSE * 2_u32.pow(failures)).min(LONGEST_PAUSE);
            assert!(pause >= longest / 2 && pause <= longest, "{pause:?} after {failures}");
            tokio::time::advance(pause).await;
            assert!(door.enter(probe).is_ok(), "the pause is over");
            assert!(door.enter(probe).is_err(), "one at a time");
        }
        tokio::time::advance(probe).await;
        assert!(door.enter(probe).is_ok(), "the one that had leave never came back");
        door.succeeded();
        assert!(door.enter(probe).is_ok() && door.enter(probe).is_ok(), "all is well again");
    }
}
