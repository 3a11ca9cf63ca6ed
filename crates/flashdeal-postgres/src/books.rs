//! The record's books, for audits.

use std::time::Duration;

use diesel::QueryableByName;
use diesel::data_types::PgTimestamp;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Timestamptz, Uuid as SqlUuid};
use flashdeal_domain::ports::RecordBooks;
use flashdeal_domain::{ProductId, StoreError};
use uuid::Uuid;

use crate::config::PostgresConfig;
use crate::error::{ConnectError, failed};
use crate::pool::Pool;
use crate::rows::state;

const BOOKS: &str = include_str!("books.sql");

/// How long one page may take, if calls may not take longer anyway: a ledger of some ten million rows is read in that time.
const PATIENCE: Duration = Duration::from_secs(30);

/// One connection with more patience than the others have, so that an audit takes nobody else's.
pub(crate) fn pool(config: &PostgresConfig) -> Result<Pool, ConnectError> {
    let mut config = config.clone();
    config.max_connections = 1;
    config.call_timeout = config.call_timeout.max(PATIENCE);
    Pool::new(&config)
}

#[derive(QueryableByName)]
struct BooksRow {
    #[diesel(sql_type = SqlUuid)]
    product: Uuid,
    #[diesel(sql_type = Nullable<BigInt>)]
    epoch: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    version: Option<i64>,
    #[diesel(sql_type = Nullable<Integer>)]
    total: Option<i32>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    starts_at: Option<PgTimestamp>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    ends_at: Option<PgTimestamp>,
    #[diesel(sql_type = Nullable<Integer>)]
    max_per_reservation: Option<i32>,
    #[diesel(sql_type = Bool)]
    queued: bool,
    #[diesel(sql_type = BigInt)]
    deltas: i64,
    #[diesel(sql_type = BigInt)]
    sales: i64,
    #[diesel(sql_type = BigInt)]
    units_sold: i64,
    #[diesel(sql_type = BigInt)]
    orders: i64,
    #[diesel(sql_type = BigInt)]
    units_ordered: i64,
    #[diesel(sql_type = BigInt)]
    contradictions: i64,
    #[diesel(sql_type = BigInt)]
    waiting: i64,
}

impl BooksRow {
    fn read(self) -> Result<RecordBooks, StoreError> {
        let terms = (self.starts_at, self.ends_at, self.max_per_reservation, self.queued);
        let count = |count: i64| u64::try_from(count).map_err(failed);
        Ok(RecordBooks {
            product: ProductId::from_uuid(self.product),
            state: self.epoch.map(|epoch| state(Some(epoch), self.version, self.total, terms)).transpose()?,
            deltas: self.deltas,
            sales: count(self.sales)?,
            units_sold: self.units_sold,
            orders: count(self.orders)?,
            units_ordered: self.units_ordered,
            contradictions: count(self.contradictions)?,
            waiting: count(self.waiting)?,
        })
    }
}

/// See [`StockRepository::books`](flashdeal_domain::StockRepository::books).
pub(crate) async fn page(pool: &Pool, after: Option<ProductId>, limit: usize) -> Result<Vec<RecordBooks>, StoreError> {
    let query = diesel::sql_query(BOOKS)
        .bind::<Nullable<SqlUuid>, _>(after.map(|after| *after.as_uuid()))
        .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX));
    let rows: Vec<BooksRow> = pool.load("books", query).await?;
    rows.into_iter().map(BooksRow::read).collect()
}
