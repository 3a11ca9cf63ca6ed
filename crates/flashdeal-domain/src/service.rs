//! The use cases of a flash sale, over the ports.
//!
//! One file per use case: [reserve and release](self::FlashSale::reserve) in `service/hold.rs`, checkout in
//! `service/checkout.rs`, the waiting list in `service/waiting.rs`, restock in `service/restock.rs`, the opening of gates in `service/opening.rs`, the background
//! in `service/background.rs`, and for operators the audit in `service/audit.rs` and `service/rebuild.rs`.

mod audit;
mod background;
mod checkout;
mod hold;
mod opening;
mod rebuild;
mod restock;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use crate::error::{SaleError, StoreError};
use crate::ids::{OrderId, ProductId, ReservationId};
use crate::order::{Order, OrderFilter};
use crate::page::{Page, PageRequest};
use crate::ports::Ports;
use crate::product::{NewProduct, Product};
use crate::stock::{RecordState, StockLevel};
use crate::time::HoldTime;

pub use audit::{Audit, Finding, FindingKind};
pub use background::Tick;
pub use checkout::{CheckedOut, CheckoutRequest};
pub use hold::{ReserveRequest, Reserved};
pub use rebuild::Dropped;
pub use waiting::{JoinRequest, Joined, Round, Wait};

use opening::{Cause, Openings};

/// The time limits of the protocol.
#[derive(Debug, Clone)]
pub struct Policy {
    /// How long a hold lasts; 10 minutes by default.
    pub hold_time: HoldTime,
    /// How long one checkout keeps asking the record before it answers [`SaleError::Unavailable`]; 1.8 s by default. Must be
    /// below `settle_after`, so that no attempt lives when its hold is voided.
    pub checkout_patience: Duration,
    /// How long a buyer waits for the gate to acknowledge the end of a sold hold; 100 ms by default.
    pub finish_patience: Duration,
    /// How long a checkout may be under way before the background looks after it, and how long after its deadline an
    /// unsettled hold is voided; 5 s by default.
    pub settle_after: Duration,
    /// How many may wait for one product; 100 000 by default.
    pub most_waiting: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            hold_time: HoldTime::default(),
            checkout_patience: Duration::from_millis(1800),
            finish_patience: Duration::from_millis(100),
            settle_after: Duration::from_secs(5),
            most_waiting: 100_000,
        }
    }
}

/// A product that was to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// The product as it is.
    pub product: Product,
    /// Whether it was there before. Of two calls at the same moment both may say no.
    pub earlier: bool,
}

/// The use cases. Cheap to clone; clones share everything.
///
/// Every method may answer [`SaleError::Unavailable`]: a store is down or too slow; nothing was changed, or repeating the same
/// call settles it. No method panics. A caller who drops a returned future loses the answer, never the consistency.
#[derive(Clone)]
pub struct FlashSale {
    ports: Ports,
    policy: Arc<Policy>,
    openings: Arc<Openings>,
}

impl FlashSale {
    /// Wires the use cases.
    #[must_use]
    pub fn new(ports: Ports, policy: Policy) -> Self {
        Self { ports, policy: Arc::new(policy), openings: Arc::default() }
    }

    /// Creates a product with its first allotment of stock. Its gate is opened meanwhile, so that those who come at noon need not
    /// wait for it; nobody waits for that here, and a gate that could not be opened now is opened for its first caller.
    ///
    /// # Errors
    /// [`SaleError::Unavailable`].
    pub async fn create_product(&self, new: NewProduct) -> Result<Product, SaleError> {
        self.make_product(ProductId::from_uuid(self.ports.ids.next_id()), new).await
    }

    /// As [`Self::create_product`], under an id that the caller chose, so that it can be repeated: a product that is there already
    /// stays as it is, and so does its gate.
    ///
    /// # Errors
    /// [`SaleError::Unavailable`].
    pub async fn create_product_as(&self, id: ProductId, new: NewProduct) -> Result<Created, SaleError> {
        if let Some(product) = self.ports.record.product(id).await? {
            return Ok(Created { product, earlier: true });
        }
        Ok(Created { product: self.make_product(id, new).await?, earlier: false })
    }

    async fn make_product(&self, id: ProductId, new: NewProduct) -> Result<Product, SaleError> {
        let product = Product {
            id,
            name: new.name,
            description: new.description,
            price: new.price,
            total_stock: new.total_stock,
            terms: new.terms,
            created_at: self.ports.clock.now(),
        };
        // The id makes a repeat harmless, so one lost answer is settled here; but then somebody may have found the product already.
        let (product, cause) = match self.ports.record.create_product(product.clone()).await {
            Err(StoreError::Unavailable { .. }) => (self.ports.record.create_product(product).await?, Cause::NoState),
            answer => (answer?, Cause::Created),
        };
        self.open_ahead(product.id, cause);
        Ok(product)
    }

    /// A product and its three counters, in agreement with each other.
    ///
    /// # Errors
    /// [`SaleError::ProductNotFound`].
    pub async fn product(&self, id: ProductId) -> Result<(Product, StockLevel), SaleError> {
        let product = self.ports.record.product(id).await?.ok_or(SaleError::ProductNotFound)?;
        let level = self.status(id).await?;
        Ok((Product { total_stock: level.total(), ..product }, level))
    }

    /// A page of products, newest first, with their stock as the record has it.
    ///
    /// # Errors
    /// [`SaleError::Unavailable`].
    pub async fn products(&self, page: PageRequest<ProductId>) -> Result<Page<Product, ProductId>, SaleError> {
        Ok(self.ports.record.products(page).await?)
    }

    /// The three counters of a product, in one consistent read.
    ///
    /// # Errors
    /// [`SaleError::ProductNotFound`].
    pub async fn status(&self, product: ProductId) -> Result<StockLevel, SaleError> {
        self.through_gate(product, || self.ports.ledger.status(product)).await
    }

    /// An order.
    ///
    /// # Errors
    /// [`SaleError::OrderNotFound`].
    pub async fn order(&self, id: OrderId) -> Result<Order, SaleError> {
        self.ports.record.order(id).await?.ok_or(SaleError::OrderNotFound)
    }

    /// A page of the orders that match, newest first.
    ///
    /// # Errors
    /// [`SaleError::Unavailable`].
    pub async fn orders(
        &self,
        of: &OrderFilter,
        page: PageRequest<OrderId>,
    ) -> Result<Page<Order, OrderId>, SaleError> {
        Ok(self.ports.record.orders(of, page).await?)
    }

    /// Whether both stores can be asked now.
    ///
    /// # Errors
    /// Each store that cannot, with the cause.
    pub async fn ready(&self) -> Result<(), Vec<StoreError>> {
        let (record, ledger) = futures_util::join!(self.ports.record.ping(), self.ports.ledger.ping());
        let failing: Vec<_> = [record, ledger].into_iter().filter_map(Result::err).collect();
        if failing.is_empty() { Ok(()) } else { Err(failing) }
    }

    /// The record's state of a product as it is now.
    async fn record_state(&self, product: ProductId) -> Result<Option<RecordState>, StoreError> {
        Ok(self.ports.record.states(&[product]).await?.first().map(|(_, state)| *state))
    }

    fn mint_reservation(&self) -> ReservationId {
        ReservationId::from_uuid(self.ports.ids.next_id())
    }
}
