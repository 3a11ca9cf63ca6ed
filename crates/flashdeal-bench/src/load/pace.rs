//! When a request is due, whatever became of those before it.

use std::time::{Duration, Instant};

use crate::numbers::float;

/// Requests at even steps of time. A request is as late as its answer is after it was *due*: when the server stalls, those that
/// had to wait for a free connection count their wait too, so no omission is coordinated with the server.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    begin: Instant,
    per_second: f64,
    taken: u64,
}

impl Pace {
    /// `per_second` requests a second from `begin` on.
    pub(crate) fn new(begin: Instant, per_second: f64) -> Self {
        Self { begin, per_second, taken: 0 }
    }

    /// When the next one is due.
    pub(crate) fn next(&self) -> Instant {
        let after = Duration::try_from_secs_f64(float(self.taken) / self.per_second).unwrap_or(Duration::MAX);
        self.begin.checked_add(after).unwrap_or(self.begin)
    }

    /// Takes the next one if it is due.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Instant> {
        let due = self.next();
        (due <= now).then(|| {
            self.taken += 1;
            due
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn requests_are_due_at_even_steps() {
        let begin = clock::now();
        let mut pace = Pace::new(begin, 1_000.0);
        assert_eq!(pace.take(begin), Some(begin));
        assert_eq!(pace.take(begin), None);
        let step = Duration::from_millis(1);
        assert_eq!(pace.next(), begin + step);
        assert_eq!(pace.take(begin + step), Some(begin + step));
    }

    #[test]
    fn a_stall_makes_nothing_less_due() {
        let begin = clock::now();
        let mut pace = Pace::new(begin, 1_000.0);
        let stalled = begin + Duration::from_millis(100);
        let due: Vec<_> = std::iter::from_fn(|| pace.take(stalled)).collect();
        assert_eq!(due.len(), 101);
        assert_eq!(due.first(), Some(&begin), "the first one is 100 ms late, and counts so");
        assert!(pace.next() > stalled);
    }

    #[test]
    fn steps_do_not_drift() {
        let begin = clock::now();
        let mut pace = Pace::new(begin, 30_000.0);
        let end = begin + Duration::from_secs(10);
        let count = std::iter::from_fn(|| pace.take(end)).count();
        assert_eq!(count, 300_001);
    }
}
