//! What the shop of the model is made of.

/// A user's place in the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Slot {
    Empty,
    /// `id` 0: nobody was told its id. `exact`: the deadline is known.
    Held {
        id: u16,
        quantity: i32,
        deadline: i64,
        exact: bool,
    },
    /// Over, and the gate does not know. `sold`: the record after its sale; `None` if it was voided.
    Lingering {
        id: u16,
        quantity: i32,
        until: i64,
        sold: Option<Seen>,
    },
}

/// A state of the record: its total, and how often it had changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Seen {
    pub(super) total: i32,
    pub(super) version: u16,
}

/// The ids of some holds; those that have no place in it are never among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Ids([u64; 4]);

impl Ids {
    pub(super) fn has(self, id: u16) -> bool {
        self.0.get(usize::from(id / 64)).is_some_and(|word| word >> (id % 64) & 1 == 1)
    }

    pub(super) fn add(&mut self, id: u16) {
        if let Some(word) = self.0.get_mut(usize::from(id / 64)) {
            *word |= 1 << (id % 64);
        }
    }
}

/// How many units it takes away.
pub(super) fn units(slot: Slot) -> i32 {
    match slot {
        Slot::Empty => 0,
        Slot::Held { quantity, .. } | Slot::Lingering { quantity, .. } => quantity,
    }
}
