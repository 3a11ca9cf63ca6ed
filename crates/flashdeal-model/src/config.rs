//! How large a world is searched.

use crate::ids::Units;
use crate::rules::Rules;

/// How often each thing may still happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Budget {
    /// Leaves to open the gate, after the first opening.
    pub openings: u8,
    /// `FLUSHALL`.
    pub flushes: u8,
    /// Moments that reach the gate's disk.
    pub persists: u8,
    /// Restarts of the gate's server with what its disk has.
    pub restarts: u8,
    /// Increases by one unit.
    pub restocks: u8,
    /// Decreases by one unit (at most 2).
    pub decreases: u8,
}

/// A world to be searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// The rules that are followed.
    pub rules: Rules,
    /// Units at the start.
    pub allotted: Units,
    /// Buyers, at most 3.
    pub buyers: u8,
    /// Reservations each of them may make, one after the other, at most 2.
    pub reservations_each: u8,
    /// Calls (checkouts or releases) each of them may make, at most 2, at the same time.
    pub calls_each: u8,
    /// The largest quantity they reserve.
    pub quantity: Units,
    /// Whether they release.
    pub releases: bool,
    /// Whether an attempt's first commit may get lost on its way, so that it is sent twice.
    pub lost_answers: bool,
    /// Whether time passes: the deadlines of holds and of the opening token.
    pub time: bool,
    /// How many load or reopen at the same time, at most 2.
    pub loaders: u8,
    /// What else may happen.
    pub budget: Budget,
}

impl Config {
    /// The worlds that the tests search whole.
    pub const SMALL: [&str; 6] = ["calm", "again", "flushed", "rolled_back", "raced", "shopkeeping"];

    /// Worlds with a third buyer, to be searched whole in about ten minutes: 81.4, 6.9 and 9.4 million states that are not alike,
    /// with 692 million steps between them. It took two threads 750 s of CPU time, and 1.3 GB.
    pub const LARGE: [&str; 3] = ["crowd_flushed", "crowd_rolled_back", "crowd_shopkeeping"];

    /// The world that nobody has searched whole.
    pub const DEEPER: &str = "everything";

    /// Every world.
    pub const NAMES: [&str; 10] = [
        "calm",
        "again",
        "flushed",
        "rolled_back",
        "raced",
        "shopkeeping",
        "crowd_flushed",
        "crowd_rolled_back",
        "crowd_shopkeeping",
        Self::DEEPER,
    ];

    /// The world of this name.
    #[must_use]
    pub fn named(name: &str, rules: Rules) -> Option<Self> {
        Some(match name {
            "calm" => Self::calm(rules),
            "again" => Self::again(rules),
            "flushed" => Self::flushed(rules),
            "rolled_back" => Self::rolled_back(rules),
            "raced" => Self::raced(rules),
            "shopkeeping" => Self::shopkeeping(rules),
            "crowd_flushed" => Self::crowd_flushed(rules),
            "crowd_rolled_back" => Self { buyers: 3, allotted: 2, ..Self::rolled_back(rules) },
            "crowd_shopkeeping" => Self { buyers: 3, ..Self::shopkeeping(rules) },
            Self::DEEPER => Self::everything(rules),
            _ => return None,
        })
    }

    /// Two buyers, each twice at once, and no faults but deaths and delays: the sale itself.
    #[must_use]
    pub fn calm(rules: Rules) -> Self {
        Self {
            rules,
            allotted: 2,
            buyers: 2,
            reservations_each: 1,
            calls_each: 2,
            quantity: 2,
            releases: true,
            lost_answers: true,
            time: true,
            loaders: 1,
            budget: Budget::default(),
        }
    }

    /// A buyer who buys twice, one after the other, while the first attempts are still on their way.
    #[must_use]
    pub fn again(rules: Rules) -> Self {
        Self { allotted: 1, reservations_each: 2, quantity: 1, lost_answers: false, ..Self::calm(rules) }
    }

    /// The gate's memory is lost: flushed once, with two who race to load it.
    #[must_use]
    pub fn flushed(rules: Rules) -> Self {
        Self {
            calls_each: 1,
            releases: false,
            loaders: 2,
            budget: Budget { openings: 2, flushes: 1, ..Budget::default() },
            ..Self::calm(rules)
        }
    }

    /// The gate's memory is rolled back: restarted with what reached its disk.
    #[must_use]
    pub fn rolled_back(rules: Rules) -> Self {
        Self {
            quantity: 1,
            lost_answers: false,
            loaders: 1,
            budget: Budget { openings: 2, persists: 1, restarts: 1, ..Budget::default() },
            ..Self::flushed(rules)
        }
    }

    /// Two who race to load the gate, one of them slow, while the gate is flushed and then restarted with what
    /// its disk has or with nothing. No time passes.
    #[must_use]
    pub fn raced(rules: Rules) -> Self {
        Self {
            allotted: 1,
            quantity: 1,
            lost_answers: false,
            time: false,
            budget: Budget { openings: 3, flushes: 1, persists: 1, restarts: 1, ..Budget::default() },
            ..Self::flushed(rules)
        }
    }

    /// The shop adds a unit and takes one back while buyers buy, and the gate is flushed.
    #[must_use]
    pub fn shopkeeping(rules: Rules) -> Self {
        Self {
            allotted: 1,
            quantity: 1,
            lost_answers: false,
            loaders: 1,
            budget: Budget { openings: 1, flushes: 1, restocks: 1, decreases: 1, ..Budget::default() },
            ..Self::flushed(rules)
        }
    }

    /// Three buyers with two concurrent checkouts each, the gate is flushed, and two race to load it.
    #[must_use]
    pub fn crowd_flushed(rules: Rules) -> Self {
        Self { buyers: 3, calls_each: 2, quantity: 1, lost_answers: false, ..Self::flushed(rules) }
    }

    /// Three buyers with two concurrent checkouts each, and every fault of the gate: hours, and gigabytes.
    #[must_use]
    pub fn everything(rules: Rules) -> Self {
        Self {
            budget: Budget { openings: 2, flushes: 1, persists: 1, restarts: 1, ..Budget::default() },
            ..Self::crowd_flushed(rules)
        }
    }
}
