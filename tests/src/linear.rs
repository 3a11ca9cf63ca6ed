//! Was it as if every call had happened at one instant between its sending and its answer?
//!
//! The search is Wing and Gong's with Lowe's memory of what was tried (as in Porcupine): take any call that may have been the
//! next one, see whether the shop of [`model`] could have answered so, and go on; go back where it could not.
//! A call without an answer may have happened at any time after it was sent, or never: nothing that was given up is known to be
//! dead, since a frozen process, or a busy one, goes on where it was.

mod did;
pub mod model;
mod parts;

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use self::model::{Circumstances, Did, Shop};

/// How many steps are tried before a history is left undecided.
const STEPS: usize = 150_000;
/// The most calls of a history.
pub const CALLS: usize = 1024;
/// Nearly all calls that were given up happen in this time or never. With that, an explanation is found sooner; only where there
/// is none are they thought to happen later.
const SOON: i64 = 6_000_000;

/// One call of one user, as the user saw it. Times are microseconds, whatever they are counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// Whose: 0 to [`model::USERS`] - 1.
    pub user: usize,
    /// Attempts at one reserve, with one idempotency key, have the same number here; 0 for what was tried once.
    pub call: u16,
    /// What they asked for and were told.
    pub did: Did,
    /// When it was sent.
    pub from: i64,
    /// When it was answered; if it never was, when it was given up.
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
    /// How long after it was given up a call may happen.
    late: i64,
    /// The states that were tried, by fingerprint.
    tried: HashSet<(u64, u64)>,
    deepest: (usize, Option<(Done, Shop)>),
}

/// Looks for an explanation of a history that began with this much stock and no holds. One of more than [`CALLS`] calls is left
/// undecided.
#[must_use]
pub fn check(stock: i32, history: &[Event]) -> Verdict {
    if history.len() > CALLS {
        return Verdict::Undecided;
    }
    let mut history = history.to_vec();
    history.sort_by_key(|event| (!event.answered, event.to, event.from));
    let soon = Search::new(&history, SOON).run(stock);
    match soon {
        Verdict::Contradiction { .. } if history.iter().any(|event| !event.answered) => {
            Search::new(&history, i64::MAX).run(stock)
        }
        soon => soon,
    }
}

impl<'a> Search<'a> {
    fn new(history: &'a [Event], late: i64) -> Self {
        Self { history, late, tried: HashSet::new(), deepest: (0, None) }
    }

    fn run(mut self, stock: i32) -> Verdict {
        match self.explain(Done::default(), &Shop::new(stock), i64::MIN) {
            Some(true) => Verdict::Explained,
            None => Verdict::Undecided,
            Some(false) => {
                let (explained, furthest) = self.deepest.clone();
                let (done, shop) = furthest.unwrap_or((Done::default(), Shop::new(stock)));
                let candidates = self.candidates(done, self.first_answer(done)).into_iter();
                let candidates = candidates.filter_map(|index| self.history.get(index).copied());
                Verdict::Contradiction { explained, shop: format!("{shop:?}"), stuck: candidates.collect() }
            }
        }
    }

    /// Whether what is left can be explained from here; `None` when the search is given up. `now`: it is at least this late.
    fn explain(&mut self, done: Done, shop: &Shop, now: i64) -> Option<bool> {
        if !self.left(done).any(|(_, event)| event.answered) {
            return Some(true);
        }
        if !self.tried.insert(fingerprint(done, shop)) {
            return Some(false);
        }
        if self.tried.len() > STEPS {
            return None;
        }
        let depth = done.count();
        if depth >= self.deepest.0 {
            self.deepest = (depth, Some((done, shop.clone())));
        }
        let first_answer = self.first_answer(done);
        for index in self.candidates(done, first_answer) {
            let Some(event) = self.history.get(index) else { continue };
            let now = now.max(event.from);
            let latest = if event.answered { event.to } else { event.to.saturating_add(self.late) };
            // Too late for a call that was never answered.
            if now > latest {
                continue;
            }
            let circumstances = Circumstances {
                now,
                by: latest.min(first_answer),
                may_pay: &|user, by| self.is_paying(done, user, by, true),
                may_be_void: &|user, by| self.is_paying(done, user, by, false),
            };
            for next in shop.steps(event, &circumstances) {
                if self.explain(done.with(index), &next, now)? {
                    return Some(true);
                }
            }
        }
        Some(false)
    }

    fn left(&self, done: Done) -> impl Iterator<Item = (usize, &'a Event)> {
        self.history.iter().enumerate().filter(move |(index, _)| !done.has(*index))
    }

    fn first_answer(&self, done: Done) -> i64 {
        self.left(done).filter(|(_, event)| event.answered).map(|(_, event)| event.to).min().unwrap_or(i64::MAX)
    }

    /// The calls that may have been next: those sent before every other one that is left was answered. Of unanswered attempts at
    /// the same the first stands for all.
    fn candidates(&self, done: Done, first_answer: i64) -> Vec<usize> {
        let mut candidates: Vec<(usize, &Event)> = Vec::new();
        for (index, event) in self.left(done).filter(|(_, event)| event.from <= first_answer) {
            let same = |(_, other): &(usize, &Event)| {
                !event.answered && !other.answered && other.from <= event.from && other.is_attempt_at_the_same(event)
            };
            if !candidates.iter().any(same) {
                candidates.push((index, event));
            }
        }
        candidates.into_iter().map(|(index, _)| index).collect()
    }

    /// Whether a checkout of this user that has not been explained yet may have begun by then; `all`: answered ones as well.
    fn is_paying(&self, done: Done, user: usize, by: i64, all: bool) -> bool {
        self.left(done).any(|(_, event)| {
            event.user == user
                && event.from <= by
                && (all || !event.answered)
                && matches!(event.did, Did::Sold { .. } | Did::MaybeSold { .. } | Did::NotSold { .. })
        })
    }
}

impl Event {
    fn is_attempt_at_the_same(&self, other: &Self) -> bool {
        let same = match (self.did, other.did) {
            (Did::MaybeReleased, Did::MaybeReleased) => true,
            (Did::MaybeHeld { .. }, Did::MaybeHeld { .. }) => self.call > 0 && self.call == other.call,
            (one, another) => matches!(one, Did::MaybeSold { .. }) && one == another,
        };
        same && self.user == other.user
    }
}

/// Of so many bits that two states of one search will not have the same.
fn fingerprint(done: Done, shop: &Shop) -> (u64, u64) {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, done, shop).hash(&mut hasher);
        hasher.finish()
    };
    (half(0), half(1))
}
