//! The record in memory.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use flashdeal_domain::ports::Clock;
use flashdeal_domain::ports::record::{
    Change, ChangeOutcome, Commit, KeyedOrder, Sale, Settlement, StockChange, Withdrawal,
};
use flashdeal_domain::{
    Epoch, IdempotencyKey, Order, OrderId, Page, PageRequest, Product, ProductId, RecordState, ReservationId,
    StockRepository, StoreError, Units, UserId, Version,
};

use super::Fault;

/// The record in memory. See [`StockRepository`] for what it does.
pub struct Record {
    clock: Arc<dyn Clock>,
    books: Mutex<Books>,
    fault: Option<Fault>,
}

#[derive(Default)]
struct Books {
    rows: BTreeMap<ProductId, Row>,
    /// Settled once, over all products.
    settled: HashMap<ReservationId, (ProductId, Settlement)>,
    /// Increases already made.
    added: HashSet<ReservationId>,
    orders: BTreeMap<OrderId, Order>,
    keys: HashMap<(ProductId, UserId, IdempotencyKey), KeyedOrder>,
}

struct Row {
    product: Product,
    epoch: Epoch,
    version: Version,
}

impl Row {
    const fn state(&self) -> RecordState {
        RecordState { epoch: self.epoch, version: self.version, total: self.product.total_stock }
    }

    const fn touch(&mut self) {
        self.version = Version(self.version.0 + 1);
    }
}

impl Record {
    /// An empty record whose orders are dated by `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, books: Mutex::default(), fault: None }
    }

    /// A record with one deliberate mistake: to see that the suite finds it.
    #[doc(hidden)]
    #[must_use]
    pub fn with_fault(clock: Arc<dyn Clock>, fault: Option<Fault>) -> Self {
        Self { fault, ..Self::new(clock) }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    /// Why a sale cannot be, in the order of the checks; `None` if it can.
    fn refusal(&self, books: &Books, sale: &Sale) -> Option<Commit> {
        let Some(row) = books.rows.get(&sale.product) else {
            return Some(Commit::UnknownProduct);
        };
        match books.settled.get(&sale.reservation) {
            Some((product, Settlement::Sold(order))) if *product == sale.product => {
                if !self.has(Fault::SoldTwice) {
                    return Some(Commit::Sold { order: order.clone(), earlier: true, record: row.state() });
                }
            }
            Some(_) if self.has(Fault::VoidIgnored) => {}
            Some(_) => return Some(Commit::Void),
            None => {}
        }
        if let Some(key) = &sale.key {
            let key = (sale.product, sale.user.clone(), key.key.clone());
            if books.keys.contains_key(&key) && !self.has(Fault::KeysIgnored) {
                return Some(Commit::KeyReused);
            }
        }
        if row.epoch != sale.epoch && !self.has(Fault::FenceIgnored) {
            return Some(Commit::Fenced);
        }
        if row.product.total_stock < sale.quantity && !self.has(Fault::Oversold) {
            return Some(Commit::NoStock { record: row.state() });
        }
        None
    }

    fn write_order(&self, books: &mut Books, sale: Sale) -> Commit {
        let Some(row) = books.rows.get_mut(&sale.product) else {
            return Commit::UnknownProduct;
        };
        row.product.total_stock = row.product.total_stock.saturating_sub(sale.quantity);
        if !self.has(Fault::VersionStands) {
            row.touch();
        }
        let order = Order {
            id: sale.order,
            reservation: sale.reservation,
            product: sale.product,
            user: sale.user,
            quantity: sale.quantity,
            unit_price: row.product.price,
            created_at: self.clock.now(),
        };
        let record = row.state();
        if let Some(key) = sale.key {
            books.keys.insert(
                (sale.product, order.user.clone(), key.key),
                KeyedOrder { order: order.clone(), named: key.named },
            );
        }
        books.settled.insert(sale.reservation, (sale.product, Settlement::Sold(order.clone())));
        books.orders.insert(order.id, order.clone());
        Commit::Sold { order, earlier: false, record }
    }
}

/// The stock after a change, or why there is none. `Ok` with the stock as it is for a repeat.
fn changed_stock(
    books: &mut Books,
    id: ProductId,
    row: RecordState,
    change: &StockChange,
) -> Result<Units, ChangeOutcome> {
    match change {
        StockChange::None => Ok(row.total),
        StockChange::Add { id: increase, .. } if books.added.contains(increase) => Ok(row.total),
        StockChange::Add { id: increase, units } => {
            let total = Units::new(row.total.get() + units.get()).map_err(|_| ChangeOutcome::TooMuch)?;
            books.added.insert(*increase);
            Ok(total)
        }
        StockChange::Withdraw(Withdrawal { reservation, epoch, units }) => match books.settled.get(reservation) {
            Some((_, Settlement::Withdrawn)) => Ok(row.total),
            Some(_) => Err(ChangeOutcome::Void),
            None if *epoch != row.epoch => Err(ChangeOutcome::Fenced),
            None if *units > row.total => Err(ChangeOutcome::NoStock),
            None => {
                books.settled.insert(*reservation, (id, Settlement::Withdrawn));
                Ok(row.total.saturating_sub(*units))
            }
        },
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
        let Some(before) = books.rows.get(&id).map(Row::state) else {
            return Ok(ChangeOutcome::UnknownProduct);
        };
        let total = match changed_stock(&mut books, id, before, &change.stock) {
            Ok(total) => total,
            Err(refusal) => return Ok(refusal),
        };
        let Some(row) = books.rows.get_mut(&id) else {
            return Ok(ChangeOutcome::UnknownProduct);
        };
        let was = row.product.clone();
        row.product.total_stock = total;
        row.product.name = change.name.unwrap_or(row.product.name.clone());
        row.product.description = change.description.unwrap_or(row.product.description.clone());
        row.product.price = change.price.unwrap_or(row.product.price);
        if row.product != was {
            row.touch();
        }
        Ok(ChangeOutcome::Changed(row.product.clone(), row.state()))
    }

    async fn commit(&self, sale: Sale) -> Result<Commit, StoreError> {
        if self.has(Fault::CheckThenWrite) {
            let refusal = self.refusal(&self.books(), &sale);
            tokio::task::yield_now().await;
            return Ok(refusal.unwrap_or_else(|| self.write_order(&mut self.books(), sale)));
        }
        let mut books = self.books();
        Ok(match self.refusal(&books, &sale) {
            Some(refusal) => refusal,
            None => self.write_order(&mut books, sale),
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
        user: Option<&UserId>,
        request: PageRequest<OrderId>,
    ) -> Result<Page<Order, OrderId>, StoreError> {
        let books = self.books();
        let theirs = books
            .orders
            .iter()
            .filter(|(_, order)| user.is_none_or(|user| order.user == *user))
            .map(|(id, order)| (*id, order.clone()));
        Ok(page(theirs, request))
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

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
