//! How far the ledger is settled: up to where no entry can appear any more that is not there yet.
//!
//! Entries are numbered when they are written and seen when they are committed, so a higher number may be seen before a lower
//! one: whoever goes on after the highest number they saw passes over what was still on its way. So nobody reads further than the
//! horizon.
//!
//! A look sees the highest entry there is, `newest`, and then takes a transaction's number, `ours`. Whoever wrote an entry below
//! `newest` was given its number before `newest` was, and had a transaction's number before that (every writer locks the product's
//! row first), hence one below `ours`. Once a later look finds nothing running below `ours`, all of those have ended: what is up to
//! `newest` can be seen, or never will be.
//!
//! The upper end of the snapshot would be no such bound: it is the number after the last transaction that *ended*, and one above it
//! may run already.
//!
//! A transaction that runs long, in whatever database of the server, holds the horizon back as long as it writes; reading, as a
//! backup does, does not.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long a transaction may hold the horizon back until that is said.
const LONG: Duration = Duration::from_secs(30);

/// What one look sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) newest: i64,
    /// All transactions below this one have ended.
    pub(super) oldest_running: i64,
    /// The one after the last that has ended.
    pub(super) after_ended: i64,
    /// Above every transaction that began before `newest` was seen; taken only where there is something to settle.
    pub(super) ours: Option<i64>,
    /// Which run of the server: after a failover nothing of before is relied on.
    pub(super) run: i64,
}

/// What the looks so far have proven. Shared by all readers of an instance.
#[derive(Debug, Default)]
pub(crate) struct Horizon(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    run: i64,
    settled: i64,
    noted: Option<Noted>,
}

/// A look below which something may still run.
#[derive(Debug)]
struct Noted {
    newest: i64,
    ours: i64,
    at: Instant,
    said: bool,
}

impl Noted {
    /// Whether it is to be said that it lasts long: once.
    fn is_news(&mut self, now: Instant) -> bool {
        now.saturating_duration_since(self.at) >= LONG && !std::mem::replace(&mut self.said, true)
    }
}

impl Horizon {
    fn state(&self) -> MutexGuard<'_, State> {
        // Every change of it is one assignment after another that cannot panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Above which `newest` a look takes a number. As long as one is waited for, none does: each is a transaction of the server.
    pub(super) fn takes_above(&self) -> i64 {
        let state = self.state();
        if state.noted.is_some() { i64::MAX } else { state.settled }
    }

    /// Takes a look in, and answers up to which entry the ledger is settled. Rows must be read after it, not before.
    pub(super) fn after(&self, look: Look, now: Instant) -> i64 {
        let mut state = self.state();
        if state.run != look.run {
            *state = State { run: look.run, ..State::default() };
        }
        if let Some(noted) = state.noted.take_if(|noted| look.oldest_running >= noted.ours) {
            state.settled = state.settled.max(noted.newest);
        }
        if state.noted.as_mut().is_some_and(|noted| noted.is_news(now)) {
            // As pg_stat_activity and pg_prepared_xacts show it.
            let transaction = look.oldest_running % (1 << 32);
            tracing::warn!(
                transaction,
                "webhooks wait until this transaction in PostgreSQL is over, which writes for more than 30 s: it is the backend_xid \
                 in pg_stat_activity or the transaction in pg_prepared_xacts"
            );
        }
        if let Some(ours) = look.ours {
            // Nobody runs below the last that has ended, and nobody was given a number between that one and ours.
            if look.oldest_running == look.after_ended && ours == look.after_ended {
                state.settled = state.settled.max(look.newest);
            } else if state.noted.is_none() {
                state.noted = Some(Noted { newest: look.newest, ours, at: now, said: false });
            }
        }
        state.settled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn look(newest: i64, oldest_running: i64, after_ended: i64, ours: i64) -> Look {
        Look { newest, oldest_running, after_ended, ours: Some(ours), run: 1 }
    }

    impl Horizon {
        fn sees(&self, look: Look) -> i64 {
            self.after(look, Instant::now())
        }
    }

    #[test]
    fn where_nothing_runs_all_is_settled_at_once() {
        assert_eq!(Horizon::default().sees(look(7, 100, 100, 100)), 7);
    }

    #[test]
    fn what_runs_holds_back_what_is_seen_above_it() {
        let horizon = Horizon::default();
        // 100 runs and may have 6; 7 is seen already.
        assert_eq!(horizon.sees(look(7, 100, 105, 106)), 0);
        assert_eq!(horizon.sees(look(9, 100, 110, 112)), 0);
        // 100 has ended, 105 has not.
        assert_eq!(horizon.sees(look(9, 105, 110, 113)), 0);
        assert_eq!(horizon.sees(look(9, 106, 114, 115)), 7);
        assert_eq!(horizon.sees(look(9, 114, 115, 116)), 7);
        assert_eq!(horizon.sees(look(9, 116, 117, 118)), 9);
    }

    #[test]
    fn what_runs_above_the_last_that_ended_holds_back_as_well() {
        let horizon = Horizon::default();
        // 101 runs and may have 6; the snapshot, whose upper end is 101, does not show it.
        assert_eq!(horizon.sees(look(7, 101, 101, 102)), 0);
        assert_eq!(horizon.sees(look(7, 101, 103, 104)), 0);
        assert_eq!(horizon.sees(look(7, 103, 105, 106)), 7);
    }

    #[test]
    fn a_late_look_takes_nothing_back() {
        let horizon = Horizon::default();
        assert_eq!(horizon.sees(look(7, 100, 100, 100)), 7);
        assert_eq!(horizon.sees(look(5, 90, 95, 96)), 7);
        assert_eq!(horizon.sees(Look { ours: None, ..look(7, 101, 101, 0) }), 7);
        assert_eq!(horizon.takes_above(), 7);
    }

    #[test]
    fn another_run_of_the_server_begins_anew() {
        let horizon = Horizon::default();
        assert_eq!(horizon.sees(look(9, 100, 100, 100)), 9);
        assert_eq!(horizon.sees(Look { run: 2, ours: None, ..look(7, 95, 95, 0) }), 0);
        assert_eq!(horizon.sees(Look { run: 2, ..look(7, 95, 95, 95) }), 7);
    }

    #[test]
    fn nobody_takes_a_number_while_one_is_waited_for() {
        let horizon = Horizon::default();
        assert_eq!(horizon.takes_above(), 0);
        horizon.sees(look(7, 100, 105, 106));
        assert_eq!(horizon.takes_above(), i64::MAX);
        assert_eq!(horizon.sees(Look { ours: None, ..look(9, 100, 110, 0) }), 0);
        assert_eq!(horizon.takes_above(), i64::MAX);
        assert_eq!(horizon.sees(Look { ours: None, ..look(9, 107, 110, 0) }), 7);
        assert_eq!(horizon.takes_above(), 7);
    }

    #[test]
    fn what_holds_the_horizon_back_for_long_is_said_once() {
        let at = Instant::now();
        let mut noted = Noted { newest: 7, ours: 106, at, said: false };
        assert!(!noted.is_news(at + LONG / 2));
        assert!(noted.is_news(at + LONG));
        assert!(!noted.is_news(at + LONG * 2));
    }
}
