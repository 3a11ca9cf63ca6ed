//! Columns into the domain's types and back.

use diesel::data_types::PgTimestamp;
use diesel::dsl::Nullable;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Text;
use flashdeal_domain::ports::Settlement;
use flashdeal_domain::{
    Description, Epoch, IdempotencyKey, Invalid, Order, OrderId, Price, Product, ProductId, ProductName, Quantity,
    RecordState, ReservationId, StoreError, Terms, Timestamp, Units, UserId, Version,
};
use uuid::Uuid;

use crate::error::failed;
use crate::schema::{products, stock_ledger};

/// Milliseconds from 1970, where timestamps begin, to 2000, where PostgreSQL's do.
const POSTGRES_BEGINS_AT: i64 = 946_684_800_000;

/// A row of `products`.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = products, check_for_backend(diesel::pg::Pg))]
pub(crate) struct ProductRow {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) price_cents: i64,
    pub(crate) total_stock: i32,
    pub(crate) version: i64,
    pub(crate) epoch: i64,
    pub(crate) created_at: PgTimestamp,
    pub(crate) starts_at: Option<PgTimestamp>,
    pub(crate) ends_at: Option<PgTimestamp>,
    pub(crate) max_per_reservation: Option<i32>,
    pub(crate) queued: bool,
}

impl ProductRow {
    pub(crate) fn read(self) -> Result<Product, StoreError> {
        Ok(Product {
            id: ProductId::from_uuid(self.id),
            name: ProductName::parse(&self.name).map_err(corrupt("products.name"))?,
            description: Description::parse(&self.description).map_err(corrupt("products.description"))?,
            price: price(Some(self.price_cents))?,
            total_stock: units(self.total_stock)?,
            terms: terms(self.terms_columns())?,
            created_at: time(Some(self.created_at))?,
        })
    }

    pub(crate) fn state(&self) -> Result<RecordState, StoreError> {
        state(Some(self.epoch), Some(self.version), Some(self.total_stock), self.terms_columns())
    }

    const fn terms_columns(&self) -> TermsColumns {
        (self.starts_at, self.ends_at, self.max_per_reservation, self.queued)
    }
}

/// The columns of `stock_ledger` that make an order, in the order of [`order_columns`]. All are there in a row of kind `sold`.
#[derive(Debug, Queryable)]
pub(crate) struct OrderColumns {
    pub(crate) order_id: Option<Uuid>,
    pub(crate) reservation_id: Option<Uuid>,
    pub(crate) product_id: Option<Uuid>,
    pub(crate) user_id: Option<String>,
    pub(crate) quantity: Option<i32>,
    pub(crate) unit_price_cents: Option<i64>,
    pub(crate) at: Option<PgTimestamp>,
}

impl OrderColumns {
    pub(crate) fn read(self) -> Result<Order, StoreError> {
        Ok(Order {
            id: OrderId::from_uuid(there(self.order_id)?),
            reservation: ReservationId::from_uuid(there(self.reservation_id)?),
            product: ProductId::from_uuid(there(self.product_id)?),
            user: UserId::from_store(&there(self.user_id)?),
            quantity: units(there(self.quantity)?)?,
            unit_price: price(self.unit_price_cents)?,
            created_at: time(self.at)?,
        })
    }
}

/// A user's id as a column, without copying it.
#[derive(Debug, Clone)]
pub(crate) struct UserText(pub(crate) UserId);

impl ToSql<Text, Pg> for UserText {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        ToSql::<Text, Pg>::to_sql(self.0.as_str(), out)
    }
}

/// An idempotency key as a column, without copying it.
#[derive(Debug, Clone)]
pub(crate) struct KeyText(pub(crate) IdempotencyKey);

impl ToSql<Text, Pg> for KeyText {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        ToSql::<Text, Pg>::to_sql(self.0.as_str(), out)
    }
}

/// What to select for [`OrderColumns`].
pub(crate) fn order_columns() -> (
    stock_ledger::order_id,
    stock_ledger::reservation_id,
    Nullable<stock_ledger::product_id>,
    stock_ledger::user_id,
    stock_ledger::quantity,
    stock_ledger::unit_price_cents,
    Nullable<stock_ledger::at>,
) {
    (
        stock_ledger::order_id,
        stock_ledger::reservation_id,
        stock_ledger::product_id.nullable(),
        stock_ledger::user_id,
        stock_ledger::quantity,
        stock_ledger::unit_price_cents,
        stock_ledger::at.nullable(),
    )
}

/// How a row of this kind settles its reservation; `None` if it does not.
pub(crate) fn settlement(kind: &str, order: OrderColumns) -> Result<Option<Settlement>, StoreError> {
    Ok(match kind {
        "sold" => Some(Settlement::Sold(order.read()?)),
        "void" => Some(Settlement::Void),
        "withdrawn" => Some(Settlement::Withdrawn),
        _ => None,
    })
}

/// What the record says of a product's stock and terms.
pub(crate) fn state(
    epoch: Option<i64>,
    version: Option<i64>,
    total: Option<i32>,
    columns: TermsColumns,
) -> Result<RecordState, StoreError> {
    Ok(RecordState {
        epoch: Epoch(there(epoch)?),
        version: Version(there(version)?),
        total: units(there(total)?)?,
        terms: terms(columns)?,
    })
}

/// The terms of a sale as columns: start, end, limit (null: no such term), and whether somebody waits.
pub(crate) type TermsColumns = (Option<PgTimestamp>, Option<PgTimestamp>, Option<i32>, bool);

/// What to select for [`TermsColumns`].
pub(crate) const TERMS: (products::starts_at, products::ends_at, products::max_per_reservation, products::queued) =
    (products::starts_at, products::ends_at, products::max_per_reservation, products::queued);

fn terms((starts_at, ends_at, max_per_reservation, queued): TermsColumns) -> Result<Terms, StoreError> {
    let instant = |column: Option<PgTimestamp>| column.map(|column| time(Some(column))).transpose();
    let limit = max_per_reservation.map(Quantity::new).transpose().map_err(corrupt("products.max_per_reservation"))?;
    let terms = Terms::new(instant(starts_at)?, instant(ends_at)?, limit).map_err(corrupt("products.ends_at"))?;
    Ok(terms.with_queue(queued))
}

/// A limit as a column. It is at most 10^6, so it always fits.
pub(crate) fn limit_column(limit: Quantity) -> i32 {
    i32::try_from(limit.get()).unwrap_or(i32::MAX)
}

/// Units as a column. They are at most 10^9, so they always fit.
pub(crate) fn units_column(units: Units) -> i32 {
    i32::try_from(units.get()).unwrap_or(i32::MAX)
}

/// A price as a column. It is below 10^12, so it always fits.
pub(crate) fn cents_column(price: Price) -> i64 {
    i64::try_from(price.cents()).unwrap_or(i64::MAX)
}

/// An instant as a column.
pub(crate) fn time_column(time: Timestamp) -> PgTimestamp {
    PgTimestamp(time.as_millis().saturating_sub(POSTGRES_BEGINS_AT).saturating_mul(1000))
}

/// A price that must be there.
pub(crate) fn price(cents: Option<i64>) -> Result<Price, StoreError> {
    Price::from_cents(there(cents)?).map_err(corrupt("a price"))
}

/// An instant that must be there.
pub(crate) fn time(column: Option<PgTimestamp>) -> Result<Timestamp, StoreError> {
    let PgTimestamp(micros) = there(column)?;
    Ok(Timestamp::from_millis(micros.div_euclid(1000).saturating_add(POSTGRES_BEGINS_AT)))
}

/// A column that is null in other answers, but not in one like this.
pub(crate) fn there<T>(column: Option<T>) -> Result<T, StoreError> {
    column.ok_or_else(|| failed("a column was left out of an answer"))
}

fn units(units: i32) -> Result<Units, StoreError> {
    Units::new(units).map_err(corrupt("a number of units"))
}

/// The database's checks keep every bound of the domain, so this is somebody else's write.
pub(crate) fn corrupt(what: &'static str) -> impl Fn(Invalid) -> StoreError {
    move |invalid| failed(format!("{what} in the database {invalid}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_survive_the_way_there_and_back() {
        for millis in [0, 1, -1, 946_684_799_999, 946_684_800_000, 1_795_348_800_007] {
            let instant = Timestamp::from_millis(millis);
            assert_eq!(time(Some(time_column(instant))).unwrap(), instant);
        }
        assert_eq!(time_column(Timestamp::from_millis(946_684_800_001)).0, 1000);
    }
}
