//! The book as the file has it, at start.

use flashdeal_domain::{ProductId, RecordState, ReservationId, UserId};

use super::Book;
use super::entries::{Entry, Kind, NONE};

/// A gate's row, with the record's newer state if there is one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SavedGate {
    pub(crate) product: ProductId,
    pub(crate) record: RecordState,
}

/// A row of a live hold, or of a key that is remembered.
#[derive(Debug)]
pub(crate) struct SavedHold<'a> {
    pub(crate) row: i64,
    pub(crate) product: ProductId,
    pub(crate) user: &'a UserId,
    /// Of a key: its text.
    pub(crate) key: Option<&'a flashdeal_domain::IdempotencyKey>,
    pub(crate) reservation: ReservationId,
    pub(crate) quantity: u32,
    pub(crate) deadline: i64,
    pub(crate) ttl: i64,
}

impl Book {
    /// A gate that was open.
    pub(crate) fn restore_gate(&mut self, saved: SavedGate) {
        self.new_gate(saved.product, saved.record);
    }

    /// Rows from here on are free.
    pub(crate) fn restore_rows(&mut self, next: i64) {
        self.next_row = self.next_row.max(next);
    }

    /// A hold or a key of an open gate, in the order of the rows. A clock that is behind the last process's lengthens nothing.
    pub(crate) fn restore(&mut self, saved: &SavedHold<'_>) {
        let owner = self.entries.owner(saved.product, saved.user, saved.key);
        let kind = if saved.key.is_some() { Kind::Key } else { Kind::Held };
        let deadline = saved.deadline.min(self.seen.saturating_add(saved.ttl));
        let gate = self.gates.get(&saved.product).copied();
        let Some(gate) = gate.filter(|_| self.entries.find(owner).is_none()) else {
            self.drop_row(saved.row, kind);
            return;
        };
        let recent = self.states.get(gate).recent;
        let Some(bucket) = self.deadlines.bucket(recent, gate, deadline, saved.ttl) else { return };
        self.states.get_mut(gate).recent = bucket;
        let SavedHold { row, reservation, quantity, .. } = *saved;
        self.add(Entry { owner, reservation, row, quantity, bucket, previous: NONE, next: NONE, kind });
    }
}
