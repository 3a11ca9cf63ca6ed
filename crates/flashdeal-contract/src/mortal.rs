//! Kill points: a server that dies before or after any one of its store calls.
//!
//! A server touches its stores only through its ports, so the points at which its death can be told apart are the edges of
//! port calls: *before* one (the store never hears of it) and *after* one (the store did it, the server never hears). A
//! [`Mortal`] wraps them, writes down every call by name, and at its appointed point stops for ever, with every task of
//! that server. No code of the server knows of it, so a release has none of it.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use flashdeal_domain::ports::record::KeyedOrder;
use flashdeal_domain::ports::{
    BeginOutcome, Change, ChangeOutcome, Commit, Finish, GateBooks, GateView, Hold, JoinOutcome, LedgerError,
    OpeningToken, Place, RecordBooks, ReleaseOutcome, ReserveCall, ReserveOutcome, Sale, Settlement, Waiting, Wish,
};
use flashdeal_domain::{
    IdempotencyKey, Order, OrderFilter, OrderId, Page, PageRequest, Product, ProductId, RecordState, ReservationId,
    ReservationLedger, StockLevel, StockRepository, StoreError, UserId, WaitingList,
};
use futures_util::future::BoxFuture;
use tokio::sync::Notify;

use crate::LedgerFixture;

/// Which edge of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Edge {
    /// The store never hears of the call.
    Before,
    /// The store did it; the server never hears.
    After,
}

/// Where a server dies: at this edge of its `nth` store call, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KillPoint {
    /// Which call.
    pub nth: usize,
    /// Which edge of it.
    pub edge: Edge,
}

impl fmt::Display for KillPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} call {}", self.edge, self.nth)
    }
}

/// How a store call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stumble {
    /// The store never hears of it, and the server cannot know.
    Lost,
    /// The store does it; its answer is lost.
    Unheard,
    /// The store says that it does not do it.
    Refused,
}

/// The ports of a server that dies at its kill point; of one that only writes down its calls if it has none.
pub struct Mortal {
    record: Arc<dyn StockRepository>,
    ledger: Arc<dyn ReservationLedger>,
    waiting: Arc<dyn WaitingList>,
    dies_at: Option<KillPoint>,
    /// What happens elsewhere before each call of this name.
    meanwhile: Option<(&'static str, Elsewhere)>,
    /// The calls that fail yet, by name, and how.
    stumbles: Mutex<Vec<(&'static str, Stumble)>>,
    calls: Mutex<Vec<&'static str>>,
    dead: Notify,
}

type Elsewhere = Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

impl Mortal {
    /// A server over the fixture's stores.
    #[must_use]
    pub fn new(fixture: &dyn LedgerFixture, dies_at: Option<KillPoint>) -> Arc<Self> {
        Arc::new(Self { dies_at, ..Self::immortal(fixture) })
    }

    fn immortal(fixture: &dyn LedgerFixture) -> Self {
        let (record, ledger, waiting) = (fixture.record(), fixture.ledger(), fixture.waiting());
        let (calls, dead) = (Mutex::default(), Notify::new());
        Self { record, ledger, waiting, dies_at: None, meanwhile: None, stumbles: Mutex::default(), calls, dead }
    }

    /// A server that does not die, but something happens elsewhere just before each of its store calls of this name.
    #[must_use]
    pub fn overtaken(
        fixture: &dyn LedgerFixture,
        name: &'static str,
        elsewhere: impl Fn() -> BoxFuture<'static, ()> + Send + Sync + 'static,
    ) -> Arc<Self> {
        let meanwhile: Elsewhere = Box::new(elsewhere);
        Arc::new(Self { meanwhile: Some((name, meanwhile)), ..Self::immortal(fixture) })
    }

    /// A server that does not die, but some of its store calls fail, and at once: each of these once, the next call of its name.
    #[must_use]
    pub fn stumbling(
        fixture: &dyn LedgerFixture,
        stumbles: impl IntoIterator<Item = (&'static str, Stumble)>,
    ) -> Arc<Self> {
        let stumbles = Mutex::new(stumbles.into_iter().collect());
        Arc::new(Self { stumbles, ..Self::immortal(fixture) })
    }

    /// How this call fails, if it does.
    fn stumble(&self, name: &str) -> Option<Stumble> {
        let mut stumbles = self.stumbles.lock().unwrap_or_else(PoisonError::into_inner);
        let nth = stumbles.iter().position(|(stumbling, _)| *stumbling == name)?;
        Some(stumbles.remove(nth).1)
    }

    /// The store calls so far, by name, in their order.
    #[must_use]
    pub fn calls(&self) -> Vec<&'static str> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ready when the server has died.
    pub async fn death(&self) {
        self.dead.notified().await;
    }

    /// One store call of this server, which may be its last.
    async fn call<T, E: From<StoreError>>(
        &self,
        name: &'static str,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let nth = {
            let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            calls.push(name);
            calls.len() - 1
        };
        if self.dies_at.is_some_and(|point| nth > point.nth || point == KillPoint { nth, edge: Edge::Before }) {
            self.die().await;
        }
        if let Some((overtaken, elsewhere)) = &self.meanwhile
            && *overtaken == name
        {
            elsewhere().await;
        }
        let lost = || Err(StoreError::unavailable("stumbling", "it stumbled").into());
        match self.stumble(name) {
            None => {}
            Some(Stumble::Lost) => return lost(),
            Some(Stumble::Unheard) => {
                call.await?;
                return lost();
            }
            Some(Stumble::Refused) => return Err(StoreError::failed("stumbling", "it refused").into()),
        }
        let answer = call.await;
        if self.dies_at == Some(KillPoint { nth, edge: Edge::After }) {
            self.die().await;
        }
        answer
    }

    async fn die(&self) {
        self.dead.notify_one();
        std::future::pending::<()>().await;
    }
}

#[async_trait]
impl StockRepository for Mortal {
    async fn create_product(&self, product: Product) -> Result<Product, StoreError> {
        self.call("record.create_product", self.record.create_product(product)).await
    }

    async fn product(&self, id: ProductId) -> Result<Option<Product>, StoreError> {
        self.call("record.product", self.record.product(id)).await
    }

    async fn products(&self, page: PageRequest<ProductId>) -> Result<Page<Product, ProductId>, StoreError> {
        self.call("record.products", self.record.products(page)).await
    }

    async fn change_product(&self, id: ProductId, change: Change) -> Result<ChangeOutcome, StoreError> {
        self.call("record.change_product", self.record.change_product(id, change)).await
    }

    async fn commit(&self, sale: Sale) -> Result<Commit, StoreError> {
        self.call("record.commit", self.record.commit(sale)).await
    }

    async fn void(
        &self,
        product: ProductId,
        reservation: ReservationId,
        user: &UserId,
    ) -> Result<Option<Settlement>, StoreError> {
        self.call("record.void", self.record.void(product, reservation, user)).await
    }

    async fn settlement(
        &self,
        product: ProductId,
        reservation: ReservationId,
    ) -> Result<Option<Settlement>, StoreError> {
        self.call("record.settlement", self.record.settlement(product, reservation)).await
    }

    async fn keyed_order(
        &self,
        product: ProductId,
        user: &UserId,
        key: &IdempotencyKey,
    ) -> Result<Option<KeyedOrder>, StoreError> {
        self.call("record.keyed_order", self.record.keyed_order(product, user, key)).await
    }

    async fn order(&self, id: OrderId) -> Result<Option<Order>, StoreError> {
        self.call("record.order", self.record.order(id)).await
    }

    async fn orders(&self, of: &OrderFilter, page: PageRequest<OrderId>) -> Result<Page<Order, OrderId>, StoreError> {
        self.call("record.orders", self.record.orders(of, page)).await
    }

    async fn orders_after(
        &self,
        product: Option<ProductId>,
        after: Option<OrderId>,
        limit: usize,
    ) -> Result<Vec<Order>, StoreError> {
        self.call("record.orders_after", self.record.orders_after(product, after, limit)).await
    }

    async fn open_epoch(&self, product: ProductId) -> Result<Option<RecordState>, StoreError> {
        self.call("record.open_epoch", self.record.open_epoch(product)).await
    }

    async fn states(&self, products: &[ProductId]) -> Result<Vec<(ProductId, RecordState)>, StoreError> {
        self.call("record.states", self.record.states(products)).await
    }

    async fn books(&self, after: Option<ProductId>, limit: usize) -> Result<Vec<RecordBooks>, StoreError> {
        self.call("record.books", self.record.books(after, limit)).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.call("record.ping", self.record.ping()).await
    }
}

#[async_trait]
impl ReservationLedger for Mortal {
    async fn reserve(&self, call: ReserveCall) -> Result<ReserveOutcome, LedgerError> {
        self.call("ledger.reserve", self.ledger.reserve(call)).await
    }

    async fn hold(&self, product: ProductId, user: &UserId) -> Result<Option<Hold>, LedgerError> {
        self.call("ledger.hold", self.ledger.hold(product, user)).await
    }

    async fn begin(
        &self,
        product: ProductId,
        user: &UserId,
        named: Option<ReservationId>,
    ) -> Result<BeginOutcome, LedgerError> {
        self.call("ledger.begin", self.ledger.begin(product, user, named)).await
    }

    async fn finish(&self, finish: Finish) -> Result<(), LedgerError> {
        self.call("ledger.finish", self.ledger.finish(finish)).await
    }

    async fn release(&self, product: ProductId, user: &UserId) -> Result<ReleaseOutcome, LedgerError> {
        self.call("ledger.release", self.ledger.release(product, user)).await
    }

    async fn status(&self, product: ProductId) -> Result<StockLevel, LedgerError> {
        self.call("ledger.status", self.ledger.status(product)).await
    }

    async fn adopt(&self, product: ProductId, record: RecordState) -> Result<(), LedgerError> {
        self.call("ledger.adopt", self.ledger.adopt(product, record)).await
    }

    async fn claim_opening(&self, product: ProductId) -> Result<OpeningToken, StoreError> {
        self.call("ledger.claim_opening", self.ledger.claim_opening(product)).await
    }

    async fn open(&self, product: ProductId, token: OpeningToken, record: RecordState) -> Result<bool, StoreError> {
        self.call("ledger.open", self.ledger.open(product, token, record)).await
    }

    async fn forget(&self, product: ProductId) -> Result<(), StoreError> {
        self.call("ledger.forget", self.ledger.forget(product)).await
    }

    async fn products(&self, after: Option<ProductId>, limit: usize) -> Result<Vec<ProductId>, StoreError> {
        self.call("ledger.products", self.ledger.products(after, limit)).await
    }

    async fn view(&self, products: &[ProductId], paying_over: Duration) -> Result<Vec<GateView>, StoreError> {
        self.call("ledger.view", self.ledger.view(products, paying_over)).await
    }

    async fn books(&self, product: ProductId, overdue: Duration) -> Result<GateBooks, LedgerError> {
        self.call("ledger.books", self.ledger.books(product, overdue)).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.call("ledger.ping", ReservationLedger::ping(&*self.ledger)).await
    }
}

#[async_trait]
impl WaitingList for Mortal {
    async fn join(&self, wish: Wish) -> Result<JoinOutcome, StoreError> {
        self.call("waiting.join", self.waiting.join(wish)).await
    }

    async fn leave(&self, product: ProductId, user: &UserId) -> Result<Option<(Waiting, RecordState)>, StoreError> {
        self.call("waiting.leave", self.waiting.leave(product, user)).await
    }

    async fn remove(&self, product: ProductId, who: &[Waiting]) -> Result<Option<RecordState>, StoreError> {
        self.call("waiting.remove", self.waiting.remove(product, who)).await
    }

    async fn waiting(&self, product: ProductId, user: &UserId) -> Result<Option<(Waiting, u64)>, StoreError> {
        self.call("waiting.waiting", self.waiting.waiting(product, user)).await
    }

    async fn line(&self, product: ProductId, after: Option<Place>, limit: usize) -> Result<Vec<Waiting>, StoreError> {
        self.call("waiting.line", self.waiting.line(product, after, limit)).await
    }

    async fn queues(
        &self,
        after: Option<ProductId>,
        limit: usize,
    ) -> Result<Vec<(ProductId, RecordState)>, StoreError> {
        self.call("waiting.queues", self.waiting.queues(after, limit)).await
    }
}
