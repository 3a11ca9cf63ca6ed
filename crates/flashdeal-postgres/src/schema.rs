//! The tables as diesel sees them. `migrations/postgres` says what they mean.

diesel::table! {
    products (id) {
        id -> Uuid,
        name -> Text,
        description -> Text,
        price_cents -> BigInt,
        total_stock -> Integer,
        version -> BigInt,
        epoch -> BigInt,
        created_at -> Timestamptz,
        starts_at -> Nullable<Timestamptz>,
        ends_at -> Nullable<Timestamptz>,
        max_per_reservation -> Nullable<Integer>,
        queued -> Bool,
    }
}

diesel::table! {
    waiting_list (product_id, place) {
        product_id -> Uuid,
        place -> BigInt,
        user_id -> Text,
        quantity -> Integer,
        reservation_id -> Uuid,
        joined_at -> Timestamptz,
    }
}

diesel::table! {
    stock_ledger (entry) {
        entry -> BigInt,
        product_id -> Uuid,
        kind -> Text,
        delta -> Integer,
        reservation_id -> Nullable<Uuid>,
        order_id -> Nullable<Uuid>,
        user_id -> Nullable<Text>,
        quantity -> Nullable<Integer>,
        unit_price_cents -> Nullable<BigInt>,
        idempotency_key -> Nullable<Text>,
        idempotency_named -> Nullable<Uuid>,
        at -> Timestamptz,
    }
}
