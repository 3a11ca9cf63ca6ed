//! The port.

use std::sync::Arc;

use async_trait::async_trait;
use diesel::prelude::*;
use flashdeal_domain::ports::{
    Change, ChangeOutcome, Commit, KeyedOrder, RecordBooks, Sale, Settlement, StockRepository,
};
use flashdeal_domain::{
    IdempotencyKey, Order, OrderFilter, OrderId, Page, PageRequest, Product, ProductId, RecordState, ReservationId,
    StoreError, UserId,
};
use uuid::Uuid;

use crate::batch::Batches;
use crate::books;
use crate::commits::Commits;
use crate::config::PostgresConfig;
use crate::error::{ConnectError, failed, unavailable};
use crate::feed::Horizon;
use crate::openings::Openings;
use crate::pool::Pool;
use crate::queries::change_product::{ChangeProduct, ChangeRow};
use crate::queries::create_product::CreateProduct;
use crate::rows::{OrderColumns, ProductRow, TERMS, TermsColumns, order_columns, settlement, state};
use crate::schema::{products, stock_ledger};
use crate::survey::survey;
use crate::voids::{Annulment, Voids};
use crate::waiting::Joins;

diesel::define_sql_function! {
    /// Whether the server is a standby, which takes no writes.
    fn pg_is_in_recovery() -> diesel::sql_types::Bool;
}

/// The record on PostgreSQL. Cheap to clone; clones share the connections.
#[derive(Clone)]
pub struct PostgresStore {
    pub(crate) pool: Pool,
    /// For audits, which take their time.
    pub(crate) audits: Pool,
    /// For the feed: how far the ledger is settled.
    pub(crate) horizon: Arc<Horizon>,
    commits: Arc<Batches<Commits>>,
    voids: Arc<Batches<Voids>>,
    pub(crate) joins: Arc<Batches<Joins>>,
    openings: Arc<Openings>,
    warnings: Arc<[String]>,
}

impl PostgresStore {
    /// Connects to a migrated database and looks at its settings.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn connect(config: PostgresConfig) -> Result<Self, ConnectError> {
        let pool = Pool::new(&config)?;
        let audits = books::pool(&config)?;
        let warnings = survey(&pool).await?;
        Ok(Self {
            commits: Arc::new(Batches::new(pool.clone(), config.limits)),
            voids: Arc::new(Batches::new(pool.clone(), config.limits)),
            joins: Arc::new(Batches::new(pool.clone(), config.limits)),
            openings: Arc::new(Openings::new(pool.clone(), config.limits)),
            horizon: Arc::default(),
            warnings: warnings.into(),
            pool,
            audits,
        })
    }

    /// What an operator should know of the server's settings: sentences, each naming what is at risk; none if all is well.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

#[async_trait]
impl StockRepository for PostgresStore {
    async fn create_product(&self, product: Product) -> Result<Product, StoreError> {
        let rows: Vec<ProductRow> = self.pool.load("create_product", CreateProduct::from(&product)).await?;
        first(rows).ok_or_else(|| failed("create_product answered nothing"))?.read()
    }

    async fn product(&self, id: ProductId) -> Result<Option<Product>, StoreError> {
        let query = products::table.find(*id.as_uuid()).select(ProductRow::as_select());
        first(self.pool.load("product", query).await?).map(ProductRow::read).transpose()
    }

    async fn products(&self, page: PageRequest<ProductId>) -> Result<Page<Product, ProductId>, StoreError> {
        let query = products::table
            .filter(products::id.lt(before(page.after.as_ref().map(ProductId::as_uuid))))
            .order(products::id.desc())
            .limit(i64::from(page.size.get()) + 1)
            .select(ProductRow::as_select());
        let rows = self.pool.load("products", query).await?;
        let rows: Result<Vec<_>, _> = rows.into_iter().map(ProductRow::read).collect();
        Ok(cut(rows?, page, |product| product.id))
    }

    async fn change_product(&self, id: ProductId, change: Change) -> Result<ChangeOutcome, StoreError> {
        let rows: Vec<ChangeRow> = self.pool.load("change_product", ChangeProduct::new(id, &change)).await?;
        first(rows).ok_or_else(|| failed("change_product answered nothing"))?.read()
    }

    async fn commit(&self, sale: Sale) -> Result<Commit, StoreError> {
        self.commits.submit(sale).await
    }

    async fn void(
        &self,
        product: ProductId,
        reservation: ReservationId,
        user: &UserId,
    ) -> Result<Option<Settlement>, StoreError> {
        self.voids.submit(Annulment { product, reservation, user: user.clone() }).await
    }

    async fn settlement(
        &self,
        product: ProductId,
        reservation: ReservationId,
    ) -> Result<Option<Settlement>, StoreError> {
        let query = stock_ledger::table
            .filter(stock_ledger::reservation_id.eq(*reservation.as_uuid()))
            .filter(stock_ledger::product_id.eq(*product.as_uuid()))
            .select((stock_ledger::kind, order_columns()));
        let rows: Vec<(String, OrderColumns)> = self.pool.load("settlement", query).await?;
        first(rows).map_or(Ok(None), |(kind, order)| settlement(&kind, order))
    }

    async fn keyed_order(
        &self,
        product: ProductId,
        user: &UserId,
        key: &IdempotencyKey,
    ) -> Result<Option<KeyedOrder>, StoreError> {
        let query = stock_ledger::table
            .filter(stock_ledger::product_id.eq(*product.as_uuid()))
            .filter(stock_ledger::user_id.eq(user.as_str().to_owned()))
            .filter(stock_ledger::idempotency_key.eq(key.as_str().to_owned()))
            .select((stock_ledger::idempotency_named, order_columns()));
        let rows: Vec<(Option<Uuid>, OrderColumns)> = self.pool.load("keyed_order", query).await?;
        let Some((named, order)) = first(rows) else { return Ok(None) };
        Ok(Some(KeyedOrder { order: order.read()?, named: named.map(ReservationId::from_uuid) }))
    }

    async fn order(&self, id: OrderId) -> Result<Option<Order>, StoreError> {
        let query = stock_ledger::table.filter(stock_ledger::order_id.eq(*id.as_uuid())).select(order_columns());
        first(self.pool.load("order", query).await?).map(OrderColumns::read).transpose()
    }

    async fn orders(&self, of: &OrderFilter, page: PageRequest<OrderId>) -> Result<Page<Order, OrderId>, StoreError> {
        let query = stock_ledger::table
            .filter(stock_ledger::kind.eq("sold"))
            .filter(stock_ledger::order_id.lt(before(page.after.as_ref().map(OrderId::as_uuid))))
            .order(stock_ledger::order_id.desc())
            .limit(i64::from(page.size.get()) + 1)
            .select(order_columns());
        let of_user = of.user.as_ref().map(|user| stock_ledger::user_id.eq(user.as_str().to_owned()));
        let of_product = of.product.map(|product| stock_ledger::product_id.eq(*product.as_uuid()));
        let rows = match (of_user, of_product) {
            (None, None) => self.pool.load("orders", query).await?,
            (Some(user), None) => self.pool.load("orders_of_user", query.filter(user)).await?,
            (None, Some(product)) => self.pool.load("orders_of_product", query.filter(product)).await?,
            (Some(user), Some(product)) => self.pool.load("orders_of_both", query.filter(user).filter(product)).await?,
        };
        let orders: Result<Vec<_>, _> = rows.into_iter().map(OrderColumns::read).collect();
        Ok(cut(orders?, page, |order| order.id))
    }

    async fn orders_after(
        &self,
        product: Option<ProductId>,
        after: Option<OrderId>,
        limit: usize,
    ) -> Result<Vec<Order>, StoreError> {
        let query = stock_ledger::table
            .filter(stock_ledger::kind.eq("sold"))
            .filter(stock_ledger::order_id.gt(after.map_or(Uuid::nil(), |id| *id.as_uuid())))
            .order(stock_ledger::order_id.asc())
            .limit(i64::try_from(limit).unwrap_or(i64::MAX))
            .select(order_columns());
        let rows = match product {
            None => self.pool.load("orders_after", query).await?,
            Some(product) => {
                let query = query.filter(stock_ledger::product_id.eq(*product.as_uuid()));
                self.pool.load("orders_of_product_after", query).await?
            }
        };
        rows.into_iter().map(OrderColumns::read).collect()
    }

    async fn open_epoch(&self, product: ProductId) -> Result<Option<RecordState>, StoreError> {
        self.openings.submit(product).await
    }

    async fn states(&self, ids: &[ProductId]) -> Result<Vec<(ProductId, RecordState)>, StoreError> {
        let ids: Vec<Uuid> = ids.iter().map(|id| *id.as_uuid()).collect();
        let query = products::table.filter(products::id.eq_any(ids)).select((
            products::id,
            products::epoch,
            products::version,
            products::total_stock,
            TERMS,
        ));
        let rows: Vec<(Uuid, i64, i64, i32, TermsColumns)> = self.pool.load("states", query).await?;
        rows.into_iter()
            .map(|(id, epoch, version, total, terms)| {
                Ok((ProductId::from_uuid(id), state(Some(epoch), Some(version), Some(total), terms)?))
            })
            .collect()
    }

    async fn books(&self, after: Option<ProductId>, limit: usize) -> Result<Vec<RecordBooks>, StoreError> {
        books::page(&self.audits, after, limit).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        let rows: Vec<bool> = self.pool.load("ping", diesel::select(pg_is_in_recovery())).await.map_err(unavailable)?;
        match first(rows) {
            Some(false) => Ok(()),
            _ => Err(unavailable("the server is a standby and takes no writes")),
        }
    }
}

fn first<T>(rows: Vec<T>) -> Option<T> {
    rows.into_iter().next()
}

/// Where a page begins: below the last id seen, or below all (no UUIDv7 is all ones).
fn before(after: Option<&Uuid>) -> Uuid {
    after.copied().unwrap_or(Uuid::max())
}

/// Cuts a page of the wanted size from rows of which one more was asked for, to know whether another page follows.
fn cut<T, Id: Copy>(mut rows: Vec<T>, page: PageRequest<Id>, id: impl Fn(&T) -> Id) -> Page<T, Id> {
    let size = usize::from(page.size.get());
    let more = rows.len() > size;
    rows.truncate(size);
    let next = rows.last().filter(|_| more).map(id);
    Page { items: rows, next }
}
