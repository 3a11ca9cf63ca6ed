//! Holds and idempotency keys by who they belong to: 75 bytes each, whatever the user is called.
//!
//! A user's text is not kept: it is in the file. In memory a hold is found by a 128-bit hash of product and user, under keys
//! drawn anew by every process, so that nobody can aim at a collision; among a million holds the odds of one by chance are
//! one in 10^26.

use std::hash::{BuildHasher, RandomState};

use flashdeal_domain::{IdempotencyKey, ProductId, ReservationId, UserId};
use hashbrown::HashTable;

use super::slab::Slab;

/// No slot.
pub(super) const NONE: u32 = u32::MAX;
/// No row: the file does not have it (any more).
pub(super) const NO_ROW: i64 = 0;

/// A hash of product, user and, for an idempotency key, the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner(u64, u64);

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A hold that lapses with its bucket.
    Held,
    /// A hold on which a checkout began.
    Paying,
    /// An idempotency key: lapses like a hold, reserves nothing.
    Key,
    /// Lapsed, and its owner has a new one: waits to be swept, found by nobody.
    Gone,
}

/// A hold or a key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) owner: Owner,
    pub(super) reservation: ReservationId,
    /// Its row in the file, or [`NO_ROW`].
    pub(super) row: i64,
    pub(super) quantity: u32,
    /// The bucket that has its deadline.
    pub(super) bucket: u32,
    /// Neighbours in the bucket's list.
    pub(super) previous: u32,
    pub(super) next: u32,
    pub(super) kind: Kind,
}

/// Every hold and key.
///
/// The table is split so that no growth of it takes longer than a fraction of a millisecond.
pub(super) struct Entries {
    slots: Slab<Entry>,
    shards: Vec<HashTable<u32>>,
    hashers: (RandomState, RandomState),
}

const SHARDS: u64 = 256;

/// The bits that choose the shard are not those that `hashbrown` looks at first.
fn shard_of(owner: Owner) -> usize {
    usize::try_from((owner.0 >> 40) % SHARDS).unwrap_or_default()
}

impl Entries {
    pub(super) fn new() -> Self {
        Self {
            slots: Slab::new(),
            shards: (0..SHARDS).map(|_| HashTable::new()).collect(),
            hashers: (RandomState::new(), RandomState::new()),
        }
    }

    pub(super) fn owner(&self, product: ProductId, user: &UserId, key: Option<&IdempotencyKey>) -> Owner {
        let what = (product, user, key);
        Owner(self.hashers.0.hash_one(what), self.hashers.1.hash_one(what))
    }

    pub(super) fn find(&self, owner: Owner) -> Option<u32> {
        let shard = self.shards.get(shard_of(owner))?;
        shard.find(owner.0, |slot| self.slots.get(*slot).owner == owner).copied()
    }

    pub(super) fn get(&self, slot: u32) -> &Entry {
        self.slots.get(slot)
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> &mut Entry {
        self.slots.get_mut(slot)
    }

    /// Keeps an entry whose owner has none; `None` when there is no room.
    pub(super) fn insert(&mut self, entry: Entry) -> Option<u32> {
        let slot = self.slots.insert(entry)?;
        let (slots, owner) = (&self.slots, entry.owner);
        let shard = self.shards.get_mut(shard_of(owner))?;
        shard.insert_unique(owner.0, slot, |slot| slots.get(*slot).owner.0);
        Some(slot)
    }

    /// The owner has no entry any more; the slot stays.
    pub(super) fn unhash(&mut self, slot: u32) {
        let owner = self.slots.get(slot).owner;
        let Some(shard) = self.shards.get_mut(shard_of(owner)) else { return };
        if let Ok(found) = shard.find_entry(owner.0, |other| *other == slot) {
            found.remove();
        }
    }

    /// Gives the slot up.
    pub(super) fn free(&mut self, slot: u32) {
        self.slots.remove(slot);
    }
}
