//! The tables of `migrations/sqlite`, as diesel sees them.

diesel::table! {
    products (id) {
        id -> Binary,
        name -> Text,
        price -> BigInt,
        total_stock -> BigInt,
        version -> BigInt,
        epoch -> BigInt,
        created_at -> BigInt,
        description -> Text,
        starts_at -> Nullable<BigInt>,
        ends_at -> Nullable<BigInt>,
        max_per_reservation -> Nullable<BigInt>,
        queued -> Bool,
    }
}

diesel::table! {
    waiting_list (product, place) {
        product -> Binary,
        place -> BigInt,
        user_id -> Text,
        quantity -> BigInt,
        reservation -> Binary,
        joined_at -> BigInt,
    }
}

diesel::table! {
    stock_ledger (id) {
        id -> BigInt,
        product -> Binary,
        kind -> Text,
        delta -> BigInt,
        reservation -> Nullable<Binary>,
        user_id -> Nullable<Text>,
        order_id -> Nullable<Binary>,
        created_at -> BigInt,
    }
}

diesel::table! {
    orders (id) {
        id -> Binary,
        reservation -> Binary,
        product -> Binary,
        user_id -> Text,
        quantity -> BigInt,
        unit_price -> BigInt,
        created_at -> BigInt,
        key -> Nullable<Text>,
        key_named -> Nullable<Binary>,
    }
}

diesel::table! {
    order_readers (reader) {
        reader -> Text,
        position -> BigInt,
        moved_at -> BigInt,
        failure -> Nullable<Text>,
        failed_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    gates (product) {
        product -> Binary,
        epoch -> BigInt,
        version -> BigInt,
        total -> BigInt,
        first_hold -> BigInt,
    }
}

diesel::table! {
    holds (id) {
        id -> BigInt,
        product -> Binary,
        user_id -> Text,
        reservation -> Binary,
        quantity -> BigInt,
        deadline -> BigInt,
        ttl -> BigInt,
    }
}

diesel::table! {
    hold_keys (id) {
        id -> BigInt,
        product -> Binary,
        user_id -> Text,
        key -> Text,
        reservation -> Binary,
        quantity -> BigInt,
        deadline -> BigInt,
        ttl -> BigInt,
    }
}

diesel::allow_tables_to_appear_in_same_query!(gates, products);
