//! When holds end. Those of one product that end in the same millisecond share a bucket that knows the sum of their units,
//! so that all of them end in one step, however many they are; their entries and rows are swept away later, bit by bit.

use std::collections::{BTreeSet, VecDeque};

use super::entries::{Entries, NONE};
use super::slab::Slab;

/// Holds and keys of one gate with one deadline.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    pub(super) gate: u32,
    /// Milliseconds since 1970.
    pub(super) deadline: i64,
    /// How long its holds last; milliseconds.
    pub(super) ttl: i64,
    /// The units of its holds, those that are paying not counted.
    pub(super) units: u64,
    /// The first of the list of its entries, those that are paying not among them.
    head: u32,
    /// Its entries, all of them. A bucket without is no more.
    members: u32,
    /// Its deadline has come: whoever is on its list is over.
    pub(super) due: bool,
    /// It stands in the line of those to be swept.
    queued: bool,
}

impl Bucket {
    /// The first on its list.
    pub(super) const fn first(&self) -> u32 {
        self.head
    }

    /// How many entries it has, on its list or paying.
    pub(super) const fn members(&self) -> u32 {
        self.members
    }
}

/// Every bucket.
#[derive(Debug)]
pub(super) struct Deadlines {
    buckets: Slab<Bucket>,
    /// Buckets that are not due, by deadline.
    order: BTreeSet<(i64, u32)>,
    /// Due buckets with entries to be swept.
    sweep: VecDeque<u32>,
}

impl Deadlines {
    pub(super) const fn new() -> Self {
        Self { buckets: Slab::new(), order: BTreeSet::new(), sweep: VecDeque::new() }
    }

    pub(super) fn get(&self, bucket: u32) -> &Bucket {
        self.buckets.get(bucket)
    }

    pub(super) fn get_mut(&mut self, bucket: u32) -> &mut Bucket {
        self.buckets.get_mut(bucket)
    }

    /// The bucket of this gate and deadline: `recent` if that is it, else a new one.
    pub(super) fn bucket(&mut self, recent: u32, gate: u32, deadline: i64, ttl: i64) -> Option<u32> {
        if recent != NONE {
            let bucket = self.get(recent);
            let alive = bucket.members > 0 && !bucket.due;
            if alive && (bucket.gate, bucket.deadline, bucket.ttl) == (gate, deadline, ttl) {
                return Some(recent);
            }
        }
        let (head, members, units, due, queued) = (NONE, 0, 0, false, false);
        let new = self.buckets.insert(Bucket { gate, deadline, ttl, units, head, members, due, queued })?;
        self.order.insert((deadline, new));
        Some(new)
    }

    /// The bucket has one more entry, which will be [linked](Self::link) or is paying.
    pub(super) fn join(&mut self, bucket: u32) {
        self.get_mut(bucket).members += 1;
    }

    /// The bucket has one entry less; the last one out ends it.
    pub(super) fn leave(&mut self, bucket: u32) {
        let left = self.get_mut(bucket);
        left.members = left.members.saturating_sub(1);
        if left.members == 0 && !left.queued {
            let Bucket { deadline, .. } = *left;
            self.order.remove(&(deadline, bucket));
            self.buckets.remove(bucket);
        }
    }

    /// Puts an entry on its bucket's list.
    pub(super) fn link(&mut self, entries: &mut Entries, slot: u32) {
        let bucket = self.get_mut(entries.get(slot).bucket);
        let second = std::mem::replace(&mut bucket.head, slot);
        let entry = entries.get_mut(slot);
        (entry.previous, entry.next) = (NONE, second);
        if second != NONE {
            entries.get_mut(second).previous = slot;
        }
    }

    /// Takes an entry off its bucket's list.
    pub(super) fn unlink(&mut self, entries: &mut Entries, slot: u32) {
        let entry = *entries.get(slot);
        if entry.previous == NONE {
            self.get_mut(entry.bucket).head = entry.next;
        } else {
            entries.get_mut(entry.previous).next = entry.next;
        }
        if entry.next != NONE {
            entries.get_mut(entry.next).previous = entry.previous;
        }
    }

    /// The next bucket whose deadline has come; due from now on, and to be swept.
    pub(super) fn pop_due(&mut self, now: i64) -> Option<Bucket> {
        let &(deadline, bucket) = self.order.first()?;
        if deadline > now {
            return None;
        }
        Some(self.end(bucket))
    }

    /// Ends a bucket before its time or at it.
    pub(super) fn end(&mut self, bucket: u32) -> Bucket {
        let ended = self.buckets.get_mut(bucket);
        let was = *ended;
        (ended.due, ended.queued) = (true, true);
        self.order.remove(&(was.deadline, bucket));
        self.sweep.push_back(bucket);
        was
    }

    /// The buckets of a gate that are not due.
    pub(super) fn of_gate(&self, gate: u32) -> Vec<u32> {
        let buckets = self.order.iter().map(|(_, bucket)| *bucket);
        buckets.filter(|bucket| self.get(*bucket).gate == gate).collect()
    }

    /// The clock stepped back to `now`: no bucket ends later than if its holds were made now.
    pub(super) fn clamp(&mut self, now: i64) {
        let later: Vec<_> = self.order.range((now, 0)..).copied().collect();
        for (deadline, bucket) in later {
            let clamped = self.clamp_one(bucket, now);
            if clamped != deadline {
                self.order.remove(&(deadline, bucket));
                self.order.insert((clamped, bucket));
            }
        }
    }

    /// As [`clamp`](Self::clamp), of one bucket that is not in line to become due.
    pub(super) fn clamp_one(&mut self, bucket: u32, now: i64) -> i64 {
        let clamped = self.get_mut(bucket);
        clamped.deadline = clamped.deadline.min(now.saturating_add(clamped.ttl));
        clamped.deadline
    }

    /// The next entry to be swept, off its list already; its bucket still counts it.
    pub(super) fn next_swept(&mut self, entries: &mut Entries) -> Option<u32> {
        loop {
            let &bucket = self.sweep.front()?;
            let front = self.get_mut(bucket);
            let slot = front.head;
            if slot != NONE {
                self.unlink(entries, slot);
                return Some(slot);
            }
            front.queued = false;
            let empty = front.members == 0;
            self.sweep.pop_front();
            if empty {
                self.buckets.remove(bucket);
            }
        }
    }

    /// Whether entries wait to be swept.
    pub(super) fn unswept(&self) -> bool {
        !self.sweep.is_empty()
    }
}
