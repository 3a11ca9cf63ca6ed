//! `create_product`: a new product and its allotment.

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{BigInt, Integer, Text, Timestamptz};
use flashdeal_domain::Product;
use uuid::Uuid;

use super::function_call;
use crate::rows::{cents_column, time_column, units_column};

/// The product to create.
#[derive(Clone)]
pub(crate) struct CreateProduct {
    id: Uuid,
    name: String,
    description: String,
    price_cents: i64,
    total_stock: i32,
    created_at: PgTimestamp,
}

function_call! {
    CreateProduct as CreateProductId:
    SELECT "id, name, description, price_cents, total_stock, version, epoch, created_at" FROM "create_product" (
        id: diesel::sql_types::Uuid,
        name: Text,
        description: Text,
        price_cents: BigInt,
        total_stock: Integer,
        created_at: Timestamptz,
    )
    RETURNS (diesel::sql_types::Uuid, Text, Text, BigInt, Integer, BigInt, BigInt, Timestamptz)
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
        }
    }
}
