//! The background's calls: opening, forgetting, looking.

use std::collections::HashMap;
use std::time::Duration;

use flashdeal_domain::ports::{GateView, PayingHold};
use flashdeal_domain::{ProductId, RecordState};

use super::{Book, Effect, Gate, NO_BUCKET, Told};

/// How long leave to open a gate lasts; milliseconds.
const LEAVE: i64 = 5000;
/// Leaves are cleared of those that lapsed whenever there are this many.
const LEAVES: usize = 1024;
/// How many paying holds a view shows.
const SHOWN: usize = 64;
/// A gate without holds that nobody called for this long is forgotten; milliseconds.
const IDLE: i64 = 24 * 60 * 60 * 1000;

impl Book {
    /// See [`ReservationLedger::claim_opening`](flashdeal_domain::ReservationLedger::claim_opening). The leave's number.
    pub(crate) fn claim_opening(&mut self, product: ProductId) -> u64 {
        let now = self.seen;
        if self.leaves.len() >= LEAVES {
            self.leaves.retain(|_, (_, until)| now < *until);
        }
        self.leaves_given += 1;
        self.leaves.insert(product, (self.leaves_given, now.saturating_add(LEAVE)));
        self.leaves_given
    }

    /// See [`ReservationLedger::open`](flashdeal_domain::ReservationLedger::open).
    pub(crate) fn open(&mut self, product: ProductId, leave: Option<u64>, record: RecordState) -> Told<bool> {
        let given = self.leaves.get(&product);
        let good = given.is_some_and(|(given, until)| Some(*given) == leave && self.seen < *until);
        let gate = self.gates.get(&product).copied();
        let stale = gate.is_some_and(|gate| self.states.get(gate).epoch >= record.epoch);
        if !good || stale {
            return Told { answer: false, after: 0 };
        }
        let Some(gate) = gate.or_else(|| self.new_gate(product, record)) else {
            return Told { answer: false, after: 0 };
        };
        self.leaves.remove(&product);
        // A version is a fact of the record: a later one that a finish brought meanwhile stays.
        let here = self.states.get(gate);
        let newer = here.version.0 > record.version.0;
        let (version, total, terms) = (here.version, here.total, here.terms);
        let record = if newer { RecordState { epoch: record.epoch, version, total, terms } } else { record };
        // A gate that stands keeps its holds, so its first row must stay: the file keeps the one it has.
        let first_hold = self.next_row;
        let last = self.log.push(Effect::PutGate { product, record, first_hold });
        let opened = self.states.get_mut(gate);
        (opened.epoch, opened.version) = (record.epoch, record.version);
        (opened.total, opened.terms) = (record.total, record.terms);
        opened.last = last;
        Told { answer: true, after: last }
    }

    pub(super) fn new_gate(&mut self, product: ProductId, record: RecordState) -> Option<u32> {
        let gate = self.states.insert(Gate {
            product,
            epoch: record.epoch,
            version: record.version,
            total: record.total,
            terms: record.terms,
            reserved: 0,
            last: 0,
            used: self.seen,
            recent: NO_BUCKET,
            paying: HashMap::new(),
        })?;
        self.gates.insert(product, gate);
        Some(gate)
    }

    /// See [`ReservationLedger::forget`](flashdeal_domain::ReservationLedger::forget). A step for each paying hold and each
    /// millisecond in which one ends; the rest is swept away later.
    pub(crate) fn forget(&mut self, product: ProductId) -> Told<()> {
        let Some(gate) = self.gates.remove(&product) else { return Told { answer: (), after: 0 } };
        let paying: Vec<u32> = self.states.get(gate).paying.keys().copied().collect();
        for slot in paying {
            self.take_out(gate, slot);
        }
        for bucket in self.deadlines.of_gate(gate) {
            self.deadlines.end(bucket);
        }
        self.states.remove(gate);
        Told { answer: (), after: self.log.push(Effect::DropGate { product }) }
    }

    /// See [`ReservationLedger::products`](flashdeal_domain::ReservationLedger::products).
    pub(crate) fn products(&self, after: Option<ProductId>, limit: usize) -> Vec<ProductId> {
        use std::ops::Bound::{Excluded, Unbounded};
        let later = (after.map_or(Unbounded, Excluded), Unbounded);
        self.gates.range(later).map(|(product, _)| *product).take(limit).collect()
    }

    /// See [`ReservationLedger::view`](flashdeal_domain::ReservationLedger::view). Gates that nobody used for a day go.
    pub(crate) fn view(&mut self, product: ProductId, paying_over: Duration) -> GateView {
        let now = self.seen;
        let Some(gate) = self.gates.get(&product).copied() else {
            return GateView { product, open: None, needs_reopening: false, paying: Vec::new() };
        };
        let state = self.states.get(gate);
        if state.reserved == 0 && state.paying.is_empty() && state.used.saturating_add(IDLE) < now {
            self.forget(product);
            return GateView { product, open: None, needs_reopening: false, paying: Vec::new() };
        }
        let over = i64::try_from(paying_over.as_millis()).unwrap_or(i64::MAX);
        let old = state.paying.iter().filter(|(_, paying)| now.saturating_sub(paying.since) > over);
        let mut oldest: Vec<_> = old.map(|(slot, paying)| (paying.since, *slot)).collect();
        oldest.sort_unstable();
        let shown = oldest.iter().take(SHOWN).filter_map(|(since, slot)| {
            let (user, hold) = (state.paying.get(slot)?.user.clone(), self.hold(*slot));
            let overdue = ago(now, hold.expires_at.as_millis());
            Some(PayingHold { user, hold, paying_for: ago(now, *since), overdue })
        });
        let open = Some((state.epoch, state.version));
        GateView { product: state.product, open, needs_reopening: false, paying: shown.collect() }
    }
}

/// How long ago; nothing if it is yet to come.
fn ago(now: i64, then: i64) -> Duration {
    Duration::from_millis(u64::try_from(now.saturating_sub(then)).unwrap_or(0))
}
