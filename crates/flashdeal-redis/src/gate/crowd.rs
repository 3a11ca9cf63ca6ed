//! A crowd: what a hot sale is made of, told to the script in a form that it need not take apart.

use std::collections::HashSet;

use super::encode::{push_millis, push_reservation, ttl_bytes};
use super::op::Op;

/// Plain reserves of one product, each of another user, all for as long.
pub(super) struct Crowd<'a> {
    ops: &'a [&'a Op],
    ttl: [u8; 4],
    units: u64,
    smallest: u32,
    largest: u32,
}

impl<'a> Crowd<'a> {
    /// What is asked of one product, if it is a crowd: two or more.
    pub(super) fn of(ops: &'a [&'a Op]) -> Option<Self> {
        let [first, _, ..] = ops else {
            return None;
        };
        let ttl = ttl_bytes(first.plain_reserve()?);
        let mut crowd = Self { ops, ttl, units: 0, smallest: u32::MAX, largest: 0 };
        let mut users = HashSet::with_capacity(ops.len());
        for op in ops {
            let call = op.plain_reserve().filter(|call| ttl_bytes(call) == ttl && users.insert(call.user.as_str()))?;
            let quantity = call.quantity.get();
            crowd.units += u64::from(quantity);
            crowd.smallest = crowd.smallest.min(quantity);
            crowd.largest = crowd.largest.max(quantity);
        }
        Some(crowd)
    }

    pub(super) fn push(&self, to: &mut Vec<u8>) {
        to.reserve(HEADER + self.ops.len() * ITEM);
        to.push(b'R');
        to.extend(self.ttl);
        push_millis(to, self.units);
        to.extend(self.smallest.to_be_bytes());
        to.extend(self.largest.to_be_bytes());
        for call in self.ops.iter().filter_map(|op| op.plain_reserve()) {
            push_reservation(to, call.candidate);
            to.extend(call.quantity.get().to_be_bytes());
        }
    }
}

/// The letter, the time to live, the sum, the smallest and the largest.
const HEADER: usize = 1 + 4 + 6 + 4 + 4;
/// A reservation and its quantity.
const ITEM: usize = 20;
