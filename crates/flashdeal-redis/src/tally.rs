//! Metrics of the gate, counted per call rather than per operation, which keeps them cheap.
//!
//! - `flashdeal_redis_call_seconds` (histogram): one call of the script, waiting for the reply included
//! - `flashdeal_batch_size{store="redis"}` (histogram): operations in one call
//! - `flashdeal_holds_total{event="made"|"changed"|"released"|"lapsed"|"begun"}` (counter)
//! - `flashdeal_reserves_refused_total{reason="insufficient"|"paying"|"key_reused"|"not_started"|"ended"|"over_limit"|"queued"}` (counter)
//! - `flashdeal_redis_closed_total` (counter): operations that found their gate closed
//! - `flashdeal_redis_errors_total` (counter): operations that failed
//! - `flashdeal_redis_asked_again_total` (counter): operations that had to wait for due holds to be ended
//! - `flashdeal_redis_connects_total`, `flashdeal_redis_connect_failures_total` (counters)

use std::time::Duration;

use flashdeal_domain::TermsRefusal;
use flashdeal_domain::ports::{BeginOutcome, LedgerError, ReleaseOutcome, ReserveOutcome};

use crate::error::STORE;
use crate::gate::Reply;

/// What became of the operations of one call.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    operations: usize,
    took: Duration,
    made: u64,
    changed: u64,
    released: u64,
    begun: u64,
    insufficient: u64,
    paying: u64,
    key_reused: u64,
    not_started: u64,
    ended: u64,
    over_limit: u64,
    queued: u64,
    closed: u64,
    errors: u64,
    again: u64,
}

impl Tally {
    pub(crate) fn of_call(operations: usize, took: Duration, answers: &[Result<Reply, LedgerError>]) -> Self {
        let mut tally = Self { operations, took, ..Self::default() };
        for answer in answers {
            if let Some(count) = tally.count_for(answer) {
                *count += 1;
            }
        }
        tally
    }

    fn count_for(&mut self, answer: &Result<Reply, LedgerError>) -> Option<&mut u64> {
        Some(match answer {
            Ok(Reply::Reserve(outcome)) => match outcome {
                ReserveOutcome::Held { created: true, .. } => &mut self.made,
                ReserveOutcome::Held { .. } => &mut self.changed,
                ReserveOutcome::Replayed(_) => return None,
                ReserveOutcome::KeyReused => &mut self.key_reused,
                ReserveOutcome::Insufficient(_) => &mut self.insufficient,
                ReserveOutcome::Queued(_) => &mut self.queued,
                ReserveOutcome::CheckoutInProgress => &mut self.paying,
                ReserveOutcome::Refused(TermsRefusal::NotStarted { .. }) => &mut self.not_started,
                ReserveOutcome::Refused(TermsRefusal::Ended { .. }) => &mut self.ended,
                ReserveOutcome::Refused(TermsRefusal::OverLimit { .. }) => &mut self.over_limit,
            },
            Ok(Reply::Release(ReleaseOutcome::Released(_))) => &mut self.released,
            Ok(Reply::Begin(BeginOutcome::Paying { .. })) => &mut self.begun,
            Ok(Reply::More(_)) => &mut self.again,
            Ok(_) => return None,
            Err(LedgerError::Closed { .. }) => &mut self.closed,
            Err(LedgerError::Store(_)) => &mut self.errors,
        })
    }

    pub(crate) fn report(&self) {
        metrics::histogram!("flashdeal_redis_call_seconds").record(self.took);
        let operations = u32::try_from(self.operations).unwrap_or(u32::MAX);
        metrics::histogram!("flashdeal_batch_size", "store" => STORE).record(operations);
        for (event, count) in
            [("made", self.made), ("changed", self.changed), ("released", self.released), ("begun", self.begun)]
        {
            if count > 0 {
                metrics::counter!("flashdeal_holds_total", "event" => event).increment(count);
            }
        }
        let refused = [
            ("insufficient", self.insufficient),
            ("paying", self.paying),
            ("key_reused", self.key_reused),
            ("not_started", self.not_started),
            ("ended", self.ended),
            ("over_limit", self.over_limit),
            ("queued", self.queued),
        ];
        for (reason, count) in refused {
            if count > 0 {
                metrics::counter!("flashdeal_reserves_refused_total", "reason" => reason).increment(count);
            }
        }
        if self.closed > 0 {
            metrics::counter!("flashdeal_redis_closed_total").increment(self.closed);
        }
        if self.errors > 0 {
            metrics::counter!("flashdeal_redis_errors_total").increment(self.errors);
        }
        if self.again > 0 {
            metrics::counter!("flashdeal_redis_asked_again_total").increment(self.again);
        }
    }
}
