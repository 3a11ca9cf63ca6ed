//! The gate in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use flashdeal_domain::ports::reservation::{
    BeginOutcome, Finish, GateView, Hold, LedgerError, OpeningToken, ReleaseOutcome, ReserveCall, ReserveOutcome,
};
use flashdeal_domain::ports::{Clock, GateBooks};
use flashdeal_domain::{ProductId, RecordState, ReservationId, ReservationLedger, StockLevel, StoreError, UserId};

use super::gate::Gate;

/// How long a leave to open a gate lasts, in milliseconds.
const LEAVE: i64 = 5000;

/// The gate in memory. See [`ReservationLedger`] for what it does.
pub struct Ledger {
    clock: Arc<dyn Clock>,
    store: Mutex<Store>,
}

#[derive(Default)]
struct Store {
    /// Which start of the store this is.
    run: u64,
    gates: BTreeMap<ProductId, Gate>,
    /// The newest leave to open each gate, and its end.
    leaves: HashMap<ProductId, (String, i64)>,
    leaves_given: u64,
}

impl Ledger {
    /// A ledger without gates that goes by `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, store: Mutex::default() }
    }

    /// Restarts the store: another run, with the memory it had. Every gate has to be opened again.
    pub fn restart(&self) {
        self.store().run += 1;
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One call on one open gate, at one instant.
    fn on_gate<T>(&self, product: ProductId, call: impl FnOnce(&mut Gate) -> T) -> Result<T, LedgerError> {
        let mut store = self.store();
        let run = store.run;
        match store.gates.get_mut(&product) {
            None => Err(LedgerError::Closed { had_state: false }),
            Some(gate) if gate.run != run => Err(LedgerError::Closed { had_state: true }),
            Some(gate) => {
                gate.come_to(self.clock.now().as_millis());
                Ok(call(gate))
            }
        }
    }
}

#[async_trait]
impl ReservationLedger for Ledger {
    async fn reserve(&self, call: ReserveCall) -> Result<ReserveOutcome, LedgerError> {
        self.on_gate(call.product, |gate| gate.reserve(call))
    }

    async fn hold(&self, product: ProductId, user: &UserId) -> Result<Option<Hold>, LedgerError> {
        self.on_gate(product, |gate| gate.hold(user))
    }

    async fn begin(
        &self,
        product: ProductId,
        user: &UserId,
        named: Option<ReservationId>,
    ) -> Result<BeginOutcome, LedgerError> {
        self.on_gate(product, |gate| gate.begin(user, named))
    }

    async fn finish(&self, finish: Finish) -> Result<(), LedgerError> {
        self.on_gate(finish.product, |gate| gate.finish(&finish))
    }

    async fn release(&self, product: ProductId, user: &UserId) -> Result<ReleaseOutcome, LedgerError> {
        self.on_gate(product, |gate| gate.release(user))
    }

    async fn status(&self, product: ProductId) -> Result<StockLevel, LedgerError> {
        self.on_gate(product, |gate| gate.level())
    }

    async fn adopt(&self, product: ProductId, record: RecordState) -> Result<(), LedgerError> {
        self.on_gate(product, |gate| gate.adopt(record))
    }

    async fn claim_opening(&self, product: ProductId) -> Result<OpeningToken, StoreError> {
        let mut store = self.store();
        store.leaves_given += 1;
        // The run is part of the leave: a store that was restarted since must not honour it.
        let leave = format!("{}/{}", store.run, store.leaves_given);
        let until = self.clock.now().as_millis() + LEAVE;
        store.leaves.insert(product, (leave.clone(), until));
        Ok(OpeningToken(leave.into()))
    }

    async fn open(&self, product: ProductId, token: OpeningToken, record: RecordState) -> Result<bool, StoreError> {
        let mut store = self.store();
        let (run, now) = (store.run, self.clock.now().as_millis());
        let this_run = token.0.split('/').next() == Some(run.to_string().as_str());
        let good = store.leaves.get(&product).is_some_and(|(leave, until)| **leave == *token.0 && now < *until);
        let stale = store.gates.get(&product).is_some_and(|gate| gate.run == run && gate.record.epoch >= record.epoch);
        if !(good && this_run) || stale {
            return Ok(false);
        }
        store.leaves.remove(&product);
        let gate = store.gates.entry(product).or_insert_with(|| Gate::new(run, record, now));
        gate.run = run;
        // A version is a fact of the record: a later one that a finish brought meanwhile stays.
        let newest = if gate.record.version > record.version { gate.record } else { record };
        gate.record = RecordState { epoch: record.epoch, ..newest };
        Ok(true)
    }

    async fn forget(&self, product: ProductId) -> Result<(), StoreError> {
        self.store().gates.remove(&product);
        Ok(())
    }

    async fn products(&self, after: Option<ProductId>, limit: usize) -> Result<Vec<ProductId>, StoreError> {
        let store = self.store();
        let later = store.gates.keys().filter(|id| after.is_none_or(|after| **id > after));
        Ok(later.take(limit).copied().collect())
    }

    async fn view(&self, products: &[ProductId], paying_over: Duration) -> Result<Vec<GateView>, StoreError> {
        let mut store = self.store();
        let (run, now) = (store.run, self.clock.now().as_millis());
        let mut views = Vec::with_capacity(products.len());
        for &product in products {
            let gate = store.gates.get_mut(&product);
            views.push(GateView {
                product,
                open: gate.as_ref().map(|gate| (gate.record.epoch, gate.record.version)),
                needs_reopening: gate.as_ref().is_some_and(|gate| gate.run != run),
                paying: gate.map_or_else(Vec::new, |gate| {
                    if gate.run == run {
                        gate.come_to(now);
                    }
                    gate.paying(paying_over)
                }),
            });
        }
        Ok(views)
    }

    async fn books(&self, product: ProductId, overdue: Duration) -> Result<GateBooks, LedgerError> {
        self.on_gate(product, |gate| gate.books(overdue))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
