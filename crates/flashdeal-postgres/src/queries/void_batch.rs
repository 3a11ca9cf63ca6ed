//! `void_batch`: settles reservations as void.

use diesel::Queryable;
use diesel::data_types::PgTimestamp;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamptz};
use flashdeal_domain::StoreError;
use flashdeal_domain::ports::Settlement;
use uuid::Uuid;

use super::function_call;
use crate::error::failed;
use crate::rows::{OrderColumns, UserText, settlement};
use crate::voids::Annulment;

/// The reservations of one batch, column by column.
#[derive(Clone, Default)]
pub(crate) struct VoidBatch {
    products: Vec<Uuid>,
    reservations: Vec<Uuid>,
    users: Vec<UserText>,
}

function_call! {
    VoidBatch as VoidBatchId:
    SELECT "outcome, order_id, user_id, quantity, unit_price_cents, sold_at" FROM "void_batch" (
        products: Array<diesel::sql_types::Uuid>,
        reservations: Array<diesel::sql_types::Uuid>,
        users: Array<Text>,
    )
    RETURNS (
        Text,
        Nullable<diesel::sql_types::Uuid>,
        Nullable<Text>,
        Nullable<Integer>,
        Nullable<BigInt>,
        Nullable<Timestamptz>,
    )
}

impl<'a> FromIterator<&'a Annulment> for VoidBatch {
    fn from_iter<T: IntoIterator<Item = &'a Annulment>>(annulments: T) -> Self {
        let mut batch = Self::default();
        for annulment in annulments {
            batch.products.push(*annulment.product.as_uuid());
            batch.reservations.push(*annulment.reservation.as_uuid());
            batch.users.push(UserText(annulment.user.clone()));
        }
        batch
    }
}

/// The answer for one reservation.
#[derive(Debug, Queryable)]
pub(crate) struct VoidRow {
    outcome: String,
    order_id: Option<Uuid>,
    user_id: Option<String>,
    quantity: Option<i32>,
    unit_price_cents: Option<i64>,
    sold_at: Option<PgTimestamp>,
}

impl VoidRow {
    /// The answer in the port's words.
    pub(crate) fn read(self, annulment: &Annulment) -> Result<Option<Settlement>, StoreError> {
        if self.outcome == "unknown_product" {
            return Ok(None);
        }
        let order = OrderColumns {
            order_id: self.order_id,
            reservation_id: Some(*annulment.reservation.as_uuid()),
            product_id: Some(*annulment.product.as_uuid()),
            user_id: self.user_id,
            quantity: self.quantity,
            unit_price_cents: self.unit_price_cents,
            at: self.sold_at,
        };
        match settlement(&self.outcome, order)? {
            Some(settlement) => Ok(Some(settlement)),
            None => Err(failed(format!("void_batch answered {:?}", self.outcome))),
        }
    }
}
