//! What happened at the gates and is not in the file yet.

use flashdeal_domain::{IdempotencyKey, ProductId, RecordState, ReservationId, Timestamp, UserId};

/// A change of the file. Safe to make twice; cannot be refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// A gate was opened.
    PutGate {
        product: ProductId,
        record: RecordState,
        /// Rows below this are from before.
        first_hold: i64,
    },
    /// A gate was forgotten.
    DropGate { product: ProductId },
    /// A hold was made.
    PutHold(HoldRow),
    /// A key was used.
    PutKey { row: HoldRow, key: IdempotencyKey },
    /// A hold was set to another quantity.
    SetQuantity { row: i64, quantity: u32 },
    /// The holds with these rows, the last included, are over.
    DropHolds { first: i64, last: i64 },
    /// The keys with these rows, the last included, are over.
    DropKeys { first: i64, last: i64 },
}

/// A hold, or the answer that a key got, as a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HoldRow {
    pub(crate) row: i64,
    pub(crate) product: ProductId,
    pub(crate) user: UserId,
    pub(crate) reservation: ReservationId,
    pub(crate) quantity: u32,
    pub(crate) deadline: Timestamp,
    /// Milliseconds.
    pub(crate) ttl: i64,
}

/// The effects since the file was last brought up to date, in order.
#[derive(Debug, Default)]
pub(crate) struct Log {
    waiting: Vec<Effect>,
    /// How many there have ever been: the number of the last.
    last: u64,
}

impl Log {
    pub(super) fn push(&mut self, effect: Effect) -> u64 {
        self.last += 1;
        self.waiting.push(effect);
        self.last
    }

    /// Rows that lapse together mostly lie side by side: then they are one effect.
    pub(super) fn drop_row(&mut self, row: i64, of_keys: bool) -> u64 {
        let joined = match self.waiting.last_mut() {
            Some(Effect::DropKeys { first, last }) if of_keys => extend(first, last, row),
            Some(Effect::DropHolds { first, last }) if !of_keys => extend(first, last, row),
            _ => false,
        };
        if joined {
            return self.last;
        }
        let (first, last) = (row, row);
        self.push(if of_keys { Effect::DropKeys { first, last } } else { Effect::DropHolds { first, last } })
    }

    /// The number of the last effect there was.
    pub(crate) const fn last(&self) -> u64 {
        self.last
    }

    /// How many wait.
    pub(crate) const fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Takes those that wait.
    pub(crate) fn take(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.waiting)
    }
}

fn extend(first: &mut i64, last: &mut i64, row: i64) -> bool {
    if row == *last + 1 {
        *last = row;
    } else if row == *first - 1 {
        *first = row;
    } else {
        return false;
    }
    true
}
