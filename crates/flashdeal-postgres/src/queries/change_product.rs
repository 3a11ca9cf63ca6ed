//! `change_product`: fields and stock of a product.

use diesel::Queryable;
use diesel::data_types::PgTimestamp;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text, Timestamptz};
use flashdeal_domain::ports::{Change, ChangeOutcome, StockChange};
use flashdeal_domain::{ProductId, StoreError};
use uuid::Uuid;

use super::function_call;
use crate::error::failed;
use crate::rows::{ProductRow, cents_column, limit_column, time_column, units_column};

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
    sets_starts_at: bool,
    starts_at: Option<PgTimestamp>,
    sets_ends_at: bool,
    ends_at: Option<PgTimestamp>,
    sets_max_per_reservation: bool,
    max_per_reservation: Option<i32>,
}

function_call! {
    ChangeProduct as ChangeProductId:
    SELECT "outcome, (product).id, (product).name, (product).description, (product).price_cents,
        (product).total_stock, (product).version, (product).epoch, (product).created_at, (product).starts_at, (product).ends_at,
        (product).max_per_reservation, (product).queued" FROM "change_product" (
        id: diesel::sql_types::Uuid,
        name: Nullable<Text>,
        description: Nullable<Text>,
        price_cents: Nullable<BigInt>,
        increase: Nullable<diesel::sql_types::Uuid>,
        increase_units: Nullable<Integer>,
        decrease: Nullable<diesel::sql_types::Uuid>,
        decrease_epoch: Nullable<BigInt>,
        decrease_units: Nullable<Integer>,
        sets_starts_at: Bool,
        starts_at: Nullable<Timestamptz>,
        sets_ends_at: Bool,
        ends_at: Nullable<Timestamptz>,
        sets_max_per_reservation: Bool,
        max_per_reservation: Nullable<Integer>,
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
        Nullable<Timestamptz>,
        Nullable<Timestamptz>,
        Nullable<Integer>,
        Nullable<Bool>,
    )
}

impl ChangeProduct {
    pub(crate) fn new(id: ProductId, change: &Change) -> Self {
        let terms = change.terms;
        let mut query = Self {
            id: *id.as_uuid(),
            name: change.name.as_ref().map(|name| name.as_str().to_owned()),
            description: change.description.as_ref().map(|description| description.as_str().to_owned()),
            price_cents: change.price.map(cents_column),
            sets_starts_at: !terms.starts_at.keeps(),
            starts_at: terms.starts_at.apply(None).map(time_column),
            sets_ends_at: !terms.ends_at.keeps(),
            ends_at: terms.ends_at.apply(None).map(time_column),
            sets_max_per_reservation: !terms.max_per_reservation.keeps(),
            max_per_reservation: terms.max_per_reservation.apply(None).map(limit_column),
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
    starts_at: Option<PgTimestamp>,
    ends_at: Option<PgTimestamp>,
    max_per_reservation: Option<i32>,
    queued: Option<bool>,
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
            "end_before_start" => Ok(ChangeOutcome::EndBeforeStart),
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
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            max_per_reservation: self.max_per_reservation,
            queued: self.queued?,
        })
    }
}
