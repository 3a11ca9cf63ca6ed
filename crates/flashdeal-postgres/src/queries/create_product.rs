//! `create_product`: a new product and its allotment.

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text, Timestamptz};
use flashdeal_domain::Product;
use uuid::Uuid;

use super::function_call;
use crate::rows::{cents_column, limit_column, time_column, units_column};

/// The product to create.
#[derive(Clone)]
pub(crate) struct CreateProduct {
    id: Uuid,
    name: String,
    description: String,
    price_cents: i64,
    total_stock: i32,
    created_at: PgTimestamp,
    starts_at: Option<PgTimestamp>,
    ends_at: Option<PgTimestamp>,
    max_per_reservation: Option<i32>,
}

function_call! {
    CreateProduct as CreateProductId:
    SELECT "id, name, description, price_cents, total_stock, version, epoch, created_at, starts_at, ends_at,
        max_per_reservation, queued" FROM "create_product" (
        id: diesel::sql_types::Uuid,
        name: Text,
        description: Text,
        price_cents: BigInt,
        total_stock: Integer,
        created_at: Timestamptz,
        starts_at: Nullable<Timestamptz>,
        ends_at: Nullable<Timestamptz>,
        max_per_reservation: Nullable<Integer>,
    )
    RETURNS (
        diesel::sql_types::Uuid,
        Text,
        Text,
        BigInt,
        Integer,
        BigInt,
        BigInt,
        Timestamptz,
        Nullable<Timestamptz>,
        Nullable<Timestamptz>,
        Nullable<Integer>,
        Bool,
    )
}

impl From<&Product> for CreateProduct {
    fn from(product: &Product) -> Self {
        Self {
            id: *product.id.as_uuid(),
            name: product.name.as_str().to_owned(),
            description: product.description.as_str().to_owned(),
            price_cents: cents_column(product.price),
            total_stock: units_column(product.total_stock),
            created_at: time_column(product.created_at),
            starts_at: product.terms.starts_at().map(time_column),
            ends_at: product.terms.ends_at().map(time_column),
            max_per_reservation: product.terms.max_per_reservation().map(limit_column),
        }
    }
}
