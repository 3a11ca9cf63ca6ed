//! The ledger's clock: that of Redis, unless a test moves or stops it.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

/// For tests: moves or stops the clock of the gates, which is the clock of Redis otherwise. All instances on one Redis must
/// share it.
#[derive(Default)]
pub struct LedgerClock {
    offset: AtomicI64,
    standing: Mutex<Option<i64>>,
}

/// What a call is told of the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Time {
    /// That of Redis, plus milliseconds.
    Running { offset: i64 },
    /// Milliseconds since 1970.
    Standing { at: i64 },
}

impl LedgerClock {
    /// The clock of Redis itself.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A clock that stands still at these milliseconds since 1970.
    #[must_use]
    pub fn standing(at_millis: i64) -> Self {
        Self { offset: AtomicI64::new(0), standing: Mutex::new(Some(at_millis)) }
    }

    /// Moves it by milliseconds, backwards if negative.
    pub fn advance(&self, millis: i64) {
        let mut standing = self.lock();
        match standing.as_mut() {
            Some(at) => *at = at.saturating_add(millis),
            None => {
                self.offset.fetch_add(millis, Ordering::Relaxed);
            }
        }
    }

    /// Lets a standing clock run: it jumps to the time of Redis.
    pub fn run(&self) {
        *self.lock() = None;
    }

    pub(crate) fn time(&self) -> Time {
        match *self.lock() {
            Some(at) => Time::Standing { at },
            None => Time::Running { offset: self.offset.load(Ordering::Relaxed) },
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<i64>> {
        // One value that is replaced whole: no panic can leave it half way.
        self.standing.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl fmt::Debug for LedgerClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.time().fmt(f)
    }
}
