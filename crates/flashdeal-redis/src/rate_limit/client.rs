//! What one instance knows of one client.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Decision;

/// Two ends of a window that lie closer than this are ends of the same one: they are reckoned from replies that travelled.
const SAME_WINDOW: Duration = Duration::from_millis(50);

/// A client of this instance.
pub(super) struct Client {
    pub(super) address: IpAddr,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    window: Option<Window>,
    /// Admitted here, and Redis has not been told.
    unsettled: u64,
    /// Admitted here, and Redis is being told.
    under_way: u64,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    /// What Redis had counted when it last answered.
    known: u64,
    ends: Instant,
}

/// What can be said without asking.
pub(super) enum Local {
    Decided {
        decision: Decision,
        /// Whether Redis is to be told of something, which it was not before.
        first_unsettled: bool,
    },
    Unknown,
}

impl Client {
    pub(super) fn new(address: IpAddr) -> Self {
        Self { address, state: Mutex::default() }
    }

    pub(super) fn decide(&self, now: Instant, limit: u64, margin: u64) -> Local {
        let mut state = self.state();
        let Some(window) = state.window.filter(|window| now < window.ends) else {
            return Local::Unknown;
        };
        let reset_after = window.ends.duration_since(now);
        let decision = |allowed, remaining| Decision { allowed, remaining, reset_after, local: true };
        let count = window.known + state.unsettled + state.under_way;
        if window.known >= limit {
            return Local::Decided { decision: decision(false, 0), first_unsettled: false };
        }
        if limit <= margin || count + margin >= limit {
            return Local::Unknown;
        }
        state.unsettled += 1;
        Local::Decided { decision: decision(true, limit - count - 1), first_unsettled: state.unsettled == 1 }
    }

    /// What Redis is to be told. Follow up with [`Self::settled`] or [`Self::not_settled`].
    pub(super) fn take_unsettled(&self, now: Instant) -> u64 {
        let mut state = self.state();
        let taken = std::mem::take(&mut state.unsettled);
        if state.window.is_none_or(|window| now >= window.ends) {
            // It belonged to a window that is over.
            return 0;
        }
        state.under_way += taken;
        taken
    }

    pub(super) fn settled(&self, told: u64, count: u64, ends: Instant) {
        let mut state = self.state();
        state.under_way = state.under_way.saturating_sub(told);
        let window = match state.window {
            // Replies may overtake each other; a count never falls within a window.
            Some(old) if ends < old.ends + SAME_WINDOW => Window {
                known: if ends + SAME_WINDOW > old.ends { old.known.max(count) } else { old.known },
                ends: old.ends,
            },
            _ => Window { known: count, ends },
        };
        state.window = Some(window);
    }

    /// Redis could not be told. Until it can be asked again nobody knows enough to decide.
    pub(super) fn not_settled(&self, told: u64) {
        let mut state = self.state();
        state.under_way = state.under_way.saturating_sub(told);
        state.unsettled = 0;
        state.window = None;
    }

    /// Whether nothing is lost if this is forgotten.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        let state = self.state();
        state.under_way == 0 && state.window.is_none_or(|window| now >= window.ends)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is a few assignments that cannot panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(client: &Client, now: Instant, limit: u64) -> Option<(bool, u64, bool)> {
        match client.decide(now, limit, 5) {
            Local::Decided { decision, first_unsettled } => {
                Some((decision.allowed, decision.remaining, first_unsettled))
            }
            Local::Unknown => None,
        }
    }

    #[tokio::test]
    async fn only_what_is_certain_is_decided_without_asking() {
        let now = Instant::now();
        let client = Client::new(IpAddr::from([10, 0, 0, 1]));
        assert_eq!(decided(&client, now, 10), None);
        client.settled(0, 1, now + Duration::from_secs(1));
        assert_eq!(decided(&client, now, 10), Some((true, 8, true)));
        assert_eq!(decided(&client, now, 10), Some((true, 7, false)));
        assert_eq!(client.take_unsettled(now), 2);
        // What is under way still counts.
        assert_eq!(decided(&client, now, 10), Some((true, 6, true)));
        assert_eq!(decided(&client, now, 10), Some((true, 5, false)));
        assert_eq!(decided(&client, now, 10), None);
        client.settled(2, 10, now + Duration::from_secs(1));
        assert_eq!(decided(&client, now, 10), Some((false, 0, false)));
        assert_eq!(decided(&client, now + Duration::from_secs(1), 10), None);
    }

    #[tokio::test]
    async fn small_limits_always_ask() {
        let now = Instant::now();
        let client = Client::new(IpAddr::from([10, 0, 0, 1]));
        client.settled(0, 0, now + Duration::from_secs(1));
        assert_eq!(decided(&client, now, 5), None);
    }

    #[tokio::test]
    async fn an_old_reply_does_not_turn_the_count_back() {
        let now = Instant::now();
        let client = Client::new(IpAddr::from([10, 0, 0, 1]));
        client.settled(0, 10, now + Duration::from_secs(1));
        client.settled(0, 4, now + Duration::from_millis(999));
        assert_eq!(decided(&client, now, 10), Some((false, 0, false)));
        // A new window does.
        client.settled(0, 1, now + Duration::from_secs(2));
        assert_eq!(decided(&client, now, 10), Some((true, 8, true)));
    }
}
