//! Products: made, changed, fenced.

use diesel::prelude::*;
use flashdeal_domain::ports::{Change, ChangeOutcome, StockChange, Withdrawal};
use flashdeal_domain::{Product, ProductId, RecordState, ReservationId, Units};

use super::rows::{self, bad, bytes, kind};
use super::transaction::{Stock, Transaction};
use crate::schema::{products, stock_ledger};

/// Writes a new product and its allotment; the product as it is if there is one.
pub(super) fn create(txn: &mut Transaction<'_>, product: &Product) -> QueryResult<Option<Product>> {
    let id = bytes(product.id.as_uuid());
    let total = i64::from(product.total_stock.get());
    let price = i64::try_from(product.price.cents()).unwrap_or(i64::MAX);
    let (start, end, limit) = rows::terms_columns(product.terms);
    let made = diesel::insert_into(products::table)
        .values((
            products::id.eq(id),
            products::name.eq(product.name.as_str()),
            products::price.eq(price),
            products::total_stock.eq(total),
            products::version.eq(1_i64),
            products::epoch.eq(0_i64),
            products::created_at.eq(product.created_at.as_millis()),
            products::description.eq(product.description.as_str()),
            products::starts_at.eq(start),
            products::ends_at.eq(end),
            products::max_per_reservation.eq(limit),
        ))
        .on_conflict_do_nothing()
        .execute(txn.conn)?;
    if made == 0 {
        return txn.product(product.id);
    }
    diesel::insert_into(stock_ledger::table)
        .values((
            stock_ledger::product.eq(id),
            stock_ledger::kind.eq(kind::ALLOTMENT),
            stock_ledger::delta.eq(total),
            stock_ledger::created_at.eq(txn.now),
        ))
        .execute(txn.conn)?;
    Ok(Some(product.clone()))
}

/// Changes a product, all of the change or nothing of it.
pub(super) fn change(txn: &mut Transaction<'_>, id: ProductId, change: &Change) -> QueryResult<ChangeOutcome> {
    let Some(before) = txn.product(id)? else { return Ok(ChangeOutcome::UnknownProduct) };
    let Some(stock) = txn.stock(id)? else { return Ok(ChangeOutcome::UnknownProduct) };
    let terms = match change.terms.apply(before.terms) {
        Ok(terms) => terms,
        // What was made before is not refused for what came after it.
        Err(_) if is_repeat(txn, &change.stock)? => before.terms,
        Err(_) => return Ok(ChangeOutcome::EndBeforeStart),
    };
    let total = match changed_total(txn, id, stock, &change.stock)? {
        Ok(total) => total,
        Err(refusal) => return Ok(refusal),
    };
    let after = Product {
        name: change.name.clone().unwrap_or_else(|| before.name.clone()),
        description: change.description.clone().unwrap_or_else(|| before.description.clone()),
        price: change.price.unwrap_or(before.price),
        total_stock: Units::new(total).map_err(bad)?,
        terms,
        ..before.clone()
    };
    if after == before {
        return Ok(ChangeOutcome::Changed(after, stock.state()?));
    }
    let price = i64::try_from(after.price.cents()).unwrap_or(i64::MAX);
    let (start, end, limit) = rows::terms_columns(terms);
    diesel::update(products::table.find(bytes(id.as_uuid())))
        .set((
            products::name.eq(after.name.as_str()),
            products::description.eq(after.description.as_str()),
            products::price.eq(price),
            products::starts_at.eq(start),
            products::ends_at.eq(end),
            products::max_per_reservation.eq(limit),
        ))
        .execute(txn.conn)?;
    let stock = Stock { price, total, terms, version: stock.version + 1, ..stock };
    txn.set_stock(id, stock);
    Ok(ChangeOutcome::Changed(after, stock.state()?))
}

/// Whether this change of stock was made before.
fn is_repeat(txn: &mut Transaction<'_>, change: &StockChange) -> QueryResult<bool> {
    let (settling, made) = match change {
        StockChange::None => return Ok(false),
        StockChange::Add { id, .. } => (*id, kind::ADJUSTMENT),
        StockChange::Withdraw(withdrawal) => (withdrawal.reservation, kind::WITHDRAWN),
    };
    Ok(rows::settled(txn.conn, settling)?.is_some_and(|row| row.kind == made))
}

/// The stock after a change, as it is for a repeat; or why there is none.
fn changed_total(
    txn: &mut Transaction<'_>,
    product: ProductId,
    stock: Stock,
    change: &StockChange,
) -> QueryResult<Result<i64, ChangeOutcome>> {
    match change {
        StockChange::None => Ok(Ok(stock.total)),
        StockChange::Add { id, units } => {
            let before = rows::settled(txn.conn, *id)?;
            if before.is_some_and(|row| row.kind == kind::ADJUSTMENT) {
                return Ok(Ok(stock.total));
            }
            let delta = i64::from(units.get());
            if Units::new(stock.total + delta).is_err() {
                return Ok(Err(ChangeOutcome::TooMuch));
            }
            write(txn, product, kind::ADJUSTMENT, delta, *id)?;
            Ok(Ok(stock.total + delta))
        }
        StockChange::Withdraw(withdrawal) => withdraw(txn, product, stock, withdrawal),
    }
}

fn withdraw(
    txn: &mut Transaction<'_>,
    product: ProductId,
    stock: Stock,
    withdrawal: &Withdrawal,
) -> QueryResult<Result<i64, ChangeOutcome>> {
    let units = i64::from(withdrawal.units.get());
    Ok(match rows::settled(txn.conn, withdrawal.reservation)? {
        Some(settled) if settled.kind == kind::WITHDRAWN => Ok(stock.total),
        Some(_) => Err(ChangeOutcome::Void),
        None if withdrawal.epoch.0 != stock.epoch => Err(ChangeOutcome::Fenced),
        None if units > stock.total => Err(ChangeOutcome::NoStock),
        None => {
            write(txn, product, kind::WITHDRAWN, -units, withdrawal.reservation)?;
            Ok(stock.total - units)
        }
    })
}

fn write(
    txn: &mut Transaction<'_>,
    product: ProductId,
    kind: &'static str,
    delta: i64,
    reservation: ReservationId,
) -> QueryResult<()> {
    diesel::insert_into(stock_ledger::table)
        .values((
            stock_ledger::product.eq(bytes(product.as_uuid())),
            stock_ledger::kind.eq(kind),
            stock_ledger::delta.eq(delta),
            stock_ledger::reservation.eq(bytes(reservation.as_uuid())),
            stock_ledger::created_at.eq(txn.now),
        ))
        .execute(txn.conn)
        .map(drop)
}

/// Raises the fence.
pub(super) fn open_epoch(txn: &mut Transaction<'_>, product: ProductId) -> QueryResult<Option<RecordState>> {
    let Some(stock) = txn.stock(product)? else { return Ok(None) };
    let stock = Stock { epoch: stock.epoch + 1, version: stock.version + 1, ..stock };
    txn.set_stock(product, stock);
    stock.state().map(Some)
}
