//! The record: what is left and what was sold, for ever. It alone decides a sale.
//!
//! # What every implementation owes
//!
//! - **Durable.** What a method answered `Ok` for survives any crash of the store and of its callers.
//! - **Atomic.** Each method is one transaction: it happens whole or not at all, and concurrent calls are serialised per
//!   product (take the product's row lock first, so that calls cannot deadlock).
//! - **Safe to repeat.** Any call may be made again with the same arguments after [`StoreError::Unavailable`]; the second
//!   answers what the first would have, and changes nothing twice.
//! - **Append-only.** Each change of stock and each void is one ledger row with its delta, so that the deltas of a product
//!   always sum to its stock.
//! - **Settled once.** A reservation is settled at most once, as sold, withdrawn or void: a unique key over all products.
//! - `version` rises by one with every change of a product's row, `epoch` by one with every [`StockRepository::open_epoch`].
//! - **Bounded in time.** No call hangs: after the adapter's own limit it answers [`StoreError::Unavailable`].
//! - **Cancel-safe.** A caller who stops waiting cannot leave a transaction half done or a connection unusable.

use async_trait::async_trait;

use crate::error::StoreError;
use crate::ids::{OrderId, ProductId, ReservationId};
use crate::order::{Order, OrderFilter};
use crate::page::{Page, PageRequest};
use crate::ports::books::RecordBooks;
use crate::product::{Price, Product};
use crate::stock::{Epoch, RecordState, Units};
use crate::terms::TermsPatch;
use crate::text::{Description, IdempotencyKey, ProductName, UserId};

/// A hold to be sold. Protocol: `commit_batch`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sale {
    /// The id the order gets if this call is the one that writes it.
    pub order: OrderId,
    /// Of what.
    pub product: ProductId,
    /// Which hold; it can be settled once.
    pub reservation: ReservationId,
    /// The epoch of the gate that promised the units.
    pub epoch: Epoch,
    /// How many: 1 to [`Units::MAX`].
    pub quantity: Units,
    /// To whom.
    pub user: UserId,
    /// The caller's idempotency key, written with the order.
    pub key: Option<CheckoutKey>,
}

/// A checkout's idempotency key with what the body said, so that another body is found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckoutKey {
    /// The key: unique per product and user, kept as long as the order.
    pub key: IdempotencyKey,
    /// The reservation the body named, if it named one.
    pub named: Option<ReservationId>,
}

/// An order found by its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyedOrder {
    /// The order that the key's first request made.
    pub order: Order,
    /// The reservation that request named, if it named one.
    pub named: Option<ReservationId>,
}

/// What became of a [`Sale`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Commit {
    /// It is sold: by this call, or (`earlier`) by one before it.
    Sold {
        /// The order; durable.
        order: Order,
        /// Whether an earlier call wrote it.
        earlier: bool,
        /// The record after it.
        record: RecordState,
    },
    /// The reservation was voided (or withdrawn) before; it can never be sold.
    Void,
    /// The sale's epoch is not the record's: the gate that promised it lost its memory. Nothing was changed.
    Fenced,
    /// Fewer units are left than the sale wants. Nothing was changed.
    NoStock {
        /// The record as it is.
        record: RecordState,
    },
    /// The key belongs to another order of this user and product. Nothing was changed.
    KeyReused,
    /// No product has this id.
    UnknownProduct,
}

/// How a reservation was settled; final.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// Sold: the order.
    Sold(Order),
    /// Void: it was never sold and never will be.
    Void,
    /// It carried units out of stock for a decrease.
    Withdrawn,
}

/// A change of a product's row; `None` leaves a field as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    /// A new name.
    pub name: Option<ProductName>,
    /// A new description.
    pub description: Option<Description>,
    /// A new price.
    pub price: Option<Price>,
    /// A change of stock.
    pub stock: StockChange,
    /// A change of terms.
    pub terms: TermsPatch,
}

/// A change of stock.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum StockChange {
    /// None.
    #[default]
    None,
    /// An increase. `id` names it, so that a repeat after a lost answer adds nothing twice.
    Add {
        /// Unique to this increase.
        id: ReservationId,
        /// How many.
        units: Units,
    },
    /// A decrease whose units were taken out of the gate first.
    Withdraw(Withdrawal),
}

/// A decrease: a hold of the gate whose units leave the record without an order. Settles its reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdrawal {
    /// The hold that took the units out of the gate.
    pub reservation: ReservationId,
    /// The epoch of the gate that gave them.
    pub epoch: Epoch,
    /// How many.
    pub units: Units,
}

/// What became of a [`Change`]. In every case but `Changed` nothing was changed at all, the other fields neither.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeOutcome {
    /// The product as it is now, and its state.
    Changed(Product, RecordState),
    /// No product has this id.
    UnknownProduct,
    /// A withdrawal's epoch is not the record's.
    Fenced,
    /// A withdrawal's reservation was voided before.
    Void,
    /// A withdrawal wants more than the record has.
    NoStock,
    /// An increase would take the stock above [`Units::MAX`].
    TooMuch,
    /// The terms after it would end before they start.
    EndBeforeStart,
}

/// The permanent record of stock and orders. See the [module](self) for what every implementation owes.
#[async_trait]
pub trait StockRepository: Send + Sync {
    /// Writes a new product at version 1, epoch 0, and its allotment in the ledger (a row even when it is 0).
    /// A repeat with the same id changes nothing and answers the product as it is.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn create_product(&self, product: Product) -> Result<Product, StoreError>;

    /// The product, or `None`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn product(&self, id: ProductId) -> Result<Option<Product>, StoreError>;

    /// A page of products, newest (highest id) first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn products(&self, page: PageRequest<ProductId>) -> Result<Page<Product, ProductId>, StoreError>;

    /// Changes a product, all of the change or nothing of it. A change of stock writes its ledger row; one without fields
    /// and without stock leaves the version alone. The order of the checks: made before, `Void`, `Fenced`, `NoStock`,
    /// `TooMuch`, `EndBeforeStart`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn change_product(&self, id: ProductId, change: Change) -> Result<ChangeOutcome, StoreError>;

    /// Sells a hold, or says why not, exactly once. Sales of one product that wait at the same time may share one
    /// transaction; they are admitted in their order while the stock lasts. The order of the checks: already settled
    /// (`Sold` earlier, `Void`), `KeyReused`, `Fenced`, `NoStock`. The price is the product's in that transaction.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: unknown, make the same call again. [`StoreError::Overloaded`], [`StoreError::Failed`]:
    /// this call sold nothing; an error that one sale of a batch causes never fails the others.
    async fn commit(&self, sale: Sale) -> Result<Commit, StoreError>;

    /// Settles a reservation as void if it is not settled yet, and answers how it is settled now. A reservation the record
    /// never heard of is voided too, so that a commit still on its way finds it so. Protocol: `void_batch`.
    /// `None` if no product has this id.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn void(
        &self,
        product: ProductId,
        reservation: ReservationId,
        user: &UserId,
    ) -> Result<Option<Settlement>, StoreError>;

    /// How a reservation of this product was settled, or `None` if it is not.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn settlement(
        &self,
        product: ProductId,
        reservation: ReservationId,
    ) -> Result<Option<Settlement>, StoreError>;

    /// The order that a checkout with this key made, or `None`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn keyed_order(
        &self,
        product: ProductId,
        user: &UserId,
        key: &IdempotencyKey,
    ) -> Result<Option<KeyedOrder>, StoreError>;

    /// The order, or `None`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn order(&self, id: OrderId) -> Result<Option<Order>, StoreError>;

    /// A page of the orders that match, newest (highest id) first. Nobody's, and those of an unknown product, are none.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn orders(&self, of: &OrderFilter, page: PageRequest<OrderId>) -> Result<Page<Order, OrderId>, StoreError>;

    /// The orders of one product, or with `None` of all, after `after`, oldest (lowest id) first, at most `limit` (1 to 1000).
    /// Fewer are the last.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn orders_after(
        &self,
        product: Option<ProductId>,
        after: Option<OrderId>,
        limit: usize,
    ) -> Result<Vec<Order>, StoreError>;

    /// Raises the epoch (and the version) by one and answers the new state: every commit under an older epoch is refused
    /// from now on. `None` if no product has this id. Protocol: `open_epoch`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn open_epoch(&self, product: ProductId) -> Result<Option<RecordState>, StoreError>;

    /// The states of these products, in one read; unknown ones are left out. At most 1000 ids.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn states(&self, products: &[ProductId]) -> Result<Vec<(ProductId, RecordState)>, StoreError>;

    /// The books of the products after `after` in the order of their ids, at most `limit` (1 to 1000): each page one
    /// consistent read, in which nothing is half done. A shorter page is the last. It reads the whole ledger of these products,
    /// so it may take much longer than other calls (the adapter says how long), and none of them waits for it.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn books(&self, after: Option<ProductId>, limit: usize) -> Result<Vec<RecordBooks>, StoreError>;

    /// Whether the record can be asked now.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], naming the store and the cause.
    async fn ping(&self) -> Result<(), StoreError>;
}
