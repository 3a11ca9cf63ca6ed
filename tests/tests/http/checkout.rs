//! Paying: all of a hold, once.

use serde_json::json;

use crate::reply::ORDER;
use crate::shop::{Level, Mode, Shop};

cases!(
    an_order_has_its_fields_and_its_location,
    a_checkout_sells_all_of_the_hold,
    a_hold_is_sold_once,
    a_repeat_that_names_its_reservation_gets_the_same_order,
    another_users_reservation_cannot_be_bought,
    a_reservation_that_is_not_the_live_one_is_not_bought,
    a_buyer_may_come_back,
    a_hold_that_was_sold_cannot_be_released,
);

async fn an_order_has_its_fields_and_its_location(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(10).await;
    let hold = shop.reserve(&product, "ada", 3).await.is(201);
    let before = shop.clock().millis();
    let order = shop.checkout(&product, "ada").await.is(201).has_exactly(&ORDER);
    let after = shop.clock().millis();

    let id = order.id("orderId");
    assert_eq!(order.header("location"), Some(format!("/api/orders/{id}").as_str()), "{order}");
    assert_eq!(order.header("idempotent-replayed"), None, "{order}");
    assert_eq!(order.id("reservationId"), hold.id("reservationId"), "{order}");
    assert_eq!(order.id("productId"), product, "{order}");
    assert_eq!((order.text("userId"), order.count("quantity")), ("ada".to_owned(), 3), "{order}");
    assert_eq!((order.cents("unitPrice"), order.cents("total")), (1_999, 5_997), "{order}");
    let created = order.millis("createdAt");
    assert!((before - 50..=after + 50).contains(&created), "{created} is not in {before}..={after}\n{order}");
    let read = shop.get(&format!("/api/orders/{id}")).await.is(200);
    assert_eq!(read.body(), order.body(), "{read}");
}

async fn a_checkout_sells_all_of_the_hold(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(10).await;
    shop.reserve(&product, "ada", 3).await.is(201);
    shop.reserve(&product, "ada", 4).await.is(200);
    shop.reserve(&product, "bob", 2).await.is(201);
    let order = shop.checkout(&product, "ada").await.is(201);
    assert_eq!(order.count("quantity"), 4, "{order}");
    assert_eq!(shop.level(&product).await, Level::of(6, 2));
    assert_eq!(shop.balance(&product, 10).await, 4);
}

async fn a_hold_is_sold_once(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(10).await;
    shop.reserve(&product, "ada", 3).await.is(201);
    shop.checkout(&product, "ada").await.is(201);
    for _ in 0..3 {
        shop.checkout(&product, "ada").await.refused(404, "no_reservation");
    }
    shop.hold(&product, "ada").await.refused(404, "no_reservation");
    assert_eq!(shop.level(&product).await, Level::of(7, 0));
    assert_eq!(shop.balance(&product, 10).await, 3);
}

async fn a_repeat_that_names_its_reservation_gets_the_same_order(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(10).await;
    let hold = shop.reserve(&product, "ada", 3).await.is(201).id("reservationId");
    let order = shop.checkout_named(&product, "ada", &hold).await.is(201);
    for _ in 0..3 {
        let again = shop.checkout_named(&product, "ada", &hold).await.is(200).has_exactly(&ORDER);
        assert_eq!(again.body(), order.body(), "{again}");
    }
    // The same for a first checkout that did not name it, and later holds are left alone.
    let hold = shop.reserve(&product, "bob", 2).await.is(201).id("reservationId");
    let order = shop.checkout(&product, "bob").await.is(201);
    shop.reserve(&product, "bob", 1).await.is(201);
    let again = shop.checkout_named(&product, "bob", &hold).await.is(200);
    assert_eq!(again.body(), order.body(), "{again}");
    assert_eq!(shop.level(&product).await, Level::of(5, 1));
    assert_eq!(shop.balance(&product, 10).await, 5);
}

async fn another_users_reservation_cannot_be_bought(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(10).await;
    let adas = shop.reserve(&product, "ada", 3).await.is(201).id("reservationId");
    shop.checkout_named(&product, "bob", &adas).await.refused(404, "no_reservation");
    shop.reserve(&product, "bob", 2).await.is(201);
    shop.checkout_named(&product, "bob", &adas).await.refused(404, "no_reservation");
    assert_eq!(shop.level(&product).await, Level::of(10, 5));
    shop.checkout_named(&product, "ada", &adas).await.is(201);
    // Not even the order may be learnt by naming what somebody else bought.
    shop.checkout_named(&product, "bob", &adas).await.refused(404, "no_reservation");
    shop.checkout(&product, "bob").await.is(201);
    assert_eq!(shop.balance(&product, 10).await, 5);
}

async fn a_reservation_that_is_not_the_live_one_is_not_bought(mode: Mode) {
    let shop = Shop::open(mode).await;
    let (product, other) = (shop.product(10).await, shop.product(10).await);
    let unknown = "01890a5d-ac96-774b-bcce-b302099a8057";
    shop.checkout_named(&product, "ada", unknown).await.refused(404, "no_reservation");
    let first = shop.reserve(&product, "ada", 1).await.is(201).id("reservationId");
    shop.checkout_named(&product, "ada", unknown).await.refused(404, "no_reservation");
    shop.checkout_named(&other, "ada", &first).await.refused(404, "no_reservation");
    shop.release(&product, "ada").await.is(200);
    let second = shop.reserve(&product, "ada", 2).await.is(201).id("reservationId");
    shop.checkout_named(&product, "ada", &first).await.refused(404, "no_reservation");
    assert_eq!(shop.level(&product).await, Level::of(10, 2));
    let order = shop.checkout_named(&product, "ada", &second).await.is(201);
    shop.checkout_named(&other, "ada", &second).await.refused(404, "no_reservation");
    assert_eq!(order.count("quantity"), 2, "{order}");
}

async fn a_buyer_may_come_back(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(10).await;
    let mut orders = Vec::new();
    for quantity in 1..=4 {
        shop.reserve(&product, "ada", quantity).await.is(201);
        orders.push(shop.checkout(&product, "ada").await.is(201).id("orderId"));
    }
    orders.dedup();
    assert_eq!(orders.len(), 4);
    assert_eq!(shop.level(&product).await, Level::of(0, 0));
    let refused = shop.reserve(&product, "ada", 1).await.refused(409, "insufficient_stock");
    assert_eq!(refused.json()["reason"], json!("sold_out"), "{refused}");
}

async fn a_hold_that_was_sold_cannot_be_released(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(10).await;
    shop.reserve(&product, "ada", 3).await.is(201);
    shop.checkout(&product, "ada").await.is(201);
    shop.release(&product, "ada").await.refused(404, "no_reservation");
    assert_eq!(shop.level(&product).await, Level::of(7, 0));
}
