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
    let (start, end, limit, queued) = rows::terms_columns(product.terms);
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
            products::queued.eq(queued),
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
    let planned = match plan(txn, stock, &change.stock)? {
        Ok(planned) => planned,
        Err(refusal) => return Ok(refusal),
    };
    // What was made before is neither made again nor refused for what came after it.
    if matches!(planned, Planned::Earlier) {
        return Ok(ChangeOutcome::Changed(before, stock.state()?));
    }
    let Ok(terms) = change.terms.apply(before.terms) else { return Ok(ChangeOutcome::EndBeforeStart) };
    let total = match planned {
        Planned::Row { kind, delta, id: settling } => {
            write(txn, id, kind, delta, settling)?;
            stock.total + delta
        }
        Planned::Nothing | Planned::Earlier => stock.total,
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
    let (start, end, limit, _) = rows::terms_columns(terms);
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

/// A change of stock that nothing about the stock stands in the way of.
enum Planned {
    Nothing,
    /// It was made before.
    Earlier,
    /// The row that the ledger gets.
    Row {
        kind: &'static str,
        delta: i64,
        id: ReservationId,
    },
}

/// What a change of stock comes to, or why it cannot be made. Writes nothing.
fn plan(txn: &mut Transaction<'_>, stock: Stock, change: &StockChange) -> QueryResult<Result<Planned, ChangeOutcome>> {
    match change {
        StockChange::None => Ok(Ok(Planned::Nothing)),
        StockChange::Add { id, units } => {
            let delta = i64::from(units.get());
            Ok(match rows::settled(txn.conn, *id)? {
                Some(row) if row.kind == kind::ADJUSTMENT => Ok(Planned::Earlier),
                _ if Units::new(stock.total + delta).is_err() => Err(ChangeOutcome::TooMuch),
                _ => Ok(Planned::Row { kind: kind::ADJUSTMENT, delta, id: *id }),
            })
        }
        StockChange::Withdraw(Withdrawal { reservation, epoch, units }) => {
            let units = i64::from(units.get());
            Ok(match rows::settled(txn.conn, *reservation)? {
                Some(settled) if settled.kind == kind::WITHDRAWN => Ok(Planned::Earlier),
                Some(_) => Err(ChangeOutcome::Void),
                None if epoch.0 != stock.epoch => Err(ChangeOutcome::Fenced),
                None if units > stock.total => Err(ChangeOutcome::NoStock),
                None => Ok(Planned::Row { kind: kind::WITHDRAWN, delta: -units, id: *reservation }),
            })
        }
    }
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
