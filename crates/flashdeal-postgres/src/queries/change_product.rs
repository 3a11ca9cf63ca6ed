//! `change_product`: fields and stock of a product.

use diesel::Queryable;
use diesel::data_types::PgTimestamp;
use diesel::sql_types::{BigInt, Integer, Nullable, Text, Timestamptz};
use flashdeal_domain::ports::{Change, ChangeOutcome, StockChange};
use flashdeal_domain::{ProductId, StoreError};
use uuid::Uuid;

use super::function_call;
use crate::error::failed;
use crate::rows::{ProductRow, cents_column, units_column};

/// The change to make.
#[derive(Clone, Default)]
pub(crate) struct ChangeProduct {
    id: Uuid,
    name: Option<String>,
    description: Option<String>,
    price_cents: Option<i64>,
    increase: Option<Uuid>,
    increase_units: Option<i32>,
    decrease: Option<Uuid>,
    decrease_epoch: Option<i64>,
    decrease_units: Option<i32>,
}

function_call! {
    ChangeProduct as ChangeProductId:
    SELECT "outcome, (product).id, (product).name, (product).description, (product).price_cents,
        (product).total_stock, (product).version, (product).epoch, (product).created_at" FROM "change_product" (
        id: diesel::sql_types::Uuid,
        name: Nullable<Text>,
        description: Nullable<Text>,
        price_cents: Nullable<BigInt>,
        increase: Nullable<diesel::sql_types::Uuid>,
        increase_units: Nullable<Integer>,
        decrease: Nullable<diesel::sql_types::Uuid>,
        decrease_epoch: Nullable<BigInt>,
        decrease_units: Nullable<Integer>,
    )
    RETURNS (
        Text,
        Nullable<diesel::sql_types::Uuid>,
        Nullable<Text>,
        Nullable<Text>,
        Nullable<BigInt>,
        Nullable<Integer>,
        Nullable<BigInt>,
        Nullable<BigInt>,
        Nullable<Timestamptz>,
    )
}

impl ChangeProduct {
    pub(crate) fn new(id: ProductId, change: &Change) -> Self {
        let mut query = Self {
            id: *id.as_uuid(),
            name: change.name.as_ref().map(|name| name.as_str().to_owned()),
            description: change.description.as_ref().map(|description| description.as_str().to_owned()),
            price_cents: change.price.map(cents_column),
            ..Self::default()
        };
        match &change.stock {
            StockChange::None => {}
            StockChange::Add { id, units } => {
                query.increase = Some(*id.as_uuid());
                query.increase_units = Some(units_column(*units));
            }
            StockChange::Withdraw(withdrawal) => {
                query.decrease = Some(*withdrawal.reservation.as_uuid());
                query.decrease_epoch = Some(withdrawal.epoch.0);
                query.decrease_units = Some(units_column(withdrawal.units));
            }
        }
        query
    }
}

/// What became of a change.
#[derive(Debug, Queryable)]
pub(crate) struct ChangeRow {
    outcome: String,
    id: Option<Uuid>,
    name: Option<String>,
    description: Option<String>,
    price_cents: Option<i64>,
    total_stock: Option<i32>,
    version: Option<i64>,
    epoch: Option<i64>,
    created_at: Option<PgTimestamp>,
}

impl ChangeRow {
    /// The answer in the port's words.
    pub(crate) fn read(self) -> Result<ChangeOutcome, StoreError> {
        match self.outcome.as_str() {
            "changed" => {
                let product = self.product().ok_or_else(|| failed("change_product left the product out"))?;
                let state = product.state()?;
                Ok(ChangeOutcome::Changed(product.read()?, state))
            }
            "unknown_product" => Ok(ChangeOutcome::UnknownProduct),
            "fenced" => Ok(ChangeOutcome::Fenced),
            "void" => Ok(ChangeOutcome::Void),
            "no_stock" => Ok(ChangeOutcome::NoStock),
            "too_much" => Ok(ChangeOutcome::TooMuch),
            other => Err(failed(format!("change_product answered {other:?}"))),
        }
    }

    fn product(self) -> Option<ProductRow> {
        Some(ProductRow {
            id: self.id?,
            name: self.name?,
            description: self.description?,
            price_cents: self.price_cents?,
            total_stock: self.total_stock?,
            version: self.version?,
            epoch: self.epoch?,
            created_at: self.created_at?,
        })
    }
}
