//! The record in memory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use flashdeal_domain::ports::record::{Change, ChangeOutcome, Commit, KeyedOrder, Sale, Settlement};
use flashdeal_domain::ports::{Clock, RecordBooks};
use flashdeal_domain::{
    Epoch, IdempotencyKey, Order, OrderFilter, OrderId, Page, PageRequest, Product, ProductId, RecordState,
    ReservationId, StockRepository, StoreError, Units, UserId, Version,
};

use super::books::{Books, Row};

/// The record in memory. See [`StockRepository`] for what it does.
pub struct Record {
    pub(super) clock: Arc<dyn Clock>,
    books: Mutex<Books>,
}

impl Record {
    /// An empty record whose orders are dated by `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, books: Mutex::default() }
    }

    pub(super) fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The items of `all` (rising by id) that `page` asks for, newest first.
fn page<Id: Copy + Ord, T: Clone>(all: impl DoubleEndedIterator<Item = (Id, T)>, page: PageRequest<Id>) -> Page<T, Id> {
    let size = usize::from(page.size.get());
    let mut found: Vec<_> =
        all.rev().filter(|(id, _)| page.after.is_none_or(|after| *id < after)).take(size + 1).collect();
    let more = found.len() > size;
    found.truncate(size);
    Page {
        next: found.last().filter(|_| more).map(|(id, _)| *id),
        items: found.into_iter().map(|(_, item)| item).collect(),
    }
}

#[async_trait]
impl StockRepository for Record {
    async fn create_product(&self, product: Product) -> Result<Product, StoreError> {
        let mut books = self.books();
        let allotment = i64::from(product.total_stock.get());
        books.deltas.entry(product.id).or_insert_with(|| vec![allotment]);
        let row = books.rows.entry(product.id).or_insert(Row { product, epoch: Epoch(0), version: Version(1) });
        Ok(row.product.clone())
    }

    async fn product(&self, id: ProductId) -> Result<Option<Product>, StoreError> {
        Ok(self.books().rows.get(&id).map(|row| row.product.clone()))
    }

    async fn products(&self, request: PageRequest<ProductId>) -> Result<Page<Product, ProductId>, StoreError> {
        let books = self.books();
        let all = books.rows.iter().map(|(id, row)| (*id, row.product.clone()));
        Ok(page(all, request))
    }

    async fn change_product(&self, id: ProductId, change: Change) -> Result<ChangeOutcome, StoreError> {
        let mut books = self.books();
        let Some(row) = books.rows.get(&id) else {
            return Ok(ChangeOutcome::UnknownProduct);
        };
        let before = row.state();
        let delta = match books.planned(before, &change.stock) {
            Ok(Some(delta)) => delta,
            // What was made before is neither made again nor refused for what came after it.
            Ok(None) => return Ok(ChangeOutcome::Changed(row.product.clone(), before)),
            Err(refusal) => return Ok(*refusal),
        };
        let Ok(terms) = change.terms.apply(before.terms) else {
            return Ok(ChangeOutcome::EndBeforeStart);
        };
        let total =
            Units::new(i64::from(before.total.get()) + delta).map_err(|error| StoreError::failed("record", error))?;
        books.note_change(id, &change.stock, delta);
        let Some(row) = books.rows.get_mut(&id) else {
            return Ok(ChangeOutcome::UnknownProduct);
        };
        let was = row.product.clone();
        row.product.total_stock = total;
        row.product.name = change.name.unwrap_or(row.product.name.clone());
        row.product.description = change.description.unwrap_or(row.product.description.clone());
        row.product.price = change.price.unwrap_or(row.product.price);
        row.product.terms = terms;
        if row.product != was {
            row.touch();
        }
        Ok(ChangeOutcome::Changed(row.product.clone(), row.state()))
    }

    async fn commit(&self, sale: Sale) -> Result<Commit, StoreError> {
        let mut books = self.books();
        Ok(match books.refusal(&sale) {
            Some(refusal) => refusal,
            None => books.sell(sale, self.clock.now()),
        })
    }

    async fn void(
        &self,
        product: ProductId,
        reservation: ReservationId,
        _user: &UserId,
    ) -> Result<Option<Settlement>, StoreError> {
        let mut books = self.books();
        if !books.rows.contains_key(&product) {
            return Ok(None);
        }
        let settled = books.settled.entry(reservation).or_insert((product, Settlement::Void));
        Ok(Some(settled.1.clone()))
    }

    async fn settlement(
        &self,
        product: ProductId,
        reservation: ReservationId,
    ) -> Result<Option<Settlement>, StoreError> {
        let books = self.books();
        let settled = books.settled.get(&reservation);
        Ok(settled.filter(|(of, _)| *of == product).map(|(_, settlement)| settlement.clone()))
    }

    async fn keyed_order(
        &self,
        product: ProductId,
        user: &UserId,
        key: &IdempotencyKey,
    ) -> Result<Option<KeyedOrder>, StoreError> {
        let key = (product, user.clone(), key.clone());
        Ok(self.books().keys.get(&key).cloned())
    }

    async fn order(&self, id: OrderId) -> Result<Option<Order>, StoreError> {
        Ok(self.books().orders.get(&id).cloned())
    }

    async fn orders(
        &self,
        of: &OrderFilter,
        request: PageRequest<OrderId>,
    ) -> Result<Page<Order, OrderId>, StoreError> {
        let books = self.books();
        let theirs = books.orders.iter().filter(|(_, order)| of.matches(order));
        Ok(page(theirs.map(|(id, order)| (*id, order.clone())), request))
    }

    async fn orders_after(
        &self,
        product: Option<ProductId>,
        after: Option<OrderId>,
        limit: usize,
    ) -> Result<Vec<Order>, StoreError> {
        let books = self.books();
        let later = books.orders.iter().filter(|(id, _)| after.is_none_or(|after| **id > after));
        let of_it =
            later.map(|(_, order)| order).filter(|order| product.is_none_or(|product| order.product == product));
        Ok(of_it.take(limit).cloned().collect())
    }

    async fn open_epoch(&self, product: ProductId) -> Result<Option<RecordState>, StoreError> {
        let mut books = self.books();
        Ok(books.rows.get_mut(&product).map(|row| {
            row.epoch = Epoch(row.epoch.0 + 1);
            row.touch();
            row.state()
        }))
    }

    async fn states(&self, products: &[ProductId]) -> Result<Vec<(ProductId, RecordState)>, StoreError> {
        let books = self.books();
        let known = |id: &ProductId| Some((*id, books.rows.get(id)?.state()));
        Ok(products.iter().filter_map(known).collect())
    }

    async fn books(&self, after: Option<ProductId>, limit: usize) -> Result<Vec<RecordBooks>, StoreError> {
        let books = self.books();
        let later = books.rows.iter().filter(|(id, _)| after.is_none_or(|after| **id > after));
        Ok(later.take(limit).map(|(id, row)| books.audit(*id, row)).collect())
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
