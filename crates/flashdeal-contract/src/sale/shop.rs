//! The use cases, wired over a fixture: one shop is one server.

use std::sync::Arc;
use std::time::Duration;

use flashdeal_domain::ports::{IdSource, Ports, Runtime, Unobserved};
use flashdeal_domain::{
    CheckedOut, CheckoutRequest, Description, Epoch, FlashSale, NewProduct, Policy, ProductId, Quantity, Reservation,
    ReservationId, ReservationLedger, ReserveRequest, Reserved, SaleError, StockDelta, Terms, Tick, UserId, Version,
    WaitingList,
};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use uuid::Uuid;

use crate::LedgerFixture;
use crate::ledger::gate::{Counters, Gate, counters};
use crate::mortal::Mortal;
use crate::reference::ManualClock;
use crate::support::{key, name, ok, price, reservation_id, units};

/// A server with one product.
#[derive(Clone)]
pub(crate) struct Shop {
    pub(crate) sale: FlashSale,
    /// The same product's ports, to do what a server that died half way did.
    pub(crate) gate: Gate,
}

impl Shop {
    /// A server with a new product that nobody has asked for yet, and whose gate is open all the same.
    pub(crate) async fn open(fixture: &dyn LedgerFixture, total: u32) -> Self {
        let product = ProductId::from_uuid(Uuid::nil());
        let (ledger, record, waiting) = (fixture.ledger(), fixture.record(), fixture.waiting());
        let gate = Gate { ledger, record, waiting, product };
        let shop = Self::over(gate);
        let product = ok(shop.sale.create_product(Self::phone(total)).await).id;
        let shop = Self { gate: Gate { product, ..shop.gate }, ..shop };
        shop.until_opened_ahead().await;
        shop
    }

    /// As [`Self::open`], but the gate is closed.
    pub(crate) async fn closed(fixture: &dyn LedgerFixture, total: u32) -> Self {
        let shop = Self::open(fixture, total).await;
        ok(shop.gate.ledger.forget(shop.gate.product).await);
        shop
    }

    /// The gate of a new product opens without a call.
    async fn until_opened_ahead(&self) {
        for _ in 0..10_000 {
            if self.opened().await.is_some() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("nobody opened the gate of a new product");
    }

    /// Under which epoch the gate stands open, and at which version.
    pub(crate) async fn opened(&self) -> Option<(Epoch, Version)> {
        let views = ok(self.gate.ledger.view(&[self.gate.product], Duration::from_secs(5)).await);
        views.iter().find_map(|view| view.open)
    }

    /// What it sells.
    pub(crate) fn phone(total: u32) -> NewProduct {
        NewProduct {
            name: name("Phone"),
            description: Description::default(),
            price: price("499.90"),
            total_stock: units(total),
            terms: Terms::NONE,
        }
    }

    /// One of two servers, in turn.
    pub(crate) fn instance(&self, fixture: &dyn LedgerFixture, nth: usize) -> Self {
        if nth.is_multiple_of(2) { self.clone() } else { Self::over(self.gate.second(fixture)) }
    }

    /// The same product, served by a server that may die.
    pub(crate) fn served_by(&self, mortal: Arc<Mortal>) -> Self {
        let ledger: Arc<dyn ReservationLedger> = mortal.clone();
        let waiting: Arc<dyn WaitingList> = mortal.clone();
        Self::over(Gate { record: mortal, ledger, waiting, product: self.gate.product })
    }

    /// The same server, with room for so many in line.
    pub(crate) fn with_most_waiting(self, most_waiting: u32) -> Self {
        Self::with(self.gate, most_waiting)
    }

    fn over(gate: Gate) -> Self {
        Self::with(gate, Policy::default().most_waiting)
    }

    fn with(gate: Gate, most_waiting: u32) -> Self {
        let ports = Ports {
            record: Arc::clone(&gate.record),
            ledger: Arc::clone(&gate.ledger),
            waiting: Arc::clone(&gate.waiting),
            clock: Arc::new(ManualClock::new()),
            ids: Arc::new(Ids),
            runtime: Arc::new(Tokio),
            observer: Arc::new(Unobserved),
        };
        // A busy machine must not make a case fail: what is slow here is only waited for.
        let patient = Duration::from_mins(1);
        let policy = Policy { checkout_patience: patient, finish_patience: patient, most_waiting, ..Policy::default() };
        Self { sale: FlashSale::new(ports, policy), gate }
    }

    pub(crate) async fn try_reserve(&self, user: &UserId, quantity: u32) -> Result<Reserved, SaleError> {
        self.reserve_keyed(user, quantity, None).await
    }

    pub(crate) async fn reserve_keyed(
        &self,
        user: &UserId,
        quantity: u32,
        text: Option<&str>,
    ) -> Result<Reserved, SaleError> {
        let request = ReserveRequest {
            product: self.gate.product,
            user: user.clone(),
            quantity: ok(Quantity::new(quantity)),
            key: text.map(key),
        };
        self.sale.reserve(request).await
    }

    /// A reservation that must be made or set.
    pub(crate) async fn reserve(&self, user: &UserId, quantity: u32) -> Reservation {
        ok(self.try_reserve(user, quantity).await).reservation
    }

    pub(crate) async fn checkout(&self, user: &UserId) -> Result<CheckedOut, SaleError> {
        self.checkout_of(user, None, None).await
    }

    pub(crate) async fn checkout_of(
        &self,
        user: &UserId,
        named: Option<ReservationId>,
        text: Option<&str>,
    ) -> Result<CheckedOut, SaleError> {
        let request = CheckoutRequest { product: self.gate.product, user: user.clone(), named, key: text.map(key) };
        self.sale.checkout(request).await
    }

    pub(crate) async fn status(&self) -> Counters {
        counters(ok(self.sale.status(self.gate.product).await))
    }

    /// Changes the stock by this many units, and answers the counters after it.
    pub(crate) async fn restock(&self, by: i64) -> Result<Counters, SaleError> {
        let add_stock = Some(ok(StockDelta::new(by)));
        let patch = flashdeal_domain::ProductPatch { add_stock, ..Default::default() };
        let (product, level) = self.sale.change_product(self.gate.product, patch).await?;
        assert_eq!(product.total_stock, level.total());
        Ok(counters(level))
    }

    /// One round of the background over all products.
    pub(crate) async fn tick(&self) -> Tick {
        ok(self.sale.tick(Tick::default()).await)
    }
}

struct Ids;

impl IdSource for Ids {
    fn next_id(&self) -> Uuid {
        *reservation_id().as_uuid()
    }
}

struct Tokio;

impl Runtime for Tokio {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        tokio::time::sleep(duration).boxed()
    }
}
