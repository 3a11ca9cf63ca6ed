//! Sales and voids: what settles a reservation.

use diesel::prelude::*;
use flashdeal_domain::ports::{Commit, Sale, Settlement};
use flashdeal_domain::{Order, Price, ProductId, ReservationId, Timestamp, UserId};

use super::rows::{self, Settled, bad, bytes, kind};
use super::transaction::{Settled as Out, Stock, Transaction};
use crate::schema::{orders, stock_ledger};

/// Sells a hold once, or says why not. The hold's row goes in the same transaction.
pub(super) fn commit(txn: &mut Transaction<'_>, sale: &Sale, hold: Option<i64>) -> QueryResult<(Commit, Out)> {
    let Some(stock) = txn.stock(sale.product)? else { return Ok((Commit::UnknownProduct, Out::default())) };
    let fits = stock.epoch == sale.epoch.0 && i64::from(sale.quantity.get()) <= stock.total;
    // Mostly nothing stands against a sale: then the ledger's unique key says so, and nothing has to be read.
    if (!fits || sale.key.is_some())
        && let Some(refusal) = refusal(txn, sale, stock)?
    {
        return Ok((refusal, Out::default()));
    }
    if !write_ledger(txn, sale)? {
        let refusal = refusal(txn, sale, stock)?;
        return Ok((refusal.unwrap_or(Commit::Void), Out::default()));
    }
    write_order(txn, sale, stock)?;
    let stock = Stock { total: stock.total - i64::from(sale.quantity.get()), version: stock.version + 1, ..stock };
    txn.set_stock(sale.product, stock);
    let order = Order {
        id: sale.order,
        reservation: sale.reservation,
        product: sale.product,
        user: sale.user.clone(),
        quantity: sale.quantity,
        unit_price: Price::from_cents(stock.price).map_err(bad)?,
        created_at: Timestamp::from_millis(txn.now),
    };
    let record = stock.state()?;
    let out = Out { taken_out: txn.take_out(hold)?, record: Some(record) };
    Ok((Commit::Sold { order, earlier: false, record }, out))
}

/// Why a sale cannot be, in the order that the port says; `None` if it can.
fn refusal(txn: &mut Transaction<'_>, sale: &Sale, stock: Stock) -> QueryResult<Option<Commit>> {
    if let Some(settled) = rows::settled(txn.conn, sale.reservation)? {
        let theirs = settled.product == sale.product;
        return Ok(Some(match settlement(txn, settled)? {
            Settlement::Sold(order) if theirs => Commit::Sold { order, earlier: true, record: stock.state()? },
            _ => Commit::Void,
        }));
    }
    if let Some(key) = &sale.key {
        let used = orders::table
            .filter(orders::product.eq(bytes(sale.product.as_uuid())))
            .filter(orders::user_id.eq(sale.user.as_str()))
            .filter(orders::key.eq(key.key.as_str()));
        if diesel::select(diesel::dsl::exists(used)).get_result(txn.conn)? {
            return Ok(Some(Commit::KeyReused));
        }
    }
    if stock.epoch != sale.epoch.0 {
        return Ok(Some(Commit::Fenced));
    }
    if i64::from(sale.quantity.get()) > stock.total {
        return Ok(Some(Commit::NoStock { record: stock.state()? }));
    }
    Ok(None)
}

/// Whether the reservation was still to be settled.
fn write_ledger(txn: &mut Transaction<'_>, sale: &Sale) -> QueryResult<bool> {
    diesel::insert_into(stock_ledger::table)
        .values((
            stock_ledger::product.eq(bytes(sale.product.as_uuid())),
            stock_ledger::kind.eq(kind::SOLD),
            stock_ledger::delta.eq(-i64::from(sale.quantity.get())),
            stock_ledger::reservation.eq(bytes(sale.reservation.as_uuid())),
            stock_ledger::user_id.eq(sale.user.as_str()),
            stock_ledger::order_id.eq(bytes(sale.order.as_uuid())),
            stock_ledger::created_at.eq(txn.now),
        ))
        .on_conflict(stock_ledger::reservation)
        .do_nothing()
        .execute(txn.conn)
        .map(|rows| rows == 1)
}

fn write_order(txn: &mut Transaction<'_>, sale: &Sale, stock: Stock) -> QueryResult<()> {
    let named = sale.key.as_ref().and_then(|key| key.named);
    diesel::insert_into(orders::table)
        .values((
            orders::id.eq(bytes(sale.order.as_uuid())),
            orders::reservation.eq(bytes(sale.reservation.as_uuid())),
            orders::product.eq(bytes(sale.product.as_uuid())),
            orders::user_id.eq(sale.user.as_str()),
            orders::quantity.eq(i64::from(sale.quantity.get())),
            orders::unit_price.eq(stock.price),
            orders::created_at.eq(txn.now),
            orders::key.eq(sale.key.as_ref().map(|key| key.key.as_str())),
            orders::key_named.eq(named.as_ref().map(|named| bytes(named.as_uuid()))),
        ))
        .execute(txn.conn)
        .map(drop)
}

/// Voids a reservation that is not settled; how it is settled now. The hold's row goes too.
pub(super) fn void(
    txn: &mut Transaction<'_>,
    product: ProductId,
    reservation: ReservationId,
    user: &UserId,
    hold: Option<i64>,
) -> QueryResult<(Option<Settlement>, Out)> {
    if txn.stock(product)?.is_none() {
        return Ok((None, Out::default()));
    }
    if let Some(settled) = rows::settled(txn.conn, reservation)? {
        return Ok((Some(settlement(txn, settled)?), Out::default()));
    }
    diesel::insert_into(stock_ledger::table)
        .values((
            stock_ledger::product.eq(bytes(product.as_uuid())),
            stock_ledger::kind.eq(kind::VOID),
            stock_ledger::delta.eq(0_i64),
            stock_ledger::reservation.eq(bytes(reservation.as_uuid())),
            stock_ledger::user_id.eq(user.as_str()),
            stock_ledger::created_at.eq(txn.now),
        ))
        .execute(txn.conn)?;
    let out = Out { taken_out: txn.take_out(hold)?, record: None };
    Ok((Some(Settlement::Void), out))
}

fn settlement(txn: &mut Transaction<'_>, settled: Settled) -> QueryResult<Settlement> {
    super::reads::settlement_of(txn.conn, settled)
}
