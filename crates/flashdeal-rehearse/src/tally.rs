//! What happened so far: written by every buyer, read by the progress bar and the report.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use flashdeal_client::{Attempt, Error};
use flashdeal_domain::{Order, Reservation};
use hdrhistogram::Histogram;

/// What is measured.
pub(crate) const OPERATIONS: [&str; 4] = ["status", "reserve", "checkout", "release"];

/// What a sale answers to many when all is well.
const EXPECTED: [&str; 7] = [
    "sold_out",
    "all_held",
    "waiting_list",
    "no_reservation",
    "sale_not_started",
    "sale_ended",
    "limit_per_reservation",
];

/// How it ended for the buyers who came: each of them is in one of these.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct People {
    /// Came.
    pub arrived: u64,
    /// Checked out.
    pub bought: u64,
    /// Gave their units back.
    pub cancelled: u64,
    /// Went without buying: the hold, if they had one already, is left to lapse.
    pub walked_away: u64,
    /// Held, but the hold was over before the checkout or the release.
    pub lapsed: u64,
    /// Came too late: sold out, or all held, also after waiting a little; or the terms of the sale did not allow it.
    pub turned_away: u64,
    /// Got an error: rate limited, unavailable, no answer, or worse.
    pub failed: u64,
}

impl People {
    /// Those who are still inside.
    pub(crate) fn inside(&self) -> u64 {
        let out = self.bought + self.cancelled + self.walked_away + self.lapsed + self.turned_away + self.failed;
        self.arrived.saturating_sub(out)
    }
}

/// One operation's answers.
#[derive(Debug, Clone)]
pub(crate) struct Latency {
    /// In microseconds.
    pub(crate) times: Histogram<u64>,
    /// Attempts beyond the first of their call.
    pub(crate) repeats: u64,
    /// Attempts without an answer, or with 5xx.
    pub(crate) failures: u64,
}

impl Default for Latency {
    fn default() -> Self {
        // One microsecond to a minute, three digits: bounds that the library knows to be fine.
        let times = Histogram::new_with_bounds(1, 60_000_000, 3);
        #[expect(clippy::expect_used, reason = "constant bounds; the tests make one")]
        let times = times.expect("a histogram of these bounds can be made");
        Self { times, repeats: 0, failures: 0 }
    }
}

/// What a buyer left behind whose last call got no answer: to be found out when the crowd is gone.
#[derive(Debug, Clone)]
pub(crate) enum Unsettled {
    /// Whether they hold.
    Hold,
    /// Whether this hold was sold.
    Sale(Reservation),
    /// Whether their hold was given back.
    Release,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    pub(crate) people: People,
    pub(crate) arrivals: Vec<Duration>,
    pub(crate) sales: Vec<(Duration, u32)>,
    pub(crate) orders: Vec<Order>,
    /// Holds that were left to lapse.
    pub(crate) left: Vec<Reservation>,
    /// By number of the buyer.
    pub(crate) unsettled: Vec<(u32, Unsettled)>,
    pub(crate) refusals: BTreeMap<String, u64>,
    pub(crate) latencies: BTreeMap<&'static str, Latency>,
    /// Answers of 429.
    pub(crate) rate_limited: u64,
    /// The longest that somebody waited for their first call, because `concurrency` others were under way.
    pub(crate) latest: Duration,
    /// The first error that is not one of a busy sale, in full.
    pub(crate) first_failure: Option<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Counts>);

impl Tally {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn attempt(&self, attempt: &Attempt) {
        if !OPERATIONS.contains(&attempt.operation) {
            return;
        }
        let mut counts = self.lock();
        counts.rate_limited += u64::from(attempt.status == Some(429));
        let latency = counts.latencies.entry(attempt.operation).or_default();
        latency.times.saturating_record(u64::try_from(attempt.took.as_micros()).unwrap_or(u64::MAX).max(1));
        latency.repeats += u64::from(attempt.number > 1);
        latency.failures += u64::from(attempt.status.is_none_or(|status| status >= 500));
    }

    pub(crate) fn refused(&self, error: &Error) {
        let reason = reason(error);
        let mut counts = self.lock();
        if !EXPECTED.contains(&reason.as_str()) && counts.first_failure.is_none() {
            counts.first_failure = Some(error.to_string());
        }
        *counts.refusals.entry(reason).or_default() += 1;
    }
}

/// In one word, the one of the API where there is one.
pub(crate) fn reason(error: &Error) -> String {
    match error {
        Error::Refused(problem) => match (&problem.reason, problem.code.as_str()) {
            (Some(reason), _) => reason.clone(),
            (None, "") => format!("status {}", problem.status),
            (None, code) => code.to_owned(),
        },
        Error::Unreachable { .. } => "no_answer".to_owned(),
        _ => "unreadable_answer".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_counted_by_operation() {
        let tally = Tally::default();
        let attempt = |operation, number, status, millis| {
            tally.attempt(&Attempt { operation, number, status, took: Duration::from_millis(millis) });
        };
        attempt("reserve", 1, Some(503), 10);
        attempt("reserve", 2, Some(429), 20);
        attempt("reserve", 3, None, 90_000);
        attempt("orders", 1, Some(200), 1);
        let counts = tally.lock();
        assert_eq!(counts.latencies.len(), 1);
        let reserve = &counts.latencies["reserve"];
        assert_eq!((reserve.times.len(), reserve.repeats, reserve.failures), (3, 2, 2));
        assert!(reserve.times.max() >= 59_000_000);
        assert_eq!(counts.rate_limited, 1);
    }
}
