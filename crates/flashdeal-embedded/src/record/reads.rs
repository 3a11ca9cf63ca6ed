//! What is read of the record.

use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use flashdeal_domain::ports::{KeyedOrder, Settlement};
use flashdeal_domain::{
    Epoch, IdempotencyKey, Order, OrderFilter, OrderId, Page, PageRequest, Product, ProductId, RecordState,
    ReservationId, Units, UserId, Version,
};
use uuid::Uuid;

use super::rows::{self, Settled, bad, bytes, kind};
use crate::schema::{orders, products};

/// Above every id: blobs compare byte by byte, and the longer one is the greater.
const ABOVE_ALL: [u8; 17] = [u8::MAX; 17];

fn bound(after: Option<&Uuid>) -> Vec<u8> {
    after.map_or_else(|| ABOVE_ALL.to_vec(), |id| id.as_bytes().to_vec())
}

/// A page of `rows`, of which one more was read than the page may have, if there are that many.
fn page<T, Id>(mut rows: Vec<T>, size: usize, id: impl Fn(&T) -> Id) -> Page<T, Id> {
    let more = rows.len() > size;
    rows.truncate(size);
    let next = rows.last().filter(|_| more).map(id);
    Page { items: rows, next }
}

pub(super) fn products(
    conn: &mut SqliteConnection,
    request: PageRequest<ProductId>,
) -> QueryResult<Page<Product, ProductId>> {
    let rows = products::table
        .filter(products::id.lt(bound(request.after.as_ref().map(ProductId::as_uuid))))
        .order(products::id.desc())
        .limit(i64::from(request.size.get()) + 1)
        .load::<rows::ProductRow>(conn)?;
    let items = rows.into_iter().map(rows::product_of).collect::<QueryResult<_>>()?;
    Ok(page(items, usize::from(request.size.get()), |product: &Product| product.id))
}

pub(super) fn orders(
    conn: &mut SqliteConnection,
    of: &OrderFilter,
    request: PageRequest<OrderId>,
) -> QueryResult<Page<Order, OrderId>> {
    let before = bound(request.after.as_ref().map(OrderId::as_uuid));
    let mut newest = orders::table.filter(orders::id.lt(before)).order(orders::id.desc()).into_boxed();
    if let Some(user) = &of.user {
        newest = newest.filter(orders::user_id.eq(user.as_str()));
    }
    if let Some(product) = &of.product {
        newest = newest.filter(orders::product.eq(bytes(product.as_uuid())));
    }
    let rows = newest.limit(i64::from(request.size.get()) + 1).load::<rows::OrderRow>(conn)?;
    Ok(page(orders_of(rows)?, usize::from(request.size.get()), |order: &Order| order.id))
}

/// From the oldest on.
pub(super) fn orders_after(
    conn: &mut SqliteConnection,
    product: Option<ProductId>,
    after: Option<OrderId>,
    limit: i64,
) -> QueryResult<Vec<Order>> {
    // No bytes at all are below every id.
    let after = after.map_or_else(Vec::new, |id| id.as_uuid().as_bytes().to_vec());
    let mut oldest = orders::table.filter(orders::id.gt(after)).order(orders::id.asc()).into_boxed();
    if let Some(product) = &product {
        oldest = oldest.filter(orders::product.eq(bytes(product.as_uuid())));
    }
    orders_of(oldest.limit(limit).load::<rows::OrderRow>(conn)?)
}

fn orders_of(rows: Vec<rows::OrderRow>) -> QueryResult<Vec<Order>> {
    rows.into_iter().map(|row| rows::order_of(row).map(|keyed| keyed.order)).collect()
}

pub(super) fn keyed_order(
    conn: &mut SqliteConnection,
    product: ProductId,
    user: &UserId,
    key: &IdempotencyKey,
) -> QueryResult<Option<KeyedOrder>> {
    let row = orders::table
        .filter(orders::product.eq(bytes(product.as_uuid())))
        .filter(orders::user_id.eq(user.as_str()))
        .filter(orders::key.eq(key.as_str()))
        .get_result::<rows::OrderRow>(conn)
        .optional()?;
    row.map(rows::order_of).transpose()
}

pub(super) fn settlement(
    conn: &mut SqliteConnection,
    product: ProductId,
    reservation: ReservationId,
) -> QueryResult<Option<Settlement>> {
    match rows::settled(conn, reservation)? {
        Some(settled) if settled.product == product => settlement_of(conn, settled).map(Some),
        _ => Ok(None),
    }
}

pub(super) fn settlement_of(conn: &mut SqliteConnection, settled: Settled) -> QueryResult<Settlement> {
    let sold = (settled.kind == kind::SOLD).then_some(settled.order).flatten();
    Ok(match sold {
        Some(order) => Settlement::Sold(rows::order(conn, &order)?.ok_or(diesel::result::Error::NotFound)?),
        None if settled.kind == kind::WITHDRAWN => Settlement::Withdrawn,
        None => Settlement::Void,
    })
}

pub(super) fn state(conn: &mut SqliteConnection, product: ProductId) -> QueryResult<Option<RecordState>> {
    let row = products::table
        .find(bytes(product.as_uuid()))
        .select((products::epoch, products::version, products::total_stock, rows::TERMS))
        .get_result::<(i64, i64, i64, rows::TermsColumns)>(conn)
        .optional()?;
    let Some((epoch, version, total, terms)) = row else { return Ok(None) };
    let total = Units::new(total).map_err(bad)?;
    Ok(Some(RecordState { epoch: Epoch(epoch), version: Version(version), total, terms: rows::terms_of(terms)? }))
}
