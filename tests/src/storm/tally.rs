//! What is counted while it storms.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ended {
    /// With this status.
    Status(u16),
    /// The connection was refused or broke.
    Broken,
    /// The caller hung up, as they meant to.
    HungUp,
    /// There was no answer in time.
    Silent,
}

/// Counts, and findings that break a promise on the spot.
#[derive(Debug, Default)]
pub struct Tally(Mutex<Counts>);

/// What has been counted.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// Requests by operation and how they ended.
    pub requests: BTreeMap<(&'static str, Ended), u64>,
    /// Requests that were made again.
    pub retries: u64,
    /// Orders acknowledged.
    pub orders: u64,
    /// Who waited and was called.
    pub called: u64,
    /// Faults so far, for the live line.
    pub faults: u64,
    /// The slowest answer, in milliseconds.
    pub slowest_ms: i64,
    /// Findings by promise; at most a few of each are kept.
    pub findings: BTreeMap<&'static str, (u64, Vec<String>)>,
}

/// How many findings of one promise are told.
const TOLD: usize = 5;

impl Tally {
    /// A request ended.
    pub fn request(&self, operation: &'static str, ended: Ended, took_ms: i64) {
        let mut counts = self.counts();
        *counts.requests.entry((operation, ended)).or_default() += 1;
        if matches!(ended, Ended::Status(_)) {
            counts.slowest_ms = counts.slowest_ms.max(took_ms);
        }
    }

    /// A request is made again.
    pub fn retry(&self) {
        self.counts().retries += 1;
    }

    /// An order was acknowledged for the first time.
    pub fn order(&self) {
        self.counts().orders += 1;
    }

    /// Somebody who waited was called.
    pub fn called(&self) {
        self.counts().called += 1;
    }

    /// A fault began.
    pub fn fault(&self) {
        self.counts().faults += 1;
    }

    /// Something that a promise rules out.
    pub fn find(&self, promise: &'static str, what: String) {
        let mut counts = self.counts();
        let (count, told) = counts.findings.entry(promise).or_default();
        *count += 1;
        if told.len() < TOLD {
            told.push(what);
        }
    }

    /// What has been counted so far.
    #[must_use]
    pub fn so_far(&self) -> Counts {
        self.counts().clone()
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
