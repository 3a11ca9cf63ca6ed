//! Chance: for tokens that nobody else may guess by accident, and so that instances do not all retry at the same moment.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

/// 64 bits that differ in every call, in every process. Not for secrets.
pub(crate) fn roll() -> u64 {
    // Every RandomState has keys of its own, the first of a thread from the operating system.
    RandomState::new().build_hasher().finish()
}

/// A number from 0 up to, not including, `bound`; 0 if that is 0.
pub(crate) fn below(bound: u64) -> u64 {
    roll().checked_rem(bound).unwrap_or(0)
}
