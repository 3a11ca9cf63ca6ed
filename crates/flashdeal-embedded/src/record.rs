//! `StockRepository` on the file.

mod backup;
mod changes;
mod feed;
mod reader;
mod reads;
pub(crate) mod rows;
mod sales;
#[cfg(test)]
mod tests;
mod transaction;
mod waiting;

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use diesel::QueryResult;
use flashdeal_domain::ports::{Change, ChangeOutcome, Commit, KeyedOrder, RecordBooks, Sale, Settlement};
use flashdeal_domain::{
    IdempotencyKey, Order, OrderFilter, OrderId, Page, PageRequest, Product, ProductId, RecordState, ReservationId,
    StockRepository, StoreError, UserId,
};

use crate::EmbeddedStore;
use crate::error::{STORE, closed};
use transaction::{Settled, SettledHold};

pub(crate) use feed::Leases;
pub use reader::RecordReader;
pub(crate) use transaction::{RecordCall, Transaction, forget_changes};

/// Where a call's answer is put by the thread that runs it.
pub(crate) struct Answer<T>(Arc<Mutex<Option<T>>>);

impl<T> Answer<T> {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(None)))
    }

    pub(crate) fn put(&self, answer: T) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }

    pub(crate) fn take(&self) -> Result<T, StoreError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().ok_or_else(closed)
    }
}

impl<T> Clone for Answer<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl EmbeddedStore {
    /// A call that changes the record but settles no hold.
    async fn change<T: Send + 'static>(
        &self,
        mut run: impl FnMut(&mut Transaction<'_>) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.settle(None, move |txn, _| Ok((run(txn)?, Settled::default()))).await
    }

    /// A call that changes the record and may take a hold's row out.
    async fn settle<T: Send + 'static>(
        &self,
        hold: Option<SettledHold>,
        mut run: impl FnMut(&mut Transaction<'_>, Option<i64>) -> QueryResult<(T, Settled)> + Send + 'static,
    ) -> Result<T, StoreError> {
        let answer = Answer::new();
        let put = answer.clone();
        let call = RecordCall::new(hold, move |txn, row| {
            let (answer, settled) = run(txn, row)?;
            put.put(answer);
            Ok(settled)
        });
        self.write(call).await?;
        answer.take()
    }
}

#[async_trait]
impl StockRepository for EmbeddedStore {
    async fn create_product(&self, product: Product) -> Result<Product, StoreError> {
        let created = self.change(move |txn| changes::create(txn, &product)).await?;
        created.ok_or_else(|| StoreError::failed(STORE, "a product was neither there nor could be made"))
    }

    async fn product(&self, id: ProductId) -> Result<Option<Product>, StoreError> {
        self.read(move |conn| rows::product(conn, id)).await
    }

    async fn products(&self, page: PageRequest<ProductId>) -> Result<Page<Product, ProductId>, StoreError> {
        self.read(move |conn| reads::products(conn, page)).await
    }

    async fn change_product(&self, id: ProductId, change: Change) -> Result<ChangeOutcome, StoreError> {
        self.change(move |txn| changes::change(txn, id, &change)).await
    }

    async fn commit(&self, sale: Sale) -> Result<Commit, StoreError> {
        let (product, user, reservation) = (sale.product, sale.user.clone(), sale.reservation);
        let hold = SettledHold { product, user, reservation };
        self.settle(Some(hold), move |txn, row| sales::commit(txn, &sale, row)).await
    }

    async fn void(
        &self,
        product: ProductId,
        reservation: ReservationId,
        user: &UserId,
    ) -> Result<Option<Settlement>, StoreError> {
        let hold = SettledHold { product, user: user.clone(), reservation };
        let user = user.clone();
        self.settle(Some(hold), move |txn, row| sales::void(txn, product, reservation, &user, row)).await
    }

    async fn settlement(
        &self,
        product: ProductId,
        reservation: ReservationId,
    ) -> Result<Option<Settlement>, StoreError> {
        self.read(move |conn| reads::settlement(conn, product, reservation)).await
    }

    async fn keyed_order(
        &self,
        product: ProductId,
        user: &UserId,
        key: &IdempotencyKey,
    ) -> Result<Option<KeyedOrder>, StoreError> {
        let (user, key) = (user.clone(), key.clone());
        self.read(move |conn| reads::keyed_order(conn, product, &user, &key)).await
    }

    async fn order(&self, id: OrderId) -> Result<Option<Order>, StoreError> {
        self.read(move |conn| rows::order(conn, rows::bytes(id.as_uuid()))).await
    }

    async fn orders(&self, of: &OrderFilter, page: PageRequest<OrderId>) -> Result<Page<Order, OrderId>, StoreError> {
        let of = of.clone();
        self.read(move |conn| reads::orders(conn, &of, page)).await
    }

    async fn orders_after(
        &self,
        product: Option<ProductId>,
        after: Option<OrderId>,
        limit: usize,
    ) -> Result<Vec<Order>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read(move |conn| reads::orders_after(conn, product, after, limit)).await
    }

    async fn open_epoch(&self, product: ProductId) -> Result<Option<RecordState>, StoreError> {
        self.change(move |txn| changes::open_epoch(txn, product)).await
    }

    async fn states(&self, products: &[ProductId]) -> Result<Vec<(ProductId, RecordState)>, StoreError> {
        let products = products.to_vec();
        self.read(move |conn| {
            let state = |id: ProductId| Ok(reads::state(conn, id)?.map(|state| (id, state)));
            products.into_iter().map(state).filter_map(Result::transpose).collect()
        })
        .await
    }

    async fn books(&self, after: Option<ProductId>, limit: usize) -> Result<Vec<RecordBooks>, StoreError> {
        self.record_books(after, limit).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.health()
    }
}
