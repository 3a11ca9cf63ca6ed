//! `commit_batch`: sells holds.

use diesel::Queryable;
use diesel::data_types::PgTimestamp;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Timestamptz};
use flashdeal_domain::ports::{Commit, Sale};
use flashdeal_domain::{Order, StoreError};
use uuid::Uuid;

use super::function_call;
use crate::error::failed;
use crate::rows::{KeyText, OrderColumns, UserText, price, state, time, units_column};

/// The sales of one batch, column by column.
#[derive(Clone, Default)]
pub(crate) struct CommitBatch {
    products: Vec<Uuid>,
    reservations: Vec<Uuid>,
    orders: Vec<Uuid>,
    epochs: Vec<i64>,
    quantities: Vec<i32>,
    users: Vec<UserText>,
    keys: Vec<Option<KeyText>>,
    named: Vec<Option<Uuid>>,
}

function_call! {
    CommitBatch as CommitBatchId:
    SELECT "outcome, epoch, version, total, unit_price_cents, sold_at, order_id, user_id, quantity, starts_at, ends_at,
        max_per_reservation, queued" FROM "commit_batch" (
        products: Array<diesel::sql_types::Uuid>,
        reservations: Array<diesel::sql_types::Uuid>,
        orders: Array<diesel::sql_types::Uuid>,
        epochs: Array<BigInt>,
        quantities: Array<Integer>,
        users: Array<Text>,
        keys: Array<Nullable<Text>>,
        named: Array<Nullable<diesel::sql_types::Uuid>>,
    )
    RETURNS (
        Text,
        Nullable<BigInt>,
        Nullable<BigInt>,
        Nullable<Integer>,
        Nullable<BigInt>,
        Nullable<Timestamptz>,
        Nullable<diesel::sql_types::Uuid>,
        Nullable<Text>,
        Nullable<Integer>,
        Nullable<Timestamptz>,
        Nullable<Timestamptz>,
        Nullable<Integer>,
        Nullable<Bool>,
    )
}

impl<'a> FromIterator<&'a Sale> for CommitBatch {
    fn from_iter<T: IntoIterator<Item = &'a Sale>>(sales: T) -> Self {
        let mut batch = Self::default();
        for sale in sales {
            batch.products.push(*sale.product.as_uuid());
            batch.reservations.push(*sale.reservation.as_uuid());
            batch.orders.push(*sale.order.as_uuid());
            batch.epochs.push(sale.epoch.0);
            batch.quantities.push(units_column(sale.quantity));
            batch.users.push(UserText(sale.user.clone()));
            let key = sale.key.as_ref();
            batch.keys.push(key.map(|key| KeyText(key.key.clone())));
            batch.named.push(key.and_then(|key| key.named).map(|named| *named.as_uuid()));
        }
        batch
    }
}

/// The answer to one sale.
#[derive(Debug, Queryable)]
pub(crate) struct CommitRow {
    outcome: String,
    epoch: Option<i64>,
    version: Option<i64>,
    total: Option<i32>,
    unit_price_cents: Option<i64>,
    sold_at: Option<PgTimestamp>,
    order_id: Option<Uuid>,
    user_id: Option<String>,
    quantity: Option<i32>,
    starts_at: Option<PgTimestamp>,
    ends_at: Option<PgTimestamp>,
    max_per_reservation: Option<i32>,
    queued: Option<bool>,
}

impl CommitRow {
    /// The answer in the port's words.
    pub(crate) fn read(self, sale: &Sale) -> Result<Commit, StoreError> {
        let terms = (self.starts_at, self.ends_at, self.max_per_reservation, self.queued.unwrap_or(false));
        let record = || state(self.epoch, self.version, self.total, terms);
        Ok(match self.outcome.as_str() {
            "sold" => {
                let record = record()?;
                let order = Order {
                    id: sale.order,
                    reservation: sale.reservation,
                    product: sale.product,
                    user: sale.user.clone(),
                    quantity: sale.quantity,
                    unit_price: price(self.unit_price_cents)?,
                    created_at: time(self.sold_at)?,
                };
                Commit::Sold { order, earlier: false, record }
            }
            "sold_earlier" => {
                let record = record()?;
                let order = OrderColumns {
                    order_id: self.order_id,
                    reservation_id: Some(*sale.reservation.as_uuid()),
                    product_id: Some(*sale.product.as_uuid()),
                    user_id: self.user_id,
                    quantity: self.quantity,
                    unit_price_cents: self.unit_price_cents,
                    at: self.sold_at,
                };
                Commit::Sold { order: order.read()?, earlier: true, record }
            }
            "void" => Commit::Void,
            "fenced" => Commit::Fenced,
            "no_stock" => Commit::NoStock { record: record()? },
            "key_reused" => Commit::KeyReused,
            "unknown_product" => Commit::UnknownProduct,
            other => return Err(failed(format!("commit_batch answered {other:?}"))),
        })
    }
}
