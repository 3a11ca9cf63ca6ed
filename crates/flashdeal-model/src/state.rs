//! One state of the whole: both stores, everyone's place in their program, and what has been promised to whom.

use crate::background::{Loader, Settler};
use crate::checkout::Call;
use crate::config::{Budget, Config};
use crate::gate::{Age, Clock, Gate, Memory};
use crate::ids::{CallId, PerCall, PerReservation, Reservation, User};
use crate::record::{Record, Sale, Settlement};
use crate::rules::Rules;

/// One thing that happened to a reservation, which the promises speak of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// The gate made it.
    Made,
    /// The gate has lost memory since.
    Lost,
    /// A restart brought its hold back after it had ended.
    BroughtBack,
    /// Its owner asked to release it.
    ReleaseAsked,
    /// Its owner was told that it is released.
    Released,
    /// Its owner was told a final no.
    Refused,
    /// Its owner was told that it is sold.
    Acknowledged,
}

/// The [`Fact`]s of one reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Facts(u8);

impl Facts {
    const fn bit(fact: Fact) -> u8 {
        match fact {
            Fact::Made => 1,
            Fact::Lost => 2,
            Fact::BroughtBack => 4,
            Fact::ReleaseAsked => 8,
            Fact::Released => 16,
            Fact::Refused => 32,
            Fact::Acknowledged => 64,
        }
    }

    /// Whether it happened.
    #[must_use]
    pub const fn has(self, fact: Fact) -> bool {
        self.0 & Self::bit(fact) != 0
    }

    /// It happened.
    pub const fn note(&mut self, fact: Fact) {
        self.0 |= Self::bit(fact);
    }

    /// It does not matter any more.
    pub const fn forget(&mut self, fact: Fact) {
        self.0 &= !Self::bit(fact);
    }
}

/// A promise that an answer broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Broken {
    /// The gate promised a hold and remembered it, but the record had no stock for it.
    NoStockForHold(Reservation),
    /// A checkout that began before the deadline of a hold which the gate remembered was told no.
    LiveHoldRefused(Reservation),
}

/// One state of the whole.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct State {
    /// The record.
    pub record: Record,
    /// The gate.
    pub gate: Gate,
    /// What the gate's server would remember if it were started again.
    pub disk: Memory,
    /// The gate's time.
    pub clock: Clock,
    /// What everyone was told.
    pub facts: PerReservation<Facts>,
    /// The checkouts and releases.
    pub calls: PerCall<Call>,
    /// Commits that nobody waits for, sorted.
    pub in_flight: Vec<Sale>,
    /// Those who load and reopen the gate.
    pub loaders: [Loader; 2],
    /// The one who settles.
    pub settler: Settler,
    /// What may still happen.
    pub left: Budget,
    /// The first promise that an answer broke.
    pub broken: Option<Broken>,
}

impl State {
    /// A product that is on sale: the gate is open.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let mut state = Self {
            record: Record::new(config.allotted),
            gate: Gate::default(),
            disk: Memory::default(),
            clock: Clock::default(),
            facts: PerReservation::default(),
            calls: PerCall::default(),
            in_flight: Vec::new(),
            loaders: [Loader::default(); 2],
            settler: Settler::default(),
            left: config.budget,
            broken: None,
        };
        state.open_at_once(config.rules);
        state
    }

    /// A whole load or reopen, with nobody in between.
    pub fn open_at_once(&mut self, rules: Rules) {
        let token = self.gate.claim_opening(u8::MAX);
        let record = self.record.open_epoch();
        self.gate.open(rules, token, record);
    }

    /// Whether the gate made this reservation, whatever became of it.
    #[must_use]
    pub fn made(&self, reservation: Reservation) -> bool {
        self.facts[reservation].has(Fact::Made)
    }

    /// The reservation that a user's checkout names: their latest.
    #[must_use]
    pub fn latest(&self, user: User) -> Option<Reservation> {
        user.reservations().rev().find(|r| self.made(*r))
    }

    /// A commit is sent that its sender will not hear of.
    pub fn send(&mut self, sale: Sale) {
        if let Err(place) = self.in_flight.binary_search(&sale) {
            self.in_flight.insert(place, sale);
        }
    }

    /// Forgets what can make no difference any more, so that the checker sees one state where there is but one.
    pub fn tidy(&mut self, rules: Rules) {
        for reservation in Reservation::all() {
            if !self.made(reservation) {
                continue;
            }
            let facts = &mut self.facts[reservation];
            match self.record.settlement(reservation) {
                Some(Settlement::Sold) => {
                    facts.forget(Fact::ReleaseAsked);
                }
                Some(Settlement::Void) => {
                    facts.forget(Fact::BroughtBack);
                    facts.forget(Fact::Released);
                    facts.forget(Fact::Refused);
                }
                None => {}
            }
        }
        if !self.in_flight.is_empty() {
            let record = &self.record;
            // A settled reservation is never settled again, and an epoch that has passed never returns.
            self.in_flight.retain(|sale| {
                record.settlement(sale.reservation).is_none() && (!rules.epoch_fence || sale.epoch == record.row.epoch)
            });
        }
    }

    /// Whether an attempt that begins now begins before the deadline.
    #[must_use]
    pub fn in_time(&self, reservation: Reservation) -> bool {
        self.clock[reservation] == Age::Live
    }

    /// The calls of this reservation's owner.
    pub fn calls_on(reservation: Reservation) -> impl Iterator<Item = CallId> {
        reservation.user().calls()
    }
}
