//! What became of holds, counted under the book's lock and told to the metrics once a transaction and once a tick.
//!
//! - `flashdeal_holds_total{event="made"|"changed"|"released"|"lapsed"|"begun"|"finished"}` (counter)
//! - `flashdeal_reserves_refused_total{reason="insufficient"|"paying"|"key_reused"|"not_started"|"ended"|"over_limit"|"queued"}` (counter)

use flashdeal_domain::TermsRefusal;

/// What happened at the gates since it was last asked.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Tally {
    pub(crate) made: u64,
    pub(crate) changed: u64,
    pub(crate) released: u64,
    pub(crate) lapsed: u64,
    pub(crate) begun: u64,
    pub(crate) finished: u64,
    pub(crate) insufficient: u64,
    pub(crate) paying: u64,
    pub(crate) key_reused: u64,
    pub(crate) not_started: u64,
    pub(crate) ended: u64,
    pub(crate) over_limit: u64,
    pub(crate) queued: u64,
}

impl Tally {
    /// What was counted; from now on it counts anew.
    pub(crate) fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// A reserve that the terms did not allow.
    pub(crate) fn refused(&mut self, refusal: TermsRefusal) {
        *match refusal {
            TermsRefusal::NotStarted { .. } => &mut self.not_started,
            TermsRefusal::Ended { .. } => &mut self.ended,
            TermsRefusal::OverLimit { .. } => &mut self.over_limit,
        } += 1;
    }

    /// Tells the metrics.
    pub(crate) fn report(&self) {
        let holds = [
            ("made", self.made),
            ("changed", self.changed),
            ("released", self.released),
            ("lapsed", self.lapsed),
            ("begun", self.begun),
            ("finished", self.finished),
        ];
        for (event, count) in holds.into_iter().filter(|(_, count)| *count > 0) {
            metrics::counter!("flashdeal_holds_total", "event" => event).increment(count);
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
        for (reason, count) in refused.into_iter().filter(|(_, count)| *count > 0) {
            metrics::counter!("flashdeal_reserves_refused_total", "reason" => reason).increment(count);
        }
    }
}
