//! The gate in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use flashdeal_domain::ports::Clock;
use flashdeal_domain::ports::reservation::{
    BeginOutcome, Finish, GateView, Hold, LedgerError, OpeningToken, PayingHold, ReleaseOutcome, ReserveCall,
    ReserveOutcome,
};
use flashdeal_domain::{
    IdempotencyKey, ProductId, RecordState, ReservationId, ReservationLedger, StockLevel, StoreError, Timestamp, Units,
    UserId,
};

use super::Fault;

/// How long a leave to open a gate lasts, in milliseconds.
const LEAVE: i64 = 5000;
/// How many paying holds a view shows.
const SHOWN: usize = 64;

/// The gate in memory. See [`ReservationLedger`] for what it does.
pub struct Ledger {
    clock: Arc<dyn Clock>,
    store: Mutex<Store>,
    fault: Option<Fault>,
}

#[derive(Default)]
struct Store {
    /// Which start of the store this is.
    run: u64,
    gates: BTreeMap<ProductId, Gate>,
    /// The newest leave to open each gate: number, run, end.
    leaves: HashMap<ProductId, (String, i64)>,
    leaves_given: u64,
}

struct Gate {
    run: u64,
    record: RecordState,
    /// The newest instant this gate has seen.
    seen: i64,
    holds: BTreeMap<UserId, Held>,
    keys: HashMap<(UserId, IdempotencyKey), Keyed>,
}

/// One hold.
#[derive(Clone, Copy)]
struct Held {
    reservation: ReservationId,
    quantity: Units,
    deadline: i64,
    ttl: i64,
    /// When a checkout first began on it; from then on it does not lapse.
    paying_since: Option<i64>,
}

/// What a key was answered, until when.
struct Keyed {
    quantity: Units,
    answer: Hold,
    until: i64,
}

impl Held {
    const fn hold(&self) -> Hold {
        Hold {
            reservation: self.reservation,
            quantity: self.quantity,
            expires_at: Timestamp::from_millis(self.deadline),
        }
    }
}

impl Gate {
    fn level(&self) -> StockLevel {
        let reserved: u64 = self.holds.values().map(|held| u64::from(held.quantity.get())).sum();
        StockLevel::new(self.record.total, Units::new(reserved).unwrap_or(self.record.total))
    }

    fn adopt(&mut self, record: RecordState, fault: Option<Fault>) {
        if record.version > self.record.version || fault == Some(Fault::AdoptsOlder) {
            self.record = RecordState { epoch: self.record.epoch, ..record };
        }
    }

    /// Brings the gate to `now`: a clock that stepped back shortens what it would lengthen, then what is due ends.
    fn come_to(&mut self, now: i64, fault: Option<Fault>) {
        if now < self.seen && fault != Some(Fault::StepBackLengthens) {
            for held in self.holds.values_mut() {
                held.deadline = held.deadline.min(now + held.ttl);
            }
        }
        self.seen = now;
        let late = match fault {
            Some(Fault::LapseLate) => 1,
            Some(Fault::LapseEarly) => -1,
            _ => 0,
        };
        self.holds.retain(|_, held| {
            let spared = held.paying_since.is_some() && fault != Some(Fault::PayingLapses);
            spared || now < held.deadline + late
        });
        self.keys.retain(|_, keyed| now < keyed.until);
    }

    fn reserve(&mut self, call: ReserveCall, fault: Option<Fault>) -> ReserveOutcome {
        let now = self.seen;
        let key = call.key.map(|key| (call.user.clone(), key));
        if let Some(keyed) = key.as_ref().and_then(|key| self.keys.get(key)) {
            return if keyed.quantity == call.quantity {
                ReserveOutcome::Replayed(keyed.answer)
            } else {
                ReserveOutcome::KeyReused
            };
        }
        let mine = self.holds.get(&call.user).copied();
        if mine.is_some_and(|held| held.paying_since.is_some()) {
            return ReserveOutcome::CheckoutInProgress;
        }
        let level = self.level();
        let own = mine.map_or(0, |held| held.quantity.get());
        let own = if fault == Some(Fault::OwnUnitsCounted) { 0 } else { own };
        if u64::from(call.quantity.get()) > u64::from(level.available().get()) + u64::from(own) {
            return ReserveOutcome::Insufficient(level);
        }
        let ttl = call.ttl.as_millis();
        let mut held = mine.unwrap_or(Held {
            reservation: call.candidate,
            quantity: call.quantity,
            deadline: now + ttl,
            ttl,
            paying_since: None,
        });
        held.quantity = call.quantity;
        if fault == Some(Fault::ExtendOnSet) {
            held.deadline = now + ttl;
        }
        self.holds.insert(call.user, held);
        if let Some(key) = key {
            let keyed = Keyed { quantity: call.quantity, answer: held.hold(), until: held.deadline };
            self.keys.insert(key, keyed);
        }
        ReserveOutcome::Held { hold: held.hold(), created: mine.is_none() }
    }
}

impl Ledger {
    /// A ledger without gates that goes by `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, store: Mutex::default(), fault: None }
    }

    /// A ledger with one deliberate mistake: to see that the suite finds it.
    #[doc(hidden)]
    #[must_use]
    pub fn with_fault(clock: Arc<dyn Clock>, fault: Option<Fault>) -> Self {
        Self { fault, ..Self::new(clock) }
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
                gate.come_to(self.clock.now().as_millis(), self.fault);
                Ok(call(gate))
            }
        }
    }
}

#[async_trait]
impl ReservationLedger for Ledger {
    async fn reserve(&self, call: ReserveCall) -> Result<ReserveOutcome, LedgerError> {
        self.on_gate(call.product, |gate| gate.reserve(call, self.fault))
    }

    async fn hold(&self, product: ProductId, user: &UserId) -> Result<Option<Hold>, LedgerError> {
        self.on_gate(product, |gate| gate.holds.get(user).map(Held::hold))
    }

    async fn begin(
        &self,
        product: ProductId,
        user: &UserId,
        named: Option<ReservationId>,
    ) -> Result<BeginOutcome, LedgerError> {
        self.on_gate(product, |gate| {
            let (now, epoch) = (gate.seen, gate.record.epoch);
            match gate.holds.get_mut(user) {
                Some(held) if named.is_none_or(|named| named == held.reservation) => {
                    held.paying_since.get_or_insert(now);
                    BeginOutcome::Paying { hold: held.hold(), epoch }
                }
                _ => BeginOutcome::NoHold,
            }
        })
    }

    async fn finish(&self, finish: Finish) -> Result<(), LedgerError> {
        self.on_gate(finish.product, |gate| {
            let same = |held: &Held| held.reservation == finish.reservation;
            if gate.holds.get(&finish.user).is_some_and(same) {
                gate.holds.remove(&finish.user);
            }
            if let Some(record) = finish.record {
                gate.adopt(record, self.fault);
            }
        })
    }

    async fn release(&self, product: ProductId, user: &UserId) -> Result<ReleaseOutcome, LedgerError> {
        self.on_gate(product, |gate| match gate.holds.get(user).copied() {
            None => ReleaseOutcome::NoHold,
            Some(held) if held.paying_since.is_some() => ReleaseOutcome::Paying(held.hold()),
            Some(held) => {
                gate.holds.remove(user);
                ReleaseOutcome::Released(held.hold())
            }
        })
    }

    async fn status(&self, product: ProductId) -> Result<StockLevel, LedgerError> {
        self.on_gate(product, |gate| gate.level())
    }

    async fn adopt(&self, product: ProductId, record: RecordState) -> Result<(), LedgerError> {
        self.on_gate(product, |gate| gate.adopt(record, self.fault))
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
        let gate = store.gates.entry(product).or_insert_with(|| Gate {
            run,
            record,
            seen: now,
            holds: BTreeMap::new(),
            keys: HashMap::new(),
        });
        gate.run = run;
        gate.record = record;
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
                        gate.come_to(now, self.fault);
                    }
                    paying_holds(gate, now, paying_over)
                }),
            });
        }
        Ok(views)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

fn paying_holds(gate: &Gate, now: i64, over: Duration) -> Vec<PayingHold> {
    let since = |then: i64| Duration::from_millis(u64::try_from(now - then).unwrap_or(0));
    let mut paying: Vec<_> = gate
        .holds
        .iter()
        .filter_map(|(user, held)| {
            Some(PayingHold {
                user: user.clone(),
                hold: held.hold(),
                paying_for: since(held.paying_since?),
                overdue: since(held.deadline),
            })
        })
        .filter(|paying| paying.paying_for > over)
        .collect();
    paying.sort_by_key(|paying| std::cmp::Reverse(paying.paying_for));
    paying.truncate(SHOWN);
    paying
}
