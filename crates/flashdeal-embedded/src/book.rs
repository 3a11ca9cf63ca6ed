//! The gates in memory: every call is decided here, at one instant, and leaves [effects](log::Effect) for the file.
//!
//! Nothing here does I/O or knows the time: the caller holds the lock, reads the clock, and tells nobody an answer before
//! the effects that it stands on are durable. Answers say how far that is ([`Told::after`]).

mod audit;
mod calls;
mod deadlines;
mod entries;
mod load;
mod log;
mod slab;
#[cfg(test)]
mod tests;
mod views;

use std::collections::{BTreeMap, HashMap};

use flashdeal_domain::ports::Hold;
use flashdeal_domain::{
    Epoch, ProductId, RecordState, ReservationId, StockLevel, Terms, Timestamp, Units, UserId, Version,
};

use deadlines::Deadlines;
use entries::{Entries, Entry, Kind, NO_ROW, NONE, Owner};
use slab::Slab;

use crate::tally::Tally;

pub(crate) use load::{SavedGate, SavedHold};
pub(crate) use log::{Effect, HoldRow, Log};

/// An answer, and the number of the last effect that must be durable before anyone hears it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Told<T> {
    pub(crate) answer: T,
    pub(crate) after: u64,
}

/// The gate has no state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Closed;

/// One product's gate.
struct Gate {
    product: ProductId,
    epoch: Epoch,
    version: Version,
    total: Units,
    /// What that version is sold under.
    terms: Terms,
    /// The units of all its holds that are not over.
    reserved: u64,
    /// The last effect on it.
    last: u64,
    /// When it was last called; milliseconds.
    used: i64,
    /// The bucket of the newest hold: the next one mostly joins it.
    recent: u32,
    paying: HashMap<u32, Paying>,
}

/// What only a paying hold has.
struct Paying {
    user: UserId,
    /// When its checkout first began; milliseconds.
    since: i64,
}

impl Gate {
    fn level(&self) -> StockLevel {
        // More is held than is left only while a sale's finish is on its way; a level shows no more than there is.
        StockLevel::new(self.total, Units::new(self.reserved).unwrap_or(self.total))
    }

    const fn adopt(&mut self, record: RecordState) {
        if record.version.0 > self.version.0 {
            (self.version, self.total, self.terms) = (record.version, record.total, record.terms);
        } else if record.version.0 == self.version.0 && record.terms.queued() {
            self.terms = record.terms;
        }
    }
}

/// Every gate.
pub(crate) struct Book {
    gates: BTreeMap<ProductId, u32>,
    states: Slab<Gate>,
    entries: Entries,
    deadlines: Deadlines,
    /// Leave to open a gate: its number, and until when.
    leaves: HashMap<ProductId, (u64, i64)>,
    leaves_given: u64,
    /// The newest instant seen.
    seen: i64,
    /// The row of the next hold or key.
    next_row: i64,
    pub(crate) log: Log,
    pub(crate) tally: Tally,
}

impl Book {
    pub(crate) fn new() -> Self {
        Self {
            gates: BTreeMap::new(),
            states: Slab::new(),
            entries: Entries::new(),
            deadlines: Deadlines::new(),
            leaves: HashMap::new(),
            leaves_given: 0,
            seen: i64::MIN,
            next_row: NO_ROW + 1,
            log: Log::default(),
            tally: Tally::default(),
        }
    }

    /// Brings the book to `now`: everything due is over. A step for each millisecond in which something ended.
    pub(crate) fn come_to(&mut self, now: i64) {
        if now < self.seen {
            self.step_back(now);
        }
        self.seen = now;
        while let Some(bucket) = self.deadlines.pop_due(now) {
            let gate = self.states.get_mut(bucket.gate);
            gate.reserved = gate.reserved.saturating_sub(bucket.units);
        }
    }

    /// A clock that steps back lengthens no hold past its time from now.
    fn step_back(&mut self, now: i64) {
        self.deadlines.clamp(now);
        for gate in self.gates.values() {
            for slot in self.states.get(*gate).paying.keys() {
                let bucket = self.entries.get(*slot).bucket;
                if self.deadlines.get(bucket).due {
                    self.deadlines.clamp_one(bucket, now);
                }
            }
        }
    }

    /// Sweeps away at most `limit` entries that are over; their rows go too. Whether more wait.
    pub(crate) fn sweep(&mut self, limit: usize) -> bool {
        for _ in 0..limit {
            let Some(slot) = self.deadlines.next_swept(&mut self.entries) else { break };
            let Entry { kind, row, bucket, .. } = *self.entries.get(slot);
            match kind {
                Kind::Held => self.tally.lapsed += 1,
                Kind::Key | Kind::Gone | Kind::Paying => {}
            }
            if kind != Kind::Gone {
                self.entries.unhash(slot);
                self.drop_row(row, kind);
            }
            self.entries.free(slot);
            self.deadlines.leave(bucket);
        }
        self.deadlines.unswept()
    }

    /// Whether [`sweep`](Self::sweep) has something to do.
    pub(crate) fn unswept(&self) -> bool {
        self.deadlines.unswept()
    }

    /// The row of this hold, if the file has it.
    pub(crate) fn row_of(&self, product: ProductId, user: &UserId, reservation: ReservationId) -> Option<i64> {
        let slot = self.entries.find(self.entries.owner(product, user, None))?;
        let entry = self.entries.get(slot);
        (entry.reservation == reservation && entry.row != NO_ROW).then_some(entry.row)
    }

    /// The record settled this hold and took its row out of the file: it ends here too, and what the record is now is adopted,
    /// in the same instant as everything else of that transaction. So no answer shows a unit as sold and as held.
    pub(crate) fn settled(&mut self, product: ProductId, user: &UserId, row: i64, record: Option<RecordState>) {
        let Some(gate) = self.gates.get(&product).copied() else { return };
        let slot = self.entries.find(self.entries.owner(product, user, None));
        if let Some(slot) = slot.filter(|slot| self.entries.get(*slot).row == row)
            && self.live(self.entries.get(slot).owner).is_some()
        {
            self.entries.get_mut(slot).row = NO_ROW;
            self.take_out(gate, slot);
            self.tally.finished += 1;
        }
        if let Some(record) = record {
            self.states.get_mut(gate).adopt(record);
        }
    }

    fn gate(&mut self, product: ProductId) -> Result<u32, Closed> {
        let gate = *self.gates.get(&product).ok_or(Closed)?;
        self.states.get_mut(gate).used = self.seen;
        Ok(gate)
    }

    /// The owner's entry, unless it is over.
    fn live(&self, owner: Owner) -> Option<u32> {
        let slot = self.entries.find(owner)?;
        let entry = self.entries.get(slot);
        let over = entry.kind != Kind::Paying && self.deadlines.get(entry.bucket).due;
        (!over).then_some(slot)
    }

    /// As [`live`](Self::live); an entry that is over and unswept makes way.
    fn live_or_vacant(&mut self, owner: Owner) -> Option<u32> {
        let live = self.live(owner);
        if live.is_none()
            && let Some(slot) = self.entries.find(owner)
        {
            let Entry { row, kind, .. } = *self.entries.get(slot);
            self.entries.unhash(slot);
            self.entries.get_mut(slot).kind = Kind::Gone;
            self.drop_row(row, kind);
            self.tally.lapsed += u64::from(kind == Kind::Held);
        }
        live
    }

    fn hold(&self, slot: u32) -> Hold {
        let entry = self.entries.get(slot);
        Hold {
            reservation: entry.reservation,
            quantity: Units::new(entry.quantity).unwrap_or_default(),
            expires_at: Timestamp::from_millis(self.deadlines.get(entry.bucket).deadline),
        }
    }

    /// Adds a hold or a key that is not paying and not over.
    fn add(&mut self, entry: Entry) -> Option<u32> {
        let slot = self.entries.insert(entry)?;
        self.deadlines.join(entry.bucket);
        self.deadlines.link(&mut self.entries, slot);
        if entry.kind == Kind::Held {
            let bucket = self.deadlines.get_mut(entry.bucket);
            bucket.units += u64::from(entry.quantity);
            self.states.get_mut(bucket.gate).reserved += u64::from(entry.quantity);
        }
        Some(slot)
    }

    /// Ends a live hold, held or paying: entry and row.
    fn take_out(&mut self, gate: u32, slot: u32) -> u64 {
        let Entry { kind, row, bucket, quantity, .. } = *self.entries.get(slot);
        if kind == Kind::Paying {
            self.states.get_mut(gate).paying.remove(&slot);
        } else {
            self.deadlines.unlink(&mut self.entries, slot);
            let bucket = self.deadlines.get_mut(bucket);
            bucket.units = bucket.units.saturating_sub(u64::from(quantity));
        }
        self.entries.unhash(slot);
        self.entries.free(slot);
        self.deadlines.leave(bucket);
        let dropped = self.drop_row(row, kind);
        let gate = self.states.get_mut(gate);
        gate.reserved = gate.reserved.saturating_sub(u64::from(quantity));
        gate.last = gate.last.max(dropped);
        gate.last
    }

    fn drop_row(&mut self, row: i64, kind: Kind) -> u64 {
        if row == NO_ROW {
            return 0;
        }
        self.log.drop_row(row, kind == Kind::Key)
    }

    /// An answer that stands on everything that happened at the gate so far.
    fn told<T>(&self, gate: u32, answer: T) -> Told<T> {
        Told { answer, after: self.states.get(gate).last }
    }
}

/// No bucket yet.
const NO_BUCKET: u32 = NONE;
