//! The `Idempotency-Key`: the same answer again, never a second effect.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::shop::{Level, Mode, Shop, checkout_path, reserve_path};

cases!(
    a_repeated_reserve_gets_the_first_answer_again,
    a_reserve_key_with_another_body_is_refused,
    a_delayed_duplicate_of_a_reserve_makes_no_ghost_hold,
    a_reserve_key_is_forgotten_when_its_hold_would_have_lapsed,
    a_repeated_checkout_gets_the_same_order_again,
    a_checkout_key_with_another_body_is_refused,
    an_old_checkout_key_never_sells_a_new_hold,
    a_key_belongs_to_its_user_and_route,
    a_double_click_with_one_key_is_one_order,
    what_is_no_key_is_refused,
);

async fn a_repeated_reserve_gets_the_first_answer_again(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(10).await;
    let first = shop.reserve_keyed(&product, "ada", 2, "k-1").await.is(201);
    assert_eq!(first.header("idempotent-replayed"), None, "{first}");
    for _ in 0..3 {
        let again = shop.reserve_keyed(&product, "ada", 2, "k-1").await.is(200);
        assert_eq!(again.header("idempotent-replayed"), Some("true"), "{again}");
        assert_eq!(again.body(), first.body(), "{again}");
    }
    // A set under a key of its own, then the delayed duplicate of the first: it sets nothing back.
    let set = shop.reserve_keyed(&product, "ada", 5, "k-2").await.is(200);
    assert_eq!(set.header("idempotent-replayed"), None, "{set}");
    let late = shop.reserve_keyed(&product, "ada", 2, "k-1").await.is(200);
    assert_eq!(late.header("idempotent-replayed"), Some("true"), "{late}");
    assert_eq!(late.count("quantity"), 2, "the first answer\n{late}");
    assert_eq!(shop.level(&product).await, Level::of(10, 5));
}

async fn a_reserve_key_with_another_body_is_refused(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(10).await;
    let first = shop.reserve_keyed(&product, "ada", 2, "k").await.is(201);
    shop.reserve_keyed(&product, "ada", 3, "k").await.refused(422, "idempotency_key_reused");
    let kept = shop.hold(&product, "ada").await.is(200);
    assert_eq!(kept.json(), first.json(), "{kept}");
    // What is ignored is no other body.
    let body = json!({ "quantity": 2, "userId": "ada", "note": "again" });
    let call = shop.call("POST", &reserve_path(&product)).header("idempotency-key", "k").json(&body);
    call.send().await.is(200);
}

async fn a_delayed_duplicate_of_a_reserve_makes_no_ghost_hold(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(10).await;
    shop.reserve_keyed(&product, "ada", 2, "k-1").await.is(201);
    shop.checkout(&product, "ada").await.is(201);
    let late = shop.reserve_keyed(&product, "ada", 2, "k-1").await.is(200);
    assert_eq!(late.header("idempotent-replayed"), Some("true"), "{late}");
    assert_eq!(shop.level(&product).await, Level::of(8, 0));
    shop.hold(&product, "ada").await.refused(404, "no_reservation");

    shop.reserve_keyed(&product, "bob", 3, "k-1").await.is(201);
    shop.release(&product, "bob").await.is(200);
    shop.advance(Duration::from_mins(9)).await;
    let late = shop.reserve_keyed(&product, "bob", 3, "k-1").await.is(200);
    assert_eq!(late.header("idempotent-replayed"), Some("true"), "{late}");
    assert_eq!(shop.level(&product).await, Level::of(8, 0));
    shop.checkout(&product, "bob").await.refused(404, "no_reservation");
}

async fn a_reserve_key_is_forgotten_when_its_hold_would_have_lapsed(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(10).await;
    let first = shop.reserve_keyed(&product, "ada", 2, "k").await.is(201);
    shop.advance(Duration::from_millis(600_001)).await;
    let new = shop.reserve_keyed(&product, "ada", 3, "k").await.is(201);
    assert_ne!(new.id("reservationId"), first.id("reservationId"), "{new}");
    assert_eq!(shop.level(&product).await, Level::of(10, 3));
}

async fn a_repeated_checkout_gets_the_same_order_again(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(10).await;
    shop.reserve(&product, "ada", 2).await.is(201);
    let order = shop.checkout_keyed(&product, "ada", "k").await.is(201);
    assert_eq!(order.header("idempotent-replayed"), None, "{order}");
    for minutes in [0, 0, 60, 22 * 60] {
        shop.advance(Duration::from_mins(minutes)).await;
        let again = shop.checkout_keyed(&product, "ada", "k").await.is(200);
        assert_eq!(again.header("idempotent-replayed"), Some("true"), "{again}");
        assert_eq!(again.body(), order.body(), "{again}");
    }
    assert_eq!(shop.level(&product).await, Level::of(8, 0));
    assert_eq!(shop.balance(&product, 10).await, 2);
}

async fn a_checkout_key_with_another_body_is_refused(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(10).await;
    let path = checkout_path(&product);
    let hold = shop.reserve(&product, "ada", 2).await.is(201).id("reservationId");
    let named = json!({ "userId": "ada", "reservationId": hold });
    shop.call("POST", &path).header("Idempotency-Key", "k").json(&named).send().await.is(201);
    shop.checkout_keyed(&product, "ada", "k").await.refused(422, "idempotency_key_reused");
    let other = json!({ "userId": "ada", "reservationId": "01890a5d-ac96-774b-bcce-b302099a8057" });
    let call = shop.call("POST", &path).header("Idempotency-Key", "k").json(&other);
    call.send().await.refused(422, "idempotency_key_reused");
    let again = shop.call("POST", &path).header("Idempotency-Key", "k").json(&named).send().await.is(200);
    assert_eq!(again.header("idempotent-replayed"), Some("true"), "{again}");
    assert_eq!(shop.balance(&product, 10).await, 2);
}

async fn an_old_checkout_key_never_sells_a_new_hold(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(10).await;
    shop.reserve(&product, "ada", 2).await.is(201);
    let order = shop.checkout_keyed(&product, "ada", "k").await.is(201);
    shop.reserve(&product, "ada", 3).await.is(201);
    let late = shop.checkout_keyed(&product, "ada", "k").await.is(200);
    assert_eq!(late.body(), order.body(), "{late}");
    assert_eq!(shop.level(&product).await, Level::of(8, 3));
    shop.checkout_keyed(&product, "ada", "k-2").await.is(201);
    assert_eq!(shop.balance(&product, 10).await, 5);
}

async fn a_key_belongs_to_its_user_and_route(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(10).await;
    shop.reserve_keyed(&product, "ada", 2, "k").await.is(201);
    shop.reserve_keyed(&product, "bob", 3, "k").await.is(201);
    shop.checkout_keyed(&product, "ada", "k").await.is(201);
    let bobs = shop.checkout_keyed(&product, "bob", "k").await.is(201);
    assert_eq!((bobs.text("userId"), bobs.count("quantity")), ("bob".to_owned(), 3), "{bobs}");
    // A key is exactly its characters.
    shop.reserve_keyed(&product, "ada", 1, "K").await.is(201);
    assert_eq!(shop.balance(&product, 10).await, 5);
}

async fn a_double_click_with_one_key_is_one_order(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(100).await;
    let holds = join_all((0..20).map(|_| shop.reserve_keyed(&product, "ada", 2, "k"))).await;
    assert_eq!(holds.iter().filter(|hold| hold.status() == 201).count(), 1, "{}", holds[0]);
    assert_eq!(shop.level(&product).await, Level::of(100, 2));
    let orders = join_all((0..20).map(|_| shop.checkout_keyed(&product, "ada", "k"))).await;
    let mut ids = Vec::new();
    for order in &orders {
        order.check(matches!(order.status(), 200 | 201), "every click gets the order");
        ids.push(order.id("orderId"));
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 1, "one order, not {ids:?}");
    assert_eq!(orders.iter().filter(|order| order.status() == 201).count(), 1);
    assert_eq!(shop.balance(&product, 100).await, 2);
}

async fn what_is_no_key_is_refused(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(10).await;
    let body = json!({ "userId": "ada", "quantity": 1 });
    let long = "k".repeat(256);
    for path in [reserve_path(&product), checkout_path(&product)] {
        for key in ["", "two words", "a\tb", "schlüssel", "🔑", &long] {
            let call = shop.call("POST", &path).header("Idempotency-Key", key).json(&body);
            call.send().await.invalid(&["Idempotency-Key"]);
        }
        let call = shop.call("POST", &path).header("Idempotency-Key", "a").header("Idempotency-Key", "b").json(&body);
        call.send().await.invalid(&["Idempotency-Key"]);
    }
    assert_eq!(shop.level(&product).await, Level::of(10, 0));
    let longest = "~".repeat(255);
    let visible: String = (0x21..=0x7e_u8).map(char::from).collect();
    for key in ["!", "{}:/\\\"'%00", &longest, &visible] {
        shop.reserve_keyed(&product, &key[..key.len().min(128)], 1, key).await.is(201);
        let again = shop.reserve_keyed(&product, &key[..key.len().min(128)], 1, key).await.is(200);
        assert_eq!(again.header("idempotent-replayed"), Some("true"), "{again}");
    }
}
