//! Rows of the record, and the domain's types made of them.

use diesel::prelude::*;
use diesel::result::Error;
use diesel::sqlite::SqliteConnection;
use flashdeal_domain::ports::KeyedOrder;
use flashdeal_domain::{
    Description, Invalid, Order, OrderId, Price, Product, ProductId, ProductName, Quantity, ReservationId, Terms,
    Timestamp, Units, UserId,
};
use uuid::Uuid;

use crate::schema::{orders, products, stock_ledger};

/// The kinds of the ledger's rows.
pub(super) mod kind {
    pub(in crate::record) const ALLOTMENT: &str = "allotment";
    pub(in crate::record) const SOLD: &str = "sold";
    pub(in crate::record) const VOID: &str = "void";
    pub(in crate::record) const WITHDRAWN: &str = "withdrawn";
    pub(in crate::record) const ADJUSTMENT: &str = "adjustment";
}

/// A value in the file that no writer of ours could have put there.
pub(crate) fn bad(error: Invalid) -> Error {
    Error::DeserializationError(error.into())
}

/// An id as it stands in the file.
pub(crate) fn bytes(id: &Uuid) -> &[u8] {
    id.as_bytes()
}

/// An id out of the file.
pub(crate) fn id(bytes: &[u8]) -> QueryResult<Uuid> {
    Uuid::from_slice(bytes).map_err(|error| Error::DeserializationError(error.into()))
}

/// The terms as columns: start, end, limit, and whether somebody waits.
pub(crate) type TermsColumns = (Option<i64>, Option<i64>, Option<i64>, bool);

/// What to select for [`TermsColumns`].
pub(crate) const TERMS: (products::starts_at, products::ends_at, products::max_per_reservation, products::queued) =
    (products::starts_at, products::ends_at, products::max_per_reservation, products::queued);

pub(crate) fn terms_of((starts_at, ends_at, max_per_reservation, queued): TermsColumns) -> QueryResult<Terms> {
    let limit = max_per_reservation.map(Quantity::new).transpose().map_err(bad)?;
    let (starts_at, ends_at) = (starts_at.map(Timestamp::from_millis), ends_at.map(Timestamp::from_millis));
    Ok(Terms::new(starts_at, ends_at, limit).map_err(bad)?.with_queue(queued))
}

/// The terms as the columns have them.
pub(super) fn terms_columns(terms: Terms) -> TermsColumns {
    let millis = |instant: Option<Timestamp>| instant.map(Timestamp::as_millis);
    let limit = terms.max_per_reservation().map(|limit| i64::from(limit.get()));
    (millis(terms.starts_at()), millis(terms.ends_at()), limit, terms.queued())
}

pub(super) type ProductRow =
    (Vec<u8>, String, i64, i64, i64, i64, i64, String, Option<i64>, Option<i64>, Option<i64>, bool);

pub(super) fn product(conn: &mut SqliteConnection, id: ProductId) -> QueryResult<Option<Product>> {
    let row = products::table.find(bytes(id.as_uuid())).get_result::<ProductRow>(conn).optional()?;
    row.map(product_of).transpose()
}

pub(super) fn product_of(row: ProductRow) -> QueryResult<Product> {
    let (product, name, price, total_stock, _version, _epoch, created_at, description, start, end, limit, queued) = row;
    Ok(Product {
        id: ProductId::from_uuid(id(&product)?),
        name: ProductName::parse(&name).map_err(bad)?,
        description: Description::parse(&description).map_err(bad)?,
        price: Price::from_cents(price).map_err(bad)?,
        total_stock: Units::new(total_stock).map_err(bad)?,
        terms: terms_of((start, end, limit, queued))?,
        created_at: Timestamp::from_millis(created_at),
    })
}

pub(super) type OrderRow = (Vec<u8>, Vec<u8>, Vec<u8>, String, i64, i64, i64, Option<String>, Option<Vec<u8>>);

pub(super) fn order(conn: &mut SqliteConnection, id: &[u8]) -> QueryResult<Option<Order>> {
    let row = orders::table.find(id).get_result::<OrderRow>(conn).optional()?;
    Ok(row.map(order_of).transpose()?.map(|keyed| keyed.order))
}

pub(super) fn order_of(row: OrderRow) -> QueryResult<KeyedOrder> {
    let (order, reservation, product, user, quantity, unit_price, created_at, _key, named) = row;
    let order = Order {
        id: OrderId::from_uuid(id(&order)?),
        reservation: ReservationId::from_uuid(id(&reservation)?),
        product: ProductId::from_uuid(id(&product)?),
        user: UserId::from_store(&user),
        quantity: Units::new(quantity).map_err(bad)?,
        unit_price: Price::from_cents(unit_price).map_err(bad)?,
        created_at: Timestamp::from_millis(created_at),
    };
    let named = named.map(|named| id(&named).map(ReservationId::from_uuid)).transpose()?;
    Ok(KeyedOrder { order, named })
}

/// A row of the ledger that settles a reservation.
pub(super) struct Settled {
    pub(super) product: ProductId,
    pub(super) kind: String,
    pub(super) order: Option<Vec<u8>>,
}

/// How a reservation is settled.
pub(super) fn settled(conn: &mut SqliteConnection, reservation: ReservationId) -> QueryResult<Option<Settled>> {
    let row = stock_ledger::table
        .filter(stock_ledger::reservation.eq(bytes(reservation.as_uuid())))
        .select((stock_ledger::product, stock_ledger::kind, stock_ledger::order_id))
        .get_result::<(Vec<u8>, String, Option<Vec<u8>>)>(conn)
        .optional()?;
    let Some((product, kind, order)) = row else { return Ok(None) };
    Ok(Some(Settled { product: ProductId::from_uuid(id(&product)?), kind, order }))
}
