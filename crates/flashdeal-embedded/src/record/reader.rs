//! Reading what was sold, beside the server that sells.

use std::path::Path;

use diesel::sqlite::SqliteConnection;
use flashdeal_domain::ports::Standing;
use flashdeal_domain::{Order, OrderId, Product, ProductId, StoreError, Timestamp};

use crate::connection;
use crate::error::{OpenError, of_call};
use crate::folder::database;

use super::{feed, reads, rows};

/// The record of a folder for reading alone, whether or not a server has it open: that one neither waits for it nor notices.
///
/// Each call is one consistent read of what is durable. Calls block; none takes longer than its answer is long, unless the file is
/// locked by a program that is not ours, for which it waits ten seconds.
pub struct RecordReader {
    pub(super) conn: SqliteConnection,
}

impl RecordReader {
    /// Opens the record in `dir`. Nothing is made or brought up to date there.
    ///
    /// # Errors
    /// [`OpenError::NotADatabase`], or [`OpenError::Database`] also if there is none.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        let file = database(dir);
        let failed = |source| OpenError::Database { file: file.clone(), source };
        let mut conn = connection::guest(&file).map_err(failed)?;
        match connection::is_ours(&mut conn) {
            Ok(true) => Ok(Self { conn }),
            Ok(false) => Err(OpenError::NotADatabase { file }),
            Err(error) => Err(failed(error.into())),
        }
    }

    /// The product, or `None`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn product(&mut self, id: ProductId) -> Result<Option<Product>, StoreError> {
        rows::product(&mut self.conn, id).map_err(of_call)
    }

    /// As [`StockRepository::orders_after`](flashdeal_domain::StockRepository::orders_after).
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn orders_after(
        &mut self,
        product: Option<ProductId>,
        after: Option<OrderId>,
        limit: usize,
    ) -> Result<Vec<Order>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        reads::orders_after(&mut self.conn, product, after, limit).map_err(of_call)
    }

    /// As [`OrderFeed::standings`](flashdeal_domain::OrderFeed::standings), by a clock that shows `now`. Who holds a lease is known to
    /// the server alone.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn standings(&mut self, now: Timestamp) -> Result<Vec<Standing>, StoreError> {
        feed::standings(&mut self.conn, now.as_millis(), None).map_err(of_call)
    }
}
