//! The record's books, for audits.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Bool, Nullable};
use diesel::sqlite::SqliteConnection;
use flashdeal_domain::ports::RecordBooks;
use flashdeal_domain::{Epoch, ProductId, RecordState, StoreError, Units, Version};
use uuid::Uuid;

use crate::error::{STORE, of_call};
use crate::record::rows::terms_of;
use crate::{EmbeddedStore, connection};

const BOOKS: &str = include_str!("books.sql");

#[derive(QueryableByName)]
struct BooksRow {
    #[diesel(sql_type = Binary)]
    product: Vec<u8>,
    #[diesel(sql_type = Nullable<BigInt>)]
    epoch: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    version: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    total: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    starts_at: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    ends_at: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    max_per_reservation: Option<i64>,
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

impl EmbeddedStore {
    /// On a connection and a thread of its own: an audit reads the whole ledger, and nobody waits for it.
    pub(crate) async fn record_books(
        &self,
        after: Option<ProductId>,
        limit: usize,
    ) -> Result<Vec<RecordBooks>, StoreError> {
        self.health()?;
        let file = self.0.file.clone();
        let read = tokio::task::spawn_blocking(move || {
            let mut conn = connection::reader(&file).map_err(|error| StoreError::unavailable(STORE, error))?;
            let rows = rows(&mut conn, after, limit).map_err(of_call)?;
            rows.into_iter().map(BooksRow::read).collect()
        });
        read.await.unwrap_or_else(|lost| Err(StoreError::unavailable(STORE, lost)))
    }
}

fn rows(conn: &mut SqliteConnection, after: Option<ProductId>, limit: usize) -> QueryResult<Vec<BooksRow>> {
    let after = after.map_or_else(Vec::new, |after| after.as_uuid().as_bytes().to_vec());
    diesel::sql_query(BOOKS)
        .bind::<Binary, _>(after)
        .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
        .load(conn)
}

impl BooksRow {
    fn read(self) -> Result<RecordBooks, StoreError> {
        let wrong = |error: flashdeal_domain::Invalid| StoreError::failed(STORE, error);
        let count = |count: i64| u64::try_from(count).map_err(|error| StoreError::failed(STORE, error));
        let state = match (self.epoch, self.version, self.total) {
            (Some(epoch), Some(version), Some(total)) => {
                let total = Units::new(total).map_err(wrong)?;
                let terms = (self.starts_at, self.ends_at, self.max_per_reservation, self.queued);
                let terms = terms_of(terms).map_err(of_call)?;
                Some(RecordState { epoch: Epoch(epoch), version: Version(version), total, terms })
            }
            _ => None,
        };
        let product = Uuid::from_slice(&self.product).map_err(|error| StoreError::failed(STORE, error))?;
        Ok(RecordBooks {
            product: ProductId::from_uuid(product),
            state,
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
