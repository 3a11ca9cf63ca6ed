//! What breaks, when, and for how long.

use std::time::Duration;

use super::dice::Dice;
use super::options::{FaultKind, Options};

/// A fault that is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned {
    /// How long after the end of the fault before it.
    pub pause: Duration,
    /// What.
    pub kind: FaultKind,
    /// How long it lasts, where it lasts.
    pub lasts: Duration,
    /// A choice among whatever there is to hit, by its remainder.
    pub target: u64,
}

/// An endless plan of one lane of faults, one after the other.
#[derive(Debug)]
pub struct Lane {
    dice: Dice,
    kinds: Vec<FaultKind>,
    /// What of `kinds` the round has left: each kind comes once a round, so that a short storm has them all.
    round: Vec<FaultKind>,
    longest: Duration,
    pauses: (Duration, Duration),
}

/// The lanes of a storm: two when there are several kinds, so that faults meet each other.
#[must_use]
pub fn lanes(options: &Options) -> Vec<Lane> {
    let kinds: Vec<FaultKind> = options.faults.iter().copied().filter(|kind| !kind.is_of_buyers()).collect();
    let count = kinds.len().min(2);
    (0..count)
        .map(|lane| Lane {
            dice: Dice::new(options.seed, &format!("lane {lane}")),
            // Each lane begins with its own half, and has them all.
            kinds: kinds.clone(),
            round: kinds.iter().copied().skip(lane).step_by(count).collect(),
            longest: options.longest_freeze,
            pauses: options.pauses,
        })
        .collect()
}

impl Iterator for Lane {
    type Item = Planned;

    fn next(&mut self) -> Option<Planned> {
        if self.round.is_empty() {
            self.round = self.kinds.clone();
        }
        let kind = *self.dice.one_of(&self.round)?;
        self.round.retain(|left| *left != kind);
        let least = Duration::from_millis(200).min(self.longest);
        Some(Planned {
            pause: self.dice.time(self.pauses.0, self.pauses.1),
            kind,
            lasts: self.dice.time(least, self.longest),
            target: self.dice.roll(),
        })
    }
}
