//! One transaction of the writer, as the record's calls see it.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use flashdeal_domain::{Epoch, Product, ProductId, RecordState, ReservationId, Terms, Units, UserId, Version};

use super::rows;
use crate::book::Book;
use crate::schema::{holds, products};
use crate::shared::RecordBatch;
use crate::updates::SetStock;

/// What a call does in the transaction; called again if the transaction has to be made again. It is given the row of the
/// hold it settles.
type Run = Box<dyn FnMut(&mut Transaction<'_>, Option<i64>) -> QueryResult<Settled> + Send>;

/// What a call settled.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Settled {
    /// The hold's row was taken out.
    pub(super) taken_out: bool,
    /// After a sale: the record.
    pub(super) record: Option<RecordState>,
}

/// The hold that a call settles.
pub(super) struct SettledHold {
    pub(super) product: ProductId,
    pub(super) user: UserId,
    pub(super) reservation: ReservationId,
}

/// A call to the record, on its way to the writer.
pub(crate) struct RecordCall {
    hold: Option<SettledHold>,
    row: Option<i64>,
    settled: Settled,
    run: Run,
}

impl RecordCall {
    pub(super) fn new(
        hold: Option<SettledHold>,
        run: impl FnMut(&mut Transaction<'_>, Option<i64>) -> QueryResult<Settled> + Send + 'static,
    ) -> Self {
        Self { hold, row: None, settled: Settled::default(), run: Box::new(run) }
    }

    /// Finds the row of the hold that it settles.
    pub(crate) fn look_up(&mut self, book: &Book) {
        if let Some(hold) = &self.hold {
            self.row = book.row_of(hold.product, &hold.user, hold.reservation);
        }
    }

    /// Ends the hold in the book if its row is gone; once the transaction is durable.
    pub(crate) fn settle(&self, book: &mut Book) {
        if let (Some(hold), Some(row), true) = (&self.hold, self.row, self.settled.taken_out) {
            book.settled(hold.product, &hold.user, row, self.settled.record);
        }
    }
}

/// What an earlier try took out is undone.
pub(crate) fn forget_changes(batches: &mut [RecordBatch]) {
    for call in batches.iter_mut().flat_map(|batch| &mut batch.calls) {
        call.settled = Settled::default();
    }
}

/// A product's row as far as sales need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stock {
    pub(super) price: i64,
    pub(super) total: i64,
    pub(super) version: i64,
    pub(super) epoch: i64,
    pub(super) terms: Terms,
}

impl Stock {
    pub(super) fn state(self) -> QueryResult<RecordState> {
        let total = Units::new(self.total).map_err(rows::bad)?;
        Ok(RecordState { epoch: Epoch(self.epoch), version: Version(self.version), total, terms: self.terms })
    }
}

/// The open transaction. Each product's row is read once and written once, however many sales it has.
pub(crate) struct Transaction<'a> {
    pub(super) conn: &'a mut SqliteConnection,
    /// Milliseconds.
    pub(super) now: i64,
    stocks: HashMap<ProductId, (Stock, bool)>,
}

impl<'a> Transaction<'a> {
    pub(crate) fn new(conn: &'a mut SqliteConnection, now: i64) -> Self {
        Self { conn, now, stocks: HashMap::new() }
    }

    /// Runs one call.
    pub(crate) fn run(&mut self, call: &mut RecordCall) -> QueryResult<()> {
        call.settled = (call.run)(self, call.row)?;
        Ok(())
    }

    /// Runs one call in a savepoint: if it fails, the others do not. The outer error is the transaction's own.
    pub(crate) fn run_apart(&mut self, call: &mut RecordCall) -> QueryResult<QueryResult<()>> {
        self.flush()?;
        let now = self.now;
        let outcome = self.conn.transaction(|conn| {
            let mut inner = Transaction::new(conn, now);
            inner.run(call)?;
            inner.flush()
        });
        // Whatever it changed or failed to change is read anew.
        self.stocks.clear();
        match outcome {
            Err(error @ diesel::result::Error::BrokenTransactionManager) => Err(error),
            Err(error) => {
                call.settled = Settled::default();
                Ok(Err(error))
            }
            Ok(()) => Ok(Ok(())),
        }
    }

    /// The product's stock as it is now; `None` for an unknown one.
    pub(super) fn stock(&mut self, product: ProductId) -> QueryResult<Option<Stock>> {
        if let Some((stock, _)) = self.stocks.get(&product) {
            return Ok(Some(*stock));
        }
        let row = products::table
            .find(rows::bytes(product.as_uuid()))
            .select((products::price, products::total_stock, products::version, products::epoch, rows::TERMS))
            .get_result::<(i64, i64, i64, i64, rows::TermsColumns)>(self.conn)
            .optional()?;
        let Some((price, total, version, epoch, terms)) = row else { return Ok(None) };
        let stock = Stock { price, total, version, epoch, terms: rows::terms_of(terms)? };
        self.stocks.insert(product, (stock, false));
        Ok(Some(stock))
    }

    /// The product's stock from now on.
    pub(super) fn set_stock(&mut self, product: ProductId, stock: Stock) {
        self.stocks.insert(product, (stock, true));
    }

    /// The whole product as it is now.
    pub(super) fn product(&mut self, id: ProductId) -> QueryResult<Option<Product>> {
        let Some(stock) = self.stock(id)? else { return Ok(None) };
        let Some(row) = rows::product(self.conn, id)? else { return Ok(None) };
        let total_stock = Units::new(stock.total).map_err(rows::bad)?;
        Ok(Some(Product { total_stock, ..row }))
    }

    /// Takes a hold's row out; whether there was one to take.
    pub(super) fn take_out(&mut self, row: Option<i64>) -> QueryResult<bool> {
        let Some(row) = row else { return Ok(false) };
        diesel::delete(holds::table.find(row)).execute(self.conn)?;
        Ok(true)
    }

    /// Writes the products' rows.
    pub(crate) fn flush(&mut self) -> QueryResult<()> {
        for (product, (stock, changed)) in &mut self.stocks {
            if std::mem::take(changed) {
                let Stock { total, version, epoch, .. } = *stock;
                SetStock { product: product.as_uuid().into_bytes(), total, version, epoch }.execute(self.conn)?;
            }
        }
        Ok(())
    }
}
