//! The shop as a caller may think of it: stock, and one hold per user.
//!
//! Ten lines, were it not for what the protocol says openly: the gate may learn late of what the record settled (the hold then
//! *lingers*, over already, until settle has ended it), and of the record's total from another sale first; and a gate that lost
//! its memory has forgotten the idempotency keys, too.

use super::Event;
use super::parts::{Ids, Seen, Slot, units};

pub use super::did::Did;

/// How many users a history has at most.
pub const USERS: usize = 6;
/// How far apart two programs may read the clock, in microseconds: the ledger's deadlines are whole milliseconds.
const SKEW: i64 = 2_000;
/// No time limit.
const EVER: i64 = i64::MAX;

/// The shop between two calls.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Shop {
    record: Seen,
    gate: Seen,
    /// What the record was between the gate's state and its own: the gate may learn of each.
    between: Vec<Seen>,
    slots: [Slot; USERS],
    /// What was bought.
    sold: Ids,
    /// What was bought, released or refused.
    over: Ids,
    /// The reserves whose keys the gate remembers, each until when at least.
    keys: Vec<(u16, i64)>,
}

/// When a call may have happened, and what else is under way.
pub(super) struct Circumstances<'a> {
    /// It is at least so late.
    pub(super) now: i64,
    /// It was so late at most.
    pub(super) by: i64,
    /// Whether a checkout of this user, not explained yet, may have begun by then.
    pub(super) may_pay: &'a dyn Fn(usize, i64) -> bool,
    /// Whether one of those was never answered.
    pub(super) may_be_void: &'a dyn Fn(usize, i64) -> bool,
}

impl Shop {
    /// A shop with this stock and no holds.
    #[must_use]
    pub fn new(stock: i32) -> Self {
        let seen = Seen { total: stock, version: 0 };
        let slots = [Slot::Empty; USERS];
        let (sold, over) = (Ids::default(), Ids::default());
        Self { record: seen, gate: seen, between: Vec::new(), slots, sold, over, keys: Vec::new() }
    }

    /// Every shop there may be after this call, with what may have happened unseen just before it. What happens to others is put off
    /// while the call can be explained without it: it may as well happen later, and the search has fewer shops to look at.
    pub(super) fn steps(&self, event: &Event, at: &Circumstances<'_>) -> Vec<Self> {
        let mut steps = Vec::new();
        for shop in self.overdue(at).unseen(|shop| shop.ends(event.user, at)) {
            let next = shop.clone().after(event, at);
            if next.is_empty() {
                let unseen = shop.unseen(|shop| shop.changes(at));
                steps.extend(unseen.into_iter().flat_map(|shop| shop.after(event, at)));
            } else {
                steps.extend(next);
            }
        }
        steps
    }

    /// What must have happened by now has.
    fn overdue(&self, at: &Circumstances<'_>) -> Self {
        let mut shop = self.clone();
        for user in 0..USERS {
            let must = match shop.slot(user) {
                Slot::Held { deadline, exact, .. } => {
                    exact && at.now > deadline + SKEW && !(at.may_pay)(user, deadline + SKEW)
                }
                Slot::Lingering { until, .. } => at.now > until,
                Slot::Empty => false,
            };
            if must {
                shop.end(user);
            }
        }
        shop
    }

    /// This shop, and all that such changes may make of it.
    fn unseen(self, changes: impl Fn(&Self) -> Vec<Self>) -> Vec<Self> {
        let mut all = vec![self];
        let mut looked_at = 0;
        while let Some(shop) = all.get(looked_at).cloned() {
            looked_at += 1;
            for next in changes(&shop) {
                if !all.contains(&next) {
                    all.push(next);
                }
            }
        }
        all
    }

    /// What may happen by the call's answer without a call of these users.
    fn changes(&self, at: &Circumstances<'_>) -> Vec<Self> {
        let ended = (0..USERS).flat_map(|user| self.ends(user, at));
        let adopted = self.between.iter().chain([&self.record]).map(|seen| self.clone().learn(*seen));
        ended.chain(adopted).collect()
    }

    /// How this user's hold may end by itself.
    fn ends(&self, user: usize, at: &Circumstances<'_>) -> Vec<Self> {
        let mut ended = self.clone();
        ended.end(user);
        match self.slot(user) {
            Slot::Held { id, quantity, deadline, .. } if at.by >= deadline - SKEW => {
                if !(at.may_be_void)(user, deadline + SKEW) {
                    return vec![ended];
                }
                // A checkout died half way: its hold is voided first, then it leaves the gate.
                let mut voided = self.clone();
                voided.set(user, Slot::Lingering { id, quantity, until: EVER, sold: None });
                vec![ended, voided]
            }
            Slot::Lingering { .. } => vec![ended],
            Slot::Held { .. } | Slot::Empty => Vec::new(),
        }
    }

    /// What the call makes of the shop; nothing if the shop could not have answered so.
    fn after(mut self, event: &Event, at: &Circumstances<'_>) -> Vec<Self> {
        let user = event.user;
        let fits = match event.did {
            Did::Held { id, quantity, deadline, created } => {
                let slot = Slot::Held { id, quantity, deadline, exact: true };
                !self.remembers(event.call, at.by) && self.reserve(event, quantity, slot, created)
            }
            Did::MaybeHeld { quantity, deadline } => {
                let slot = Slot::Held { id: 0, quantity, deadline, exact: false };
                !self.remembers(event.call, at.by) && self.reserve(event, quantity, slot, None)
            }
            Did::Insufficient { quantity } => match self.slot(user) {
                Slot::Lingering { .. } => false,
                own => quantity > self.gate.total - self.reserved() + units(own),
            },
            Did::InProgress => match self.slot(user) {
                Slot::Lingering { .. } => true,
                Slot::Held { .. } => (at.may_pay)(user, event.to),
                Slot::Empty => false,
            },
            Did::Sold { id, quantity, lingers } => return self.sell(user, id, Some(quantity), lingers),
            Did::MaybeSold { id } => return self.sell(user, id, None, EVER),
            Did::NotSold { id } => {
                let fits = !self.sold.has(id) && !matches!(self.slot(user), Slot::Held { id: held, .. } if held == id);
                self.over.add(id);
                fits
            }
            Did::Released { id, quantity } => {
                let fits = match self.slot(user) {
                    // It was voided already, and is released once more.
                    Slot::Lingering { id: voided, quantity: units, sold: None, .. } => {
                        (voided == id || voided == 0) && units == quantity
                    }
                    _ => self.holds(user, id, quantity),
                };
                self.end(user);
                self.over.add(id);
                fits
            }
            Did::NothingReleased => {
                let fits = !matches!(self.slot(user), Slot::Held { .. });
                self.end(user);
                fits
            }
            Did::MaybeReleased => return self.perhaps_release(user, at),
            Did::Has { id, quantity } => self.shows(user, id, quantity),
            Did::HasNone => self.slot(user) == Slot::Empty,
            Did::Status { total, reserved } => {
                (total, reserved) == (self.gate.total, self.reserved().min(self.gate.total))
            }
            Did::Added { units } => {
                self.change(units);
                self = self.up_to_date();
                true
            }
            Did::MaybeAdded { units } => {
                self.change(units);
                true
            }
            Did::Forgot => {
                self.slots = [Slot::Empty; USERS];
                self.keys.clear();
                self = self.up_to_date();
                true
            }
        };
        if fits { vec![self] } else { Vec::new() }
    }

    fn reserve(&mut self, event: &Event, quantity: i32, wish: Slot, created: Option<bool>) -> bool {
        let own = self.slot(event.user);
        if quantity > self.gate.total - self.reserved() + units(own) {
            return false;
        }
        let slot = match (own, wish) {
            (Slot::Empty, _) if created != Some(false) => wish,
            (Slot::Held { id: 0, .. }, Slot::Held { id, .. }) if id > 0 && created != Some(true) => wish,
            // The hold that was, with another quantity.
            (Slot::Held { id, deadline, exact, .. }, Slot::Held { id: told, .. })
                if created != Some(true) && (told == id || told == 0) =>
            {
                Slot::Held { id, quantity, deadline, exact }
            }
            _ => return false,
        };
        self.set(event.user, slot);
        if let (Slot::Held { deadline, .. }, 1..) = (slot, event.call) {
            self.keys.retain(|(call, _)| *call != event.call);
            self.keys.push((event.call, deadline));
            self.keys.sort_unstable();
        }
        true
    }

    /// Whether another attempt of a reserve that succeeded before only gets the same answer again. That it does changes nothing,
    /// so it need not be told apart from not being made.
    fn remembers(&self, call: u16, by: i64) -> bool {
        self.keys.iter().any(|(known, until)| *known == call && by < until - SKEW)
    }

    fn sell(mut self, user: usize, id: u16, quantity: Option<i32>, lingers: i64) -> Vec<Self> {
        if let Slot::Lingering { id: lingering, quantity: units, sold: Some(_), .. } = self.slot(user)
            && lingering == id
        {
            // The buyer still saw the hold and paid once more: the same order again, and the gate may learn of it now.
            if quantity.is_some_and(|told| told != units) {
                return Vec::new();
            }
            let mut finished = self.clone();
            finished.end(user);
            return vec![finished, self];
        }
        if self.sold.has(id) {
            return vec![self];
        }
        let Slot::Held { id: held, quantity: units, .. } = self.slot(user) else { return Vec::new() };
        if !self.may_be(held, id) || quantity.is_some_and(|told| told != units) || units > self.record.total {
            return Vec::new();
        }
        self.change(-units);
        self.sold.add(id);
        self.over.add(id);
        let mut finished = self.clone();
        finished.set(user, Slot::Empty);
        self.set(user, Slot::Lingering { id, quantity: units, until: lingers, sold: Some(self.record) });
        vec![finished.up_to_date(), self]
    }

    fn perhaps_release(self, user: usize, at: &Circumstances<'_>) -> Vec<Self> {
        let Slot::Held { id, quantity, .. } = self.slot(user) else { return Vec::new() };
        let mut released = self.clone();
        released.end(user);
        let mut all = vec![released];
        // A hold that is being paid for is voided first, then it leaves the gate.
        if (at.may_be_void)(user, at.by) {
            let mut voided = self;
            voided.set(user, Slot::Lingering { id, quantity, until: EVER, sold: None });
            all.push(voided);
        }
        all
    }

    /// Whether the user has this hold, with this quantity.
    fn holds(&self, user: usize, id: u16, quantity: i32) -> bool {
        match self.slot(user) {
            Slot::Held { id: held, quantity: units, .. } => self.may_be(held, id) && units == quantity,
            _ => false,
        }
    }

    /// Whether the gate shows this hold; from now on its id is known.
    fn shows(&mut self, user: usize, id: u16, quantity: i32) -> bool {
        match self.slot(user) {
            Slot::Lingering { id: lingering, quantity: units, .. } => {
                (lingering == id || lingering == 0) && units == quantity
            }
            Slot::Held { deadline, exact, .. } => {
                let fits = self.holds(user, id, quantity);
                self.set(user, Slot::Held { id, quantity, deadline, exact });
                fits
            }
            Slot::Empty => false,
        }
    }

    /// Whether a hold that is known as `held` may be the one with this id.
    fn may_be(&self, held: u16, id: u16) -> bool {
        held == id || (held == 0 && !self.over.has(id))
    }

    /// The hold is out of the gate; with a sold one the gate learns of the record.
    fn end(&mut self, user: usize) {
        if let Slot::Lingering { sold: Some(seen), .. } = self.slot(user) {
            *self = self.clone().learn(seen);
        }
        self.set(user, Slot::Empty);
    }

    fn change(&mut self, units: i32) {
        if self.record.version > self.gate.version {
            self.between.push(self.record);
        }
        self.record = Seen { total: self.record.total + units, version: self.record.version + 1 };
    }

    /// The gate adopts a state of the record, if it is newer.
    fn learn(mut self, seen: Seen) -> Self {
        if seen.version > self.gate.version {
            self.gate = seen;
            self.between.retain(|older| older.version > seen.version);
        }
        self
    }

    fn up_to_date(self) -> Self {
        let record = self.record;
        self.learn(record)
    }

    fn reserved(&self) -> i32 {
        self.slots.iter().copied().map(units).sum()
    }

    fn slot(&self, user: usize) -> Slot {
        self.slots.get(user).copied().unwrap_or(Slot::Empty)
    }

    fn set(&mut self, user: usize, slot: Slot) {
        if let Some(place) = self.slots.get_mut(user) {
            *place = slot;
        }
    }
}
