//! An open gate of one product, with its answers unwrapped.

use std::sync::Arc;
use std::time::Duration;

use flashdeal_domain::ports::record::Sale;
use flashdeal_domain::ports::reservation::{
    BeginOutcome, Caller, Finish, GateView, Hold, LedgerError, ReleaseOutcome, ReserveCall, ReserveOutcome,
};
use flashdeal_domain::{
    Epoch, ProductId, RecordState, ReservationId, ReservationLedger, StockRepository, UserId, WaitingList,
};

use crate::LedgerFixture;
use crate::support::{
    add, change, create, hold_time, key, ok, order_id, reservation_id, sell, some, state_of, units, user,
};

/// How long holds last in cases that do not say otherwise: ten minutes.
pub(crate) const TTL: u64 = 600_000;

/// The counters as a tuple that reads well when it is wrong: total, reserved, available.
pub(crate) type Counters = (u32, u32, u32);

/// An open gate of one product.
#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) ledger: Arc<dyn ReservationLedger>,
    pub(crate) record: Arc<dyn StockRepository>,
    pub(crate) waiting: Arc<dyn WaitingList>,
    pub(crate) product: ProductId,
}

impl Gate {
    /// A new product with its gate open.
    pub(crate) async fn open(fixture: &dyn LedgerFixture, total: u32) -> Self {
        let gate = Self::closed(fixture, total).await;
        gate.reopen().await;
        gate
    }

    /// A new product whose gate was never opened.
    pub(crate) async fn closed(fixture: &dyn LedgerFixture, total: u32) -> Self {
        let record = fixture.record();
        let product = create(&record, total).await;
        Self { ledger: fixture.ledger(), record, waiting: fixture.waiting(), product }
    }

    /// The same product as the other instance has it.
    pub(crate) fn second(&self, fixture: &dyn LedgerFixture) -> Self {
        Self {
            ledger: fixture.second_ledger(),
            record: fixture.second_record(),
            waiting: fixture.second_waiting(),
            product: self.product,
        }
    }

    /// One of the two instances, in turn.
    pub(crate) fn instance(&self, fixture: &dyn LedgerFixture, nth: usize) -> Self {
        if nth.is_multiple_of(2) { self.clone() } else { self.second(fixture) }
    }

    /// The whole ceremony: leave, epoch, open.
    pub(crate) async fn reopen(&self) -> RecordState {
        let leave = ok(self.ledger.claim_opening(self.product).await);
        let state = self.next_epoch().await;
        let opened = ok(self.ledger.open(self.product, leave, state).await);
        assert!(opened, "the gate was not opened with {state:?}");
        state
    }

    pub(crate) async fn next_epoch(&self) -> RecordState {
        some(ok(self.record.open_epoch(self.product).await), "an epoch")
    }

    pub(crate) fn call(&self, user: &UserId, quantity: u32) -> ReserveCall {
        ReserveCall {
            product: self.product,
            user: user.clone(),
            quantity: units(quantity),
            candidate: reservation_id(),
            ttl: hold_time(TTL),
            key: None,
            caller: Caller::Buyer,
        }
    }

    pub(crate) async fn try_reserve(&self, call: ReserveCall) -> Result<ReserveOutcome, LedgerError> {
        self.ledger.reserve(call).await
    }

    pub(crate) async fn reserve_call(&self, call: ReserveCall) -> ReserveOutcome {
        ok(self.try_reserve(call).await)
    }

    pub(crate) async fn reserve(&self, user: &UserId, quantity: u32) -> ReserveOutcome {
        self.reserve_call(self.call(user, quantity)).await
    }

    /// As [`Self::reserve`], with an idempotency key.
    pub(crate) async fn reserve_keyed(&self, user: &UserId, quantity: u32, text: &str) -> ReserveOutcome {
        let mut call = self.call(user, quantity);
        call.key = Some(key(text));
        self.reserve_call(call).await
    }

    /// A new hold that must be made.
    pub(crate) async fn held(&self, user: &UserId, quantity: u32) -> Hold {
        self.held_for(user, quantity, TTL).await
    }

    /// A new hold with a deadline of its own.
    pub(crate) async fn held_for(&self, user: &UserId, quantity: u32, ttl_ms: u64) -> Hold {
        let mut call = self.call(user, quantity);
        call.ttl = hold_time(ttl_ms);
        let candidate = call.candidate;
        match self.reserve_call(call).await {
            ReserveOutcome::Held { hold, created: true } => {
                assert_eq!(hold.reservation, candidate, "the hold has the candidate's id");
                assert_eq!(hold.quantity, units(quantity));
                hold
            }
            other => panic!("expected a new hold of {quantity} for {user}, got {other:?}"),
        }
    }

    /// An existing hold that must take this quantity.
    pub(crate) async fn set(&self, user: &UserId, quantity: u32) -> Hold {
        match self.reserve(user, quantity).await {
            ReserveOutcome::Held { hold, created: false } => hold,
            other => panic!("expected the hold of {user} to be set, got {other:?}"),
        }
    }

    /// A refusal for want of units: the level it told.
    pub(crate) async fn refused(&self, user: &UserId, quantity: u32) -> Counters {
        match self.reserve(user, quantity).await {
            ReserveOutcome::Insufficient(level) => counters(level),
            other => panic!("expected {quantity} not to be there, got {other:?}"),
        }
    }

    pub(crate) async fn hold(&self, user: &UserId) -> Option<Hold> {
        ok(self.ledger.hold(self.product, user).await)
    }

    pub(crate) async fn status(&self) -> Counters {
        counters(ok(self.ledger.status(self.product).await))
    }

    pub(crate) async fn try_begin(&self, user: &UserId, named: Option<ReservationId>) -> BeginOutcome {
        ok(self.ledger.begin(self.product, user, named).await)
    }

    /// A checkout that must begin.
    pub(crate) async fn begin(&self, user: &UserId) -> (Hold, Epoch) {
        match self.try_begin(user, None).await {
            BeginOutcome::Paying { hold, epoch } => (hold, epoch),
            BeginOutcome::NoHold => panic!("the checkout of {user} did not begin"),
        }
    }

    pub(crate) async fn finish(&self, user: &UserId, reservation: ReservationId, record: Option<RecordState>) {
        let finish = Finish { product: self.product, user: user.clone(), reservation, record };
        ok(self.ledger.finish(finish).await);
    }

    pub(crate) async fn release(&self, user: &UserId) -> ReleaseOutcome {
        ok(self.ledger.release(self.product, user).await)
    }

    pub(crate) async fn adopt(&self, record: RecordState) {
        ok(self.ledger.adopt(self.product, record).await);
    }

    pub(crate) async fn view(&self, over_ms: u64) -> GateView {
        let over = Duration::from_millis(over_ms);
        let views = ok(self.ledger.view(&[self.product], over).await);
        match <[GateView; 1]>::try_from(views) {
            Ok([view]) if view.product == self.product => view,
            other => panic!("expected one view of {}, got {other:?}", self.product),
        }
    }

    /// The sale of a hold that is being paid for, under an order id of its own.
    pub(crate) fn sale_of(&self, buyer: &UserId, hold: Hold, epoch: Epoch) -> Sale {
        Sale {
            order: order_id(),
            product: self.product,
            reservation: hold.reservation,
            epoch,
            quantity: hold.quantity,
            user: buyer.clone(),
            key: None,
        }
    }

    /// Sells a hold in the record, and answers the record after it. The gate is not told.
    pub(crate) async fn sell(&self, buyer: &UserId, hold: Hold, epoch: Epoch) -> RecordState {
        sell(&self.record, self.sale_of(buyer, hold, epoch)).await.1
    }

    /// Adds units in the record, and answers the record after it. The gate is not told.
    pub(crate) async fn restock(&self, by: u32) -> RecordState {
        change(&self.record, self.product, add(by)).await.1
    }

    /// Takes units out of the record behind the gate's back, and answers the record after it.
    pub(crate) async fn shrink(&self, by: u32) -> RecordState {
        let epoch = state_of(&self.record, self.product).await.epoch;
        let mut sale = crate::support::sale(self.product, epoch, by);
        sale.user = user("someone elsewhere");
        sell(&self.record, sale).await.1
    }
}

/// The counters of a level.
pub(crate) fn counters(level: flashdeal_domain::StockLevel) -> Counters {
    let counters = (level.total().get(), level.reserved().get(), level.available().get());
    assert_eq!(counters.0, counters.1 + counters.2, "{level:?}");
    counters
}

/// Fails unless the gate is closed, without state or with one from before a restart.
#[track_caller]
pub(crate) fn closed<T: std::fmt::Debug>(answer: Result<T, LedgerError>, with_state: bool) {
    match answer {
        Err(LedgerError::Closed { had_state }) => assert_eq!(had_state, with_state, "had_state"),
        other => panic!("expected a closed gate, got {other:?}"),
    }
}
