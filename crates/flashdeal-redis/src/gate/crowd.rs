//! Crowds: what a sale is made of, told to the script in a form that it need not take apart.

use std::collections::HashSet;

use flashdeal_domain::ports::Finish;
use flashdeal_domain::{RecordState, ReservationId};

use super::encode::{push_known, push_millis, push_named, push_reservation, ttl_bytes};
use super::op::{Kind, Op};

/// Appends operations of one product and kind as a crowd, or nothing if they are none: each is of another user, and reserves are two or
/// more, all for as long.
pub(super) fn push(to: &mut Vec<u8>, ops: &[&Op]) -> bool {
    let began = to.len();
    let pushed = match ops {
        [Op::Reserve(first), _, ..] => push_reserves(to, ops, ttl_bytes(first)),
        [Op::Begin { .. }, ..] => push_begins(to, ops),
        [Op::Finish(_), ..] => push_finishes(to, ops),
        [Op::Release { .. }, ..] => {
            to.push(b'L');
            Some(())
        }
        _ => None,
    };
    let is_crowd = pushed.is_some() && each_another(ops);
    if !is_crowd {
        to.truncate(began);
    }
    is_crowd
}

/// The time to live; the sum of the units, the smallest and the largest; then a reservation and its units for each.
fn push_reserves(to: &mut Vec<u8>, ops: &[&Op], ttl: [u8; 4]) -> Option<()> {
    let plain = |op: &&Op| match op {
        Op::Reserve(call) if op.kind() == Kind::PlainReserve && ttl_bytes(call) == ttl => {
            Some((call.candidate, call.quantity.get()))
        }
        _ => None,
    };
    let (mut units, mut smallest, mut largest) = (0_u64, u32::MAX, 0_u32);
    for op in ops {
        let (_, quantity) = plain(op)?;
        units += u64::from(quantity);
        smallest = smallest.min(quantity);
        largest = largest.max(quantity);
    }
    to.reserve(RESERVES_HEADER + ops.len() * RESERVES_ITEM);
    to.push(b'R');
    to.extend(ttl);
    push_millis(to, units);
    to.extend(smallest.to_be_bytes());
    to.extend(largest.to_be_bytes());
    for (candidate, quantity) in ops.iter().filter_map(plain) {
        push_reservation(to, candidate);
        to.extend(quantity.to_be_bytes());
    }
    Some(())
}

/// A reservation for each, nil if it names none; nothing if none of them does.
fn push_begins(to: &mut Vec<u8>, ops: &[&Op]) -> Option<()> {
    let names: Vec<Option<ReservationId>> = ops
        .iter()
        .map(|op| match op {
            Op::Begin { named, .. } => Some(*named),
            _ => None,
        })
        .collect::<Option<_>>()?;
    to.push(b'B');
    if names.iter().any(Option::is_some) {
        for name in names {
            push_named(to, name);
        }
    }
    Some(())
}

/// The latest that any of them knows of the record, then a reservation for each.
fn push_finishes(to: &mut Vec<u8>, ops: &[&Op]) -> Option<()> {
    let finishes: Vec<&Finish> = ops
        .iter()
        .map(|op| match op {
            Op::Finish(finish) => Some(finish),
            _ => None,
        })
        .collect::<Option<_>>()?;
    let latest: Option<RecordState> =
        finishes.iter().filter_map(|finish| finish.record).max_by_key(|record| record.version);
    to.push(b'F');
    push_known(to, latest);
    for finish in finishes {
        push_reservation(to, finish.reservation);
    }
    Some(())
}

fn each_another(ops: &[&Op]) -> bool {
    let mut seen = HashSet::with_capacity(ops.len());
    ops.iter().filter_map(|op| op.user()).all(|user| seen.insert(user.as_str()))
}

/// The letter, the time to live, the sum, the smallest and the largest.
const RESERVES_HEADER: usize = 1 + 4 + 6 + 4 + 4;
/// A reservation and its quantity.
const RESERVES_ITEM: usize = 20;
