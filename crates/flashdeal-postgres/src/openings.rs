//! Openings, by the batch: a sale of ten thousand products begins with an epoch for each of them.
//!
//! A batch waits for nobody's lock. Who is not opened by it is opened by a statement of their own: somebody else has the row, or
//! opens the same product in the same batch (each caller gets an epoch of their own), or there is no such product.

use std::collections::HashMap;

use diesel::data_types::PgTimestamp;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Timestamptz};
use flashdeal_batching::{Batcher, Limits, Rejected, Run};
use flashdeal_domain::{ProductId, RecordState, StoreError};
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use crate::error::{STORE, lost, unavailable};
use crate::pool::Pool;
use crate::rows::{TERMS, TermsColumns, state};
use crate::schema::products;

/// Raises the epochs of those whose rows nobody has locked.
const OPEN_FREE: &str = include_str!("openings.sql");
/// The most products in one statement: it holds all their rows until it ends.
const BATCH: usize = 64;

/// Gathers those who open a product.
pub(crate) struct Openings(Batcher<Runner>);

impl Openings {
    pub(crate) fn new(pool: Pool, limits: Limits) -> Self {
        Self(Batcher::across_threads(Runner(pool), Limits { batch: BATCH, ..limits }))
    }

    /// The state after it, or `None` if no product has the id.
    pub(crate) async fn submit(&self, product: ProductId) -> Result<Option<RecordState>, StoreError> {
        let pool = &self.0.runner().0;
        let waiting = Waiting { product, since: Instant::now() };
        match timeout(pool.call_timeout(), self.0.submit((), waiting)).await {
            Ok(Ok(Ok(Some(opened)))) => Ok(Some(opened)),
            Ok(Ok(Ok(None))) => alone(pool, product).await,
            Ok(Ok(Err(error))) => Err(error),
            Ok(Err(Rejected::Full)) => Err(StoreError::Overloaded { store: STORE }),
            Ok(Err(Rejected::Lost)) => Err(lost()),
            Err(_) => Err(unavailable("no answer in time")),
        }
    }
}

async fn alone(pool: &Pool, product: ProductId) -> Result<Option<RecordState>, StoreError> {
    let query = diesel::update(products::table.find(*product.as_uuid()))
        .set((products::epoch.eq(products::epoch + 1), products::version.eq(products::version + 1)))
        .returning((products::epoch, products::version, products::total_stock, TERMS));
    let rows: Vec<(i64, i64, i32, TermsColumns)> = pool.load("open_epoch", query).await?;
    let opened = rows.into_iter().next();
    opened.map(|(epoch, version, total, terms)| state(Some(epoch), Some(version), Some(total), terms)).transpose()
}

struct Waiting {
    product: ProductId,
    since: Instant,
}

struct Runner(Pool);

impl Run for Runner {
    type Key = ();
    type Item = Waiting;
    /// `None`: not opened here.
    type Answer = Result<Option<RecordState>, StoreError>;

    async fn run(&self, (): &(), items: Vec<Waiting>) -> Vec<Self::Answer> {
        if let [_] = items.as_slice() {
            return vec![Ok(None)];
        }
        // Whoever waited longer than a call may take has been told so: a fence that nobody waits for only hinders sales.
        let is_fresh = |item: &&Waiting| item.since.elapsed() < self.0.call_timeout();
        let mut ids: Vec<Uuid> = items.iter().filter(is_fresh).map(|item| *item.product.as_uuid()).collect();
        ids.sort_unstable();
        ids.dedup();
        match self.open(ids).await {
            Ok(mut opened) => items.into_iter().map(|item| Ok(opened.remove(&item.product))).collect(),
            Err(error) => vec![Err(error); items.len()],
        }
    }
}

impl Runner {
    async fn open(&self, ids: Vec<Uuid>) -> Result<HashMap<ProductId, RecordState>, StoreError> {
        let query = diesel::sql_query(OPEN_FREE).bind::<Array<diesel::sql_types::Uuid>, _>(ids);
        let rows: Vec<OpenedRow> = self.0.load_here("open_epochs", query, self.0.deadline()).await?;
        rows.into_iter()
            .map(|row| {
                let terms = (row.starts_at, row.ends_at, row.max_per_reservation, row.queued);
                let state = state(Some(row.epoch), Some(row.version), Some(row.total_stock), terms)?;
                Ok((ProductId::from_uuid(row.id), state))
            })
            .collect()
    }
}

#[derive(QueryableByName)]
struct OpenedRow {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = BigInt)]
    epoch: i64,
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = Integer)]
    total_stock: i32,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    starts_at: Option<PgTimestamp>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    ends_at: Option<PgTimestamp>,
    #[diesel(sql_type = Nullable<Integer>)]
    max_per_reservation: Option<i32>,
    #[diesel(sql_type = Bool)]
    queued: bool,
}
