//! Holding units: one hold per user and product, set, read and released.

use std::time::Duration;

use serde_json::json;

use crate::reply::HOLD;
use crate::shop::{Level, Mode, Shop, reserve_path};

cases!(
    a_hold_has_its_fields_and_ends_in_ten_minutes,
    reserving_again_sets_the_quantity,
    a_set_never_extends_the_hold,
    own_units_are_not_counted_against_oneself,
    a_larger_quantity_that_is_not_there_leaves_the_hold_as_it_was,
    a_shortage_says_what_is_available_and_why,
    holds_of_other_users_and_products_are_others,
    a_released_hold_is_gone_and_its_units_are_free,
    the_user_of_a_release_is_in_the_body_or_in_the_query,
    without_a_hold_there_is_none_to_read_release_or_buy,
);

async fn a_hold_has_its_fields_and_ends_in_ten_minutes(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(10).await;
    let before = shop.clock().millis();
    let hold = shop.reserve(&product, "ada", 2).await.is(201).has_exactly(&HOLD);
    let after = shop.clock().millis();

    hold.id("reservationId");
    assert_eq!(hold.id("productId"), product, "{hold}");
    assert_eq!((hold.text("userId"), hold.count("quantity")), ("ada".to_owned(), 2), "{hold}");
    let made = hold.millis("expiresAt") - 600_000;
    assert!((before..=after).contains(&made), "made at {made}, between {before} and {after}\n{hold}");
    let read = shop.hold(&product, "ada").await.is(200);
    assert_eq!(read.json(), hold.json(), "{read}");
}

async fn reserving_again_sets_the_quantity(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(10).await;
    let first = shop.reserve(&product, "ada", 2).await.is(201);
    for quantity in [5, 1, 1, 10, 3] {
        let set = shop.reserve(&product, "ada", quantity).await.is(200).has_exactly(&HOLD);
        assert_eq!(set.count("quantity"), quantity, "{set}");
        for field in ["reservationId", "productId", "userId", "expiresAt"] {
            assert_eq!(set.json()[field], first.json()[field], "{field}: {set}");
        }
        assert_eq!(shop.level(&product).await, Level::of(10, quantity));
        let read = shop.hold(&product, "ada").await.is(200);
        assert_eq!(read.json(), set.json(), "{read}");
    }
}

async fn a_set_never_extends_the_hold(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(10).await;
    let first = shop.reserve(&product, "ada", 2).await.is(201);
    for quantity in [3, 3, 1] {
        shop.advance(Duration::from_mins(3)).await;
        let set = shop.reserve(&product, "ada", quantity).await.is(200);
        assert_eq!(set.json()["expiresAt"], first.json()["expiresAt"], "{set}");
    }
    shop.advance(Duration::from_mins(1)).await;
    let new = shop.reserve(&product, "ada", 1).await.is(201);
    assert_ne!(new.id("reservationId"), first.id("reservationId"), "{new}");
    assert!(new.millis("expiresAt") >= first.millis("expiresAt") + 600_000, "{new}");
}

async fn own_units_are_not_counted_against_oneself(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(10).await;
    shop.reserve(&product, "ada", 6).await.is(201);
    shop.reserve(&product, "ada", 10).await.is(200);
    assert_eq!(shop.level(&product).await, Level::of(10, 10));
    shop.reserve(&product, "ada", 10).await.is(200);
    shop.reserve(&product, "bob", 1).await.refused(409, "insufficient_stock");
    shop.reserve(&product, "ada", 4).await.is(200);
    shop.reserve(&product, "bob", 6).await.is(201);
    shop.reserve(&product, "ada", 5).await.refused(409, "insufficient_stock");
    assert_eq!(shop.level(&product).await, Level::of(10, 10));
}

async fn a_larger_quantity_that_is_not_there_leaves_the_hold_as_it_was(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(10).await;
    let hold = shop.reserve(&product, "ada", 3).await.is(201);
    shop.reserve(&product, "bob", 4).await.is(201);
    for quantity in [7, 11, 1_000_000] {
        let refused = shop.reserve(&product, "ada", quantity).await.refused(409, "insufficient_stock");
        assert_eq!(refused.count("availableStock"), 3, "what is free beside all holds\n{refused}");
        let kept = shop.hold(&product, "ada").await.is(200);
        assert_eq!(kept.json(), hold.json(), "{kept}");
        assert_eq!(shop.level(&product).await, Level::of(10, 7));
    }
    shop.reserve(&product, "ada", 6).await.is(200);
}

async fn a_shortage_says_what_is_available_and_why(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(5).await;
    let shortage = async |user: &str, quantity: u64| {
        let refused = shop.reserve(&product, user, quantity).await.refused(409, "insufficient_stock");
        (refused.count("availableStock"), refused.text("reason"))
    };
    shop.reserve(&product, "ada", 4).await.is(201);
    assert_eq!(shortage("bob", 2).await, (1, "all_held".to_owned()));
    shop.reserve(&product, "carl", 1).await.is(201);
    assert_eq!(shortage("bob", 1).await, (0, "all_held".to_owned()));
    shop.checkout(&product, "ada").await.is(201);
    assert_eq!(shortage("bob", 1).await, (0, "all_held".to_owned()));
    shop.checkout(&product, "carl").await.is(201);
    assert_eq!(shortage("bob", 1).await, (0, "sold_out".to_owned()));

    let none = shop.product(0).await;
    let refused = shop.reserve(&none, "ada", 1).await.refused(409, "insufficient_stock");
    assert_eq!((refused.count("availableStock"), refused.text("reason")), (0, "sold_out".to_owned()), "{refused}");
    assert_eq!(shop.level(&none).await, Level::of(0, 0));
}

async fn holds_of_other_users_and_products_are_others(mode: Mode) {
    let shop = Shop::open(mode).await;
    let (phones, tablets) = (shop.product(10).await, shop.product(10).await);
    let mut ids = Vec::new();
    for (product, user) in [(&phones, "ada"), (&phones, "bob"), (&tablets, "ada"), (&tablets, "bob")] {
        ids.push(shop.reserve(product, user, 2).await.is(201).id("reservationId"));
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4, "each hold has its own id: {ids:?}");
    shop.release(&phones, "ada").await.is(200);
    shop.hold(&phones, "bob").await.is(200);
    shop.hold(&tablets, "ada").await.is(200);
    shop.checkout(&phones, "ada").await.refused(404, "no_reservation");
    shop.checkout(&tablets, "ada").await.is(201);
    assert_eq!(shop.level(&phones).await, Level::of(10, 2));
    assert_eq!(shop.level(&tablets).await, Level::of(8, 2));
}

async fn a_released_hold_is_gone_and_its_units_are_free(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(5).await;
    let hold = shop.reserve(&product, "ada", 5).await.is(201);
    shop.reserve(&product, "bob", 5).await.refused(409, "insufficient_stock");
    let released = shop.release(&product, "ada").await.is(200).has_exactly(&HOLD);
    assert_eq!(released.json(), hold.json(), "{released}");
    assert_eq!(shop.level(&product).await, Level::of(5, 0));
    shop.release(&product, "ada").await.refused(404, "no_reservation");
    shop.hold(&product, "ada").await.refused(404, "no_reservation");
    shop.checkout(&product, "ada").await.refused(404, "no_reservation");
    shop.checkout_named(&product, "ada", &hold.id("reservationId")).await.refused(404, "no_reservation");
    shop.reserve(&product, "bob", 5).await.is(201);
    let again = shop.reserve(&product, "ada", 1).await.refused(409, "insufficient_stock");
    assert_eq!(again.text("reason"), "all_held", "{again}");
    shop.release(&product, "bob").await.is(200);
    let again = shop.reserve(&product, "ada", 1).await.is(201);
    assert_ne!(again.id("reservationId"), hold.id("reservationId"), "{again}");
}

async fn the_user_of_a_release_is_in_the_body_or_in_the_query(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(5).await;
    let path = reserve_path(&product);
    let query = format!("{path}?userId=ada");
    shop.reserve(&product, "ada", 1).await.is(201);
    shop.call("DELETE", &query).send().await.is(200);
    shop.reserve(&product, "ada", 1).await.is(201);
    shop.delete(&path, &json!({ "userId": "ada" })).await.is(200);
    // A body that names nobody leaves it to the query.
    for body in [json!({}), json!({ "userId": null })] {
        shop.reserve(&product, "ada", 1).await.is(201);
        shop.delete(&query, &body).await.is(200);
    }
    shop.reserve(&product, "ada", 1).await.is(201);
    shop.delete(&query, &json!({ "userId": "ada" })).await.is(200);
    shop.call("DELETE", &path).send().await.refused(400, "invalid_request");
    shop.delete(&path, &json!({})).await.invalid(&["userId"]);
    assert_eq!(shop.level(&product).await, Level::of(5, 0));
}

async fn without_a_hold_there_is_none_to_read_release_or_buy(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(5).await;
    shop.hold(&product, "ada").await.refused(404, "no_reservation");
    shop.release(&product, "ada").await.refused(404, "no_reservation");
    shop.checkout(&product, "ada").await.refused(404, "no_reservation");
    assert_eq!(shop.level(&product).await, Level::of(5, 0));
}
