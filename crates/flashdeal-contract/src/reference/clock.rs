//! A clock that stands still until it is moved.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{SystemTime, UNIX_EPOCH};

use flashdeal_domain::Timestamp;
use flashdeal_domain::ports::Clock;

/// A clock for tests: it stands still until it is moved, or runs with real time if told to.
#[derive(Debug)]
pub struct ManualClock(Mutex<Hand>);

#[derive(Debug, Clone, Copy)]
enum Hand {
    /// At this instant.
    Still(i64),
    /// This far from real time.
    Running(i64),
}

impl ManualClock {
    /// A clock that stands at the present.
    #[must_use]
    pub fn new() -> Self {
        Self(Mutex::new(Hand::Still(real())))
    }

    /// Moves it by exactly this many milliseconds, backwards if negative.
    pub fn advance(&self, by_ms: i64) {
        let mut hand = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *hand = match *hand {
            Hand::Still(at) => Hand::Still(at.saturating_add(by_ms)),
            Hand::Running(off) => Hand::Running(off.saturating_add(by_ms)),
        };
    }

    /// Lets it run with real time from where it stands.
    pub fn run(&self) {
        let mut hand = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Hand::Still(at) = *hand {
            *hand = Hand::Running(at.saturating_sub(real()));
        }
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        let hand = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Timestamp::from_millis(match hand {
            Hand::Still(at) => at,
            Hand::Running(off) => real().saturating_add(off),
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the clock that is passed in")]
fn real() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
