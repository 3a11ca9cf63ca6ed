//! One gate, and its rules.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use flashdeal_domain::ports::GateBooks;
use flashdeal_domain::ports::reservation::{
    BeginOutcome, Caller, Finish, Hold, PayingHold, ReleaseOutcome, ReserveCall, ReserveOutcome,
};
use flashdeal_domain::{IdempotencyKey, RecordState, ReservationId, StockLevel, Timestamp, Units, UserId};

/// How many paying holds a view shows.
const SHOWN: usize = 64;

pub(super) struct Gate {
    /// The start of the store in which it was opened.
    pub(super) run: u64,
    pub(super) record: RecordState,
    /// The instant of the call under way, and between calls of the last one.
    now: i64,
    holds: BTreeMap<UserId, Held>,
    keys: HashMap<(UserId, IdempotencyKey), Keyed>,
}

/// One hold.
#[derive(Clone, Copy)]
struct Held {
    reservation: ReservationId,
    quantity: Units,
    deadline: i64,
    ttl: i64,
    /// When a checkout first began on it; from then on it does not lapse.
    paying_since: Option<i64>,
}

/// What a key was answered, until when.
struct Keyed {
    quantity: Units,
    answer: Hold,
    until: i64,
    ttl: i64,
}

impl Held {
    const fn hold(&self) -> Hold {
        Hold {
            reservation: self.reservation,
            quantity: self.quantity,
            expires_at: Timestamp::from_millis(self.deadline),
        }
    }
}

impl Gate {
    pub(super) fn new(run: u64, record: RecordState, now: i64) -> Self {
        Self { run, record, now, holds: BTreeMap::new(), keys: HashMap::new() }
    }

    /// Brings the gate to `now`: a clock that stepped back shortens what it would lengthen, then what is due ends.
    pub(super) fn come_to(&mut self, now: i64) {
        if now < self.now {
            for held in self.holds.values_mut() {
                held.deadline = held.deadline.min(now + held.ttl);
            }
            for keyed in self.keys.values_mut() {
                keyed.until = keyed.until.min(now + keyed.ttl);
            }
        }
        self.now = now;
        self.holds.retain(|_, held| held.paying_since.is_some() || now < held.deadline);
        self.keys.retain(|_, keyed| now < keyed.until);
    }

    pub(super) fn level(&self) -> StockLevel {
        let reserved = Units::new(self.reserved()).unwrap_or(self.record.total);
        StockLevel::new(self.record.total, reserved)
    }

    fn reserved(&self) -> u64 {
        self.holds.values().map(|held| u64::from(held.quantity.get())).sum()
    }

    pub(super) fn hold(&self, user: &UserId) -> Option<Hold> {
        self.holds.get(user).map(Held::hold)
    }

    pub(super) fn reserve(&mut self, call: ReserveCall) -> ReserveOutcome {
        let key = call.key.map(|key| (call.user.clone(), key));
        if let Some(keyed) = key.as_ref().and_then(|key| self.keys.get(key)) {
            return if keyed.quantity == call.quantity {
                ReserveOutcome::Replayed(keyed.answer)
            } else {
                ReserveOutcome::KeyReused
            };
        }
        let mine = self.holds.get(&call.user).copied();
        if mine.is_some_and(|held| held.paying_since.is_some()) {
            return ReserveOutcome::CheckoutInProgress;
        }
        let own = mine.map_or(Units::ZERO, |held| held.quantity);
        if call.caller != Caller::Shop
            && let Some(refusal) = self.record.terms.refuse(Timestamp::from_millis(self.now), own, call.quantity)
        {
            return ReserveOutcome::Refused(refusal);
        }
        if call.caller == Caller::Buyer && self.record.terms.queued() && call.quantity > own {
            return ReserveOutcome::Queued(self.level());
        }
        let of_others = self.reserved() - u64::from(own.get());
        if of_others + u64::from(call.quantity.get()) > u64::from(self.record.total.get()) {
            return ReserveOutcome::Insufficient(self.level());
        }
        let ttl = call.ttl.as_millis();
        let new = Held {
            reservation: call.candidate,
            quantity: call.quantity,
            deadline: self.now + ttl,
            ttl,
            paying_since: None,
        };
        let held = mine.map_or(new, |mine| Held { quantity: call.quantity, ..mine });
        self.holds.insert(call.user, held);
        if let Some(key) = key {
            let answer = held.hold();
            let keyed = Keyed { quantity: call.quantity, answer, until: held.deadline, ttl: held.ttl };
            self.keys.insert(key, keyed);
        }
        ReserveOutcome::Held { hold: held.hold(), created: mine.is_none() }
    }

    pub(super) fn begin(&mut self, user: &UserId, named: Option<ReservationId>) -> BeginOutcome {
        let meant = |held: &&mut Held| named.is_none_or(|named| named == held.reservation);
        match self.holds.get_mut(user).filter(meant) {
            None => BeginOutcome::NoHold,
            Some(held) => {
                held.paying_since.get_or_insert(self.now);
                BeginOutcome::Paying { hold: held.hold(), epoch: self.record.epoch }
            }
        }
    }

    pub(super) fn finish(&mut self, finish: &Finish) {
        let same = |held: &Held| held.reservation == finish.reservation;
        if self.holds.get(&finish.user).is_some_and(same) {
            self.holds.remove(&finish.user);
        }
        if let Some(record) = finish.record {
            self.adopt_newer(record);
        }
    }

    pub(super) fn release(&mut self, user: &UserId) -> ReleaseOutcome {
        match self.holds.get(user).copied() {
            None => ReleaseOutcome::NoHold,
            Some(held) if held.paying_since.is_some() => ReleaseOutcome::Paying(held.hold()),
            Some(held) => {
                self.holds.remove(user);
                ReleaseOutcome::Released(held.hold())
            }
        }
    }

    /// Another epoch is left to the opening.
    pub(super) fn adopt(&mut self, record: RecordState) {
        if record.epoch == self.record.epoch {
            self.adopt_newer(record);
        }
    }

    /// The version and the total of the record, if newer; the epoch only comes by opening.
    fn adopt_newer(&mut self, record: RecordState) {
        if record.version > self.record.version {
            self.record = RecordState { epoch: self.record.epoch, ..record };
        } else if record.version == self.record.version && record.terms.queued() {
            self.record.terms = record.terms;
        }
    }

    /// The oldest holds that have been paying for over `over`.
    pub(super) fn paying(&self, over: Duration) -> Vec<PayingHold> {
        let since = |then: i64| Duration::from_millis(u64::try_from(self.now - then).unwrap_or(0));
        let paying = self.holds.iter().filter_map(|(user, held)| {
            Some(PayingHold {
                user: user.clone(),
                hold: held.hold(),
                paying_for: since(held.paying_since?),
                overdue: since(held.deadline),
            })
        });
        let mut paying: Vec<_> = paying.filter(|paying| paying.paying_for > over).collect();
        paying.sort_by_key(|paying| std::cmp::Reverse(paying.paying_for));
        paying.truncate(SHOWN);
        paying
    }

    /// What an audit reads. The counter is the sum itself.
    pub(super) fn books(&self, overdue: Duration) -> GateBooks {
        let overdue = i64::try_from(overdue.as_millis()).unwrap_or(i64::MAX);
        let late = |held: &&Held| held.paying_since.is_some() && self.now - held.deadline > overdue;
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        GateBooks {
            epoch: self.record.epoch,
            version: self.record.version,
            total: self.record.total,
            terms: self.record.terms.binding(),
            reserved: self.reserved(),
            held_units: self.reserved(),
            holds: number(self.holds.len()),
            past_deadline: 0,
            unsettled: number(self.holds.values().filter(late).count()),
            unindexed: 0,
            exact: true,
        }
    }
}
