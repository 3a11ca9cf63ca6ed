//! Was it as if every call had happened at one instant between its sending and its answer?
//!
//! The search is Wing and Gong's with Lowe's memory of what was tried (as in Porcupine): take any call that may have been the
//! next one, see whether the shop of [`model`] could have answered so, and go on; go back where it could not.
//! A call without an answer may have happened at any time after it was sent, up to a bound, or never.

pub mod model;

use std::collections::HashSet;

use self::model::{Did, Shop};

/// How many steps are tried before a history is left undecided.
const STEPS: usize = 150_000;
/// The most calls of a history.
pub const CALLS: usize = 384;

/// One call of one user, as the user saw it. Times are microseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// Whose: 0 to [`model::USERS`] - 1.
    pub user: usize,
    /// What they asked for and were told.
    pub did: Did,
    /// When it was sent.
    pub from: i64,
    /// When it was answered; if it never was, until when it may have happened after all.
    pub to: i64,
    /// Whether it was answered. One that was not need not have happened at all.
    pub answered: bool,
}

/// What the search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// There is an order of the calls that explains every answer.
    Explained,
    /// There is none. The longest explanation ends before these calls.
    Contradiction {
        /// How many calls could be explained.
        explained: usize,
        /// The shop before the calls that could not.
        shop: String,
        /// The calls that may have been next, none of which fits.
        stuck: Vec<Event>,
    },
    /// The search was given up.
    Undecided,
}

/// Which calls have been explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Done([u64; CALLS / 64]);

impl Done {
    fn has(&self, index: usize) -> bool {
        self.0.get(index / 64).is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    fn with(mut self, index: usize) -> Self {
        if let Some(word) = self.0.get_mut(index / 64) {
            *word |= 1 << (index % 64);
        }
        self
    }

    fn count(&self) -> usize {
        self.0.iter().map(|word| usize::try_from(word.count_ones()).unwrap_or(0)).sum()
    }
}

struct Search<'a> {
    history: &'a [Event],
    tried: HashSet<(Done, Shop)>,
    deepest: (usize, Option<(Done, Shop)>),
}

/// Looks for an explanation of a history that began with this much stock and no holds.
///
/// # Panics
///
/// When there are more than [`CALLS`] calls.
#[must_use]
pub fn check(stock: i32, history: &[Event]) -> Verdict {
    assert!(history.len() <= CALLS, "a history of {} calls", history.len());
    let mut history = history.to_vec();
    history.sort_by_key(|event| (!event.answered, event.to, event.from));
    let mut search = Search { history: &history, tried: HashSet::new(), deepest: (0, None) };
    match search.explain(Done::default(), &Shop::new(stock), i64::MIN) {
        Some(true) => Verdict::Explained,
        None => Verdict::Undecided,
        Some(false) => {
            let (explained, furthest) = search.deepest.clone();
            let (done, shop) = furthest.unwrap_or((Done::default(), Shop::new(stock)));
            let candidates = search.candidates(done).filter_map(|index| history.get(index).copied());
            Verdict::Contradiction { explained, shop: format!("{shop:?}"), stuck: candidates.collect() }
        }
    }
}

impl Search<'_> {
    /// Whether what is left can be explained from here; `None` when the search is given up. `now`: it is at least this late.
    fn explain(&mut self, done: Done, shop: &Shop, now: i64) -> Option<bool> {
        let mut left = self.history.iter().enumerate().filter(|(index, _)| !done.has(*index));
        if !left.any(|(_, event)| event.answered) {
            return Some(true);
        }
        if !self.tried.insert((done, shop.clone())) {
            return Some(false);
        }
        if self.tried.len() > STEPS {
            return None;
        }
        let depth = done.count();
        if depth >= self.deepest.0 {
            self.deepest = (depth, Some((done, shop.clone())));
        }
        let candidates: Vec<usize> = self.candidates(done).collect();
        for index in candidates {
            let Some(event) = self.history.get(index) else { continue };
            let now = now.max(event.from);
            // Too late for a call that was never answered.
            if now > event.to {
                continue;
            }
            let may_pay = |user: usize, by: i64| self.may_be_paying(done, user, by);
            for next in shop.steps(event, now, &may_pay) {
                if self.explain(done.with(index), &next, now)? {
                    return Some(true);
                }
            }
        }
        Some(false)
    }

    /// The calls that may have been next: those sent before every other one that is left was answered.
    fn candidates(&self, done: Done) -> impl Iterator<Item = usize> + '_ {
        let left = move || self.history.iter().enumerate().filter(move |(index, _)| !done.has(*index));
        let answers = left().filter(|(_, event)| event.answered).map(|(_, event)| event.to);
        let first_answer = answers.min().unwrap_or(i64::MAX);
        left().filter(move |(_, event)| event.from <= first_answer).map(|(index, _)| index)
    }

    /// Whether a checkout of this user that has not been explained yet may have begun by then.
    fn may_be_paying(&self, done: Done, user: usize, by: i64) -> bool {
        self.history.iter().enumerate().any(|(index, event)| {
            event.user == user
                && event.from <= by
                && !done.has(index)
                && matches!(event.did, Did::Sold { .. } | Did::MaybeSold { .. } | Did::NotSold { .. })
        })
    }
}
