//! The shop as a caller may think of it: stock, and one hold per user.
//!
//! Ten lines, were it not for what the protocol says openly: the gate may learn of a sale later than its buyer (the hold then
//! *lingers*, sold already, until settle has ended it), and it may learn of the record's total from another sale first.

use super::Event;

/// How many users a history has at most.
pub const USERS: usize = 6;
/// How far apart two programs may read the clock, in microseconds: the ledger's deadlines are whole milliseconds.
const SKEW: i64 = 2_000;

/// What a user asked for and was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Did {
    /// Reserved: the hold has this quantity now. `created`: it is new; `None` if the answer was an earlier one's.
    Held {
        /// The hold's id, counted from 1.
        id: u16,
        /// Its quantity.
        quantity: i32,
        /// Its deadline.
        deadline: i64,
        /// Whether this call made it.
        created: Option<bool>,
    },
    /// Reserve: there were not so many.
    Insufficient {
        /// How many were wanted.
        quantity: i32,
    },
    /// Reserve: the hold is being paid for.
    InProgress,
    /// Reserve, unanswered.
    MaybeHeld {
        /// How many were wanted.
        quantity: i32,
        /// The earliest deadline the hold may have.
        deadline: i64,
    },
    /// Checkout: bought.
    Sold {
        /// The hold.
        id: u16,
        /// The order's quantity.
        quantity: i32,
        /// Until when the gate may not have learnt of it.
        lingers: i64,
    },
    /// Checkout: no such hold.
    NotSold {
        /// The hold.
        id: u16,
    },
    /// Checkout, unanswered.
    MaybeSold {
        /// The hold.
        id: u16,
    },
    /// Released.
    Released {
        /// The hold.
        id: u16,
        /// Its quantity.
        quantity: i32,
    },
    /// Release: there was none. `unsure`: unless an unanswered attempt had released it.
    NothingReleased {
        /// Whether there was an unanswered attempt.
        unsure: bool,
    },
    /// Release, unanswered.
    MaybeReleased,
    /// Read the hold.
    Has {
        /// The hold.
        id: u16,
        /// Its quantity.
        quantity: i32,
    },
    /// Read the hold: there is none.
    HasNone,
    /// Read the counters; available is their difference.
    Status {
        /// `totalStock`.
        total: i32,
        /// `reservedStock`.
        reserved: i32,
    },
    /// The shopkeeper added units.
    Added {
        /// How many.
        units: i32,
    },
    /// The shopkeeper added units, or may have; the gate learns of it later.
    MaybeAdded {
        /// How many.
        units: i32,
    },
    /// The gate lost its memory.
    Forgot,
}

/// A user's place in the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Slot {
    Empty,
    /// `id` 0: nobody was told its id. `exact`: the deadline is known.
    Held {
        id: u16,
        quantity: i32,
        deadline: i64,
        exact: bool,
    },
    /// Sold, and the gate does not know.
    Lingering {
        id: u16,
        quantity: i32,
        until: i64,
        seen: Seen,
    },
}

/// A state of the record: its total, and how often it had changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Seen {
    total: i32,
    version: u16,
}

/// The shop between two calls.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Shop {
    record: Seen,
    gate: Seen,
    slots: [Slot; USERS],
}

impl Shop {
    /// A shop with this stock and no holds.
    #[must_use]
    pub fn new(stock: i32) -> Self {
        let seen = Seen { total: stock, version: 0 };
        Self { record: seen, gate: seen, slots: [Slot::Empty; USERS] }
    }

    /// Every shop there may be after this call, with what may have happened unseen just before it. It is at least `now`, and
    /// `may_pay` tells whether a checkout of a user may be under way by then.
    pub(super) fn steps(&self, event: &Event, now: i64, may_pay: &dyn Fn(usize, i64) -> bool) -> Vec<Self> {
        let paying = may_pay(event.user, event.to);
        self.unseen(event, now, may_pay).into_iter().flat_map(|shop| shop.after(event, paying)).collect()
    }

    /// What time does: what must have happened by now has, what may happen by the call's answer may have.
    fn unseen(&self, event: &Event, now: i64, may_pay: &dyn Fn(usize, i64) -> bool) -> Vec<Self> {
        let mut first = self.clone();
        for user in 0..USERS {
            let must = match first.slot(user) {
                Slot::Held { deadline, exact, .. } => exact && now > deadline + SKEW && !may_pay(user, deadline + SKEW),
                Slot::Lingering { until, .. } => now > until,
                Slot::Empty => false,
            };
            if must {
                first.end(user);
            }
        }
        let mut all = vec![first];
        let mut looked_at = 0;
        while let Some(shop) = all.get(looked_at).cloned() {
            looked_at += 1;
            for user in 0..USERS {
                let may = match shop.slot(user) {
                    Slot::Held { deadline, .. } => event.to >= deadline - SKEW,
                    Slot::Lingering { .. } => true,
                    Slot::Empty => false,
                };
                let mut ended = shop.clone();
                ended.end(user);
                if may && !all.contains(&ended) {
                    all.push(ended);
                }
            }
            let adopted = Self { gate: shop.record, ..shop };
            if !all.contains(&adopted) {
                all.push(adopted);
            }
        }
        all
    }

    /// What the call makes of the shop; nothing if the shop could not have answered so.
    fn after(mut self, event: &Event, paying: bool) -> Vec<Self> {
        let user = event.user;
        let fits = match event.did {
            Did::Held { id, quantity, deadline, created } => {
                let slot = Slot::Held { id, quantity, deadline, exact: true };
                self.reserve(user, quantity, slot, created)
            }
            Did::MaybeHeld { quantity, deadline } => {
                self.reserve(user, quantity, Slot::Held { id: 0, quantity, deadline, exact: false }, None)
            }
            Did::Insufficient { quantity } => match self.slot(user) {
                Slot::Lingering { .. } => false,
                own => quantity > self.gate.total - self.reserved() + units(own),
            },
            Did::InProgress => match self.slot(user) {
                Slot::Lingering { .. } => true,
                Slot::Held { .. } => paying,
                Slot::Empty => false,
            },
            Did::Sold { id, quantity, lingers } => return self.sell(user, id, Some(quantity), lingers),
            Did::MaybeSold { id } => return self.sell(user, id, None, i64::MAX),
            Did::NotSold { id } => !matches!(self.slot(user), Slot::Held { id: held, .. } if held == id),
            Did::Released { id, quantity } => {
                let fits = self.holds(user, id, quantity);
                self.end(user);
                fits
            }
            Did::NothingReleased { unsure } => {
                let fits = unsure || !matches!(self.slot(user), Slot::Held { .. });
                self.end(user);
                fits
            }
            Did::MaybeReleased => {
                let fits = matches!(self.slot(user), Slot::Held { .. });
                self.end(user);
                fits
            }
            Did::Has { id, quantity } => match self.slot(user) {
                Slot::Lingering { id: lingering, quantity: units, .. } => (lingering, units) == (id, quantity),
                _ => self.holds(user, id, quantity),
            },
            Did::HasNone => self.slot(user) == Slot::Empty,
            Did::Status { total, reserved } => {
                (total, reserved) == (self.gate.total, self.reserved().min(self.gate.total))
            }
            Did::Added { units } => {
                self.change(units);
                self.gate = self.record;
                true
            }
            Did::MaybeAdded { units } => {
                self.change(units);
                true
            }
            Did::Forgot => {
                self.slots = [Slot::Empty; USERS];
                self.gate = self.record;
                true
            }
        };
        if fits { vec![self] } else { Vec::new() }
    }

    fn reserve(&mut self, user: usize, quantity: i32, wish: Slot, created: Option<bool>) -> bool {
        let own = self.slot(user);
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
        self.set(user, slot);
        true
    }

    fn sell(mut self, user: usize, id: u16, quantity: Option<i32>, lingers: i64) -> Vec<Self> {
        if let Slot::Lingering { id: lingering, quantity: units, .. } = self.slot(user) {
            // The buyer still saw the hold and paid once more: the same order again, and the gate may learn of it now.
            if lingering != id || quantity.is_some_and(|told| told != units) {
                return Vec::new();
            }
            let mut finished = self.clone();
            finished.end(user);
            return vec![finished, self];
        }
        let Slot::Held { id: held, quantity: units, .. } = self.slot(user) else { return Vec::new() };
        if (held != id && held != 0) || quantity.is_some_and(|told| told != units) || units > self.record.total {
            return Vec::new();
        }
        self.change(-units);
        let mut finished = self.clone();
        finished.set(user, Slot::Empty);
        finished.gate = finished.record;
        self.set(user, Slot::Lingering { id, quantity: units, until: lingers, seen: self.record });
        vec![finished, self]
    }

    /// Whether the user has this hold, with this quantity.
    fn holds(&self, user: usize, id: u16, quantity: i32) -> bool {
        match self.slot(user) {
            Slot::Held { id: held, quantity: units, .. } => (held == id || held == 0) && units == quantity,
            _ => false,
        }
    }

    /// The hold is out of the gate; with a sold one the gate learns of the record.
    fn end(&mut self, user: usize) {
        if let Slot::Lingering { seen, .. } = self.slot(user)
            && seen.version > self.gate.version
        {
            self.gate = seen;
        }
        self.set(user, Slot::Empty);
    }

    fn change(&mut self, units: i32) {
        self.record = Seen { total: self.record.total + units, version: self.record.version + 1 };
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

fn units(slot: Slot) -> i32 {
    match slot {
        Slot::Empty => 0,
        Slot::Held { quantity, .. } | Slot::Lingering { quantity, .. } => quantity,
    }
}
