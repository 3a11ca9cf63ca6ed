//! Stores that hang, die and come back: a 503 in time, never a hang, never a 500, and everything as before afterwards.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::reply::Reply;
use crate::shop::{Level, Mode, PATIENCE, Plan, Shop, checkout_path, reserve_path, settled};

cases!(distributed only:
    a_postgres_that_hangs_is_a_503_and_the_same_checkout_settles_it,
    a_postgres_that_is_killed_comes_back_with_every_order,
    a_redis_that_hangs_is_a_503_and_the_holds_live_on,
    a_redis_that_is_killed_comes_back_with_every_hold,
    a_redis_that_forgets_everything_oversells_nothing,
);

/// The deadline of a request is 2 s, the rest is for a busy machine: whoever forgot it would wait for a store that hangs for ever.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);

async fn shop_with_own_stores(mode: Mode) -> Shop {
    Shop::set_up(mode, Plan { own_stores: true, ..Plan::default() }).await
}

async fn in_time(call: impl Future<Output = Reply>) -> Reply {
    let began = Instant::now();
    let reply = call.await;
    let took = began.elapsed();
    reply.check(took < ANSWERED_WITHIN, &format!("it is answered in time, not after {took:?}"));
    reply
}

/// Every call whose answer must be a 503 now.
async fn all_unavailable(shop: &Shop, calls: &[(&str, String, serde_json::Value)]) {
    let asked = calls.iter().map(|(method, path, body)| async move {
        let call = shop.call(method, path);
        let call = if body.is_null() { call } else { call.json(body) };
        in_time(call.send()).await
    });
    for reply in join_all(asked).await {
        reply.refused(503, "unavailable");
    }
}

/// Fails, unless each instance says that this store fails, and that the process itself is fine.
async fn not_ready(shop: &Shop, store: &str) {
    for _ in shop.addresses() {
        let began = Instant::now();
        // A store that was just killed may still have a connection that looks alive.
        let reply = loop {
            let reply = in_time(shop.get("/health/ready")).await;
            if reply.status() == 503 || began.elapsed() > ANSWERED_WITHIN {
                break reply.refused(503, "unavailable");
            }
        };
        assert!(reply.body().to_lowercase().contains(store), "it does not name {store}\n{reply}");
        let other = if store == "redis" { "postgres" } else { "redis" };
        assert!(!reply.body().to_lowercase().contains(other), "{other} is fine\n{reply}");
    }
    for _ in shop.addresses() {
        in_time(shop.get("/health/live")).await.is(200);
    }
}

/// Waits until each instance is ready.
async fn ready_again(shop: &Shop) {
    let began = Instant::now();
    for _ in shop.addresses() {
        while shop.get("/health/ready").await.status() != 200 {
            assert!(began.elapsed() < PATIENCE, "not ready after {:?}", began.elapsed());
            sleep(Duration::from_millis(50)).await;
        }
    }
}

/// What needs the record.
fn record_calls(product: &str, user: &str) -> Vec<(&'static str, String, serde_json::Value)> {
    let new = json!({ "name": "Tablet", "price": 1, "totalStock": 1 });
    vec![
        ("POST", "/api/products".to_owned(), new),
        ("GET", "/api/products".to_owned(), json!(null)),
        ("GET", format!("/api/products/{product}"), json!(null)),
        ("PATCH", format!("/api/products/{product}"), json!({ "price": 5 })),
        ("POST", checkout_path(product), json!({ "userId": user })),
        ("GET", "/api/orders".to_owned(), json!(null)),
        ("GET", format!("/api/orders/{product}"), json!(null)),
    ]
}

/// What needs the gate.
fn gate_calls(product: &str, user: &str) -> Vec<(&'static str, String, serde_json::Value)> {
    let who = json!({ "userId": user, "quantity": 1 });
    vec![
        ("GET", format!("/api/products/{product}/status"), json!(null)),
        ("GET", format!("/api/products/{product}"), json!(null)),
        ("POST", reserve_path(product), who.clone()),
        ("GET", format!("{}?userId={user}", reserve_path(product)), json!(null)),
        ("DELETE", reserve_path(product), who.clone()),
        ("POST", checkout_path(product), who),
    ]
}

async fn a_postgres_that_hangs_is_a_503_and_the_same_checkout_settles_it(mode: Mode) {
    let shop = shop_with_own_stores(mode).await;
    let product = shop.product(10).await;
    let hold = shop.reserve(&product, "ada", 2).await.is(201).id("reservationId");
    shop.reserve(&product, "bob", 1).await.is(201);

    shop.postgres().pause();
    all_unavailable(&shop, &record_calls(&product, "bob")).await;
    in_time(shop.checkout_named(&product, "ada", &hold)).await.refused(503, "unavailable");
    // The sale is under way: it may not be changed behind its back.
    in_time(shop.reserve(&product, "ada", 3)).await.refused(409, "checkout_in_progress");
    not_ready(&shop, "postgres").await;
    shop.postgres().resume();

    let order = settled(async || Ok(shop.checkout_named(&product, "ada", &hold).await)).await;
    order.check(matches!(order.status(), 200 | 201), "the same request settles it");
    assert_eq!(order.count("quantity"), 2, "{order}");
    ready_again(&shop).await;
    let bobs = settled(async || Ok(shop.checkout(&product, "bob").await)).await;
    // The first attempt may have come through after all.
    bobs.check(matches!(bobs.status(), 200 | 201 | 404), "sold now, or before");
    assert_eq!(shop.balance(&product, 10).await, 3);
    assert_eq!(shop.level(&product).await, Level::of(7, 0));
    shop.product(1).await;
}

async fn a_postgres_that_is_killed_comes_back_with_every_order(mode: Mode) {
    let shop = shop_with_own_stores(mode).await;
    let product = shop.product(10).await;
    shop.reserve(&product, "ada", 2).await.is(201);
    let order = shop.checkout(&product, "ada").await.is(201);
    shop.reserve(&product, "bob", 1).await.is(201);

    shop.postgres().kill9().await.unwrap();
    all_unavailable(&shop, &record_calls(&product, "bob")).await;
    not_ready(&shop, "postgres").await;
    shop.postgres().restart().await.unwrap();

    ready_again(&shop).await;
    let path = format!("/api/orders/{}", order.id("orderId"));
    // An instance may be ready and still have a connection of before.
    let read = settled(async || Ok(shop.get(&path).await)).await.is(200);
    assert_eq!(read.body(), order.body(), "{read}");
    let bobs = settled(async || Ok(shop.checkout(&product, "bob").await)).await;
    bobs.check(matches!(bobs.status(), 200 | 201), "the hold is still there to be bought");
    assert_eq!(shop.balance(&product, 10).await, 3);
    assert_eq!(shop.level(&product).await, Level::of(7, 0));
}

async fn a_redis_that_hangs_is_a_503_and_the_holds_live_on(mode: Mode) {
    let shop = shop_with_own_stores(mode).await;
    let product = shop.product(10).await;
    let hold = shop.reserve(&product, "ada", 2).await.is(201);

    shop.redis().pause();
    all_unavailable(&shop, &gate_calls(&product, "bob")).await;
    not_ready(&shop, "redis").await;
    // What the record alone knows is still told.
    in_time(shop.get("/api/orders")).await.is(200);
    in_time(shop.get("/api/products")).await.is(200);
    shop.redis().resume();

    ready_again(&shop).await;
    let read = settled(async || Ok(shop.hold(&product, "ada").await)).await.is(200);
    assert_eq!(read.json(), hold.json(), "{read}");
    settled(async || Ok(shop.checkout(&product, "ada").await)).await.is(201);
    // Bob's reserve and release may have come through after all, in either order.
    shop.release(&product, "bob").await;
    assert_eq!(shop.level(&product).await, Level::of(8, 0));
    assert_eq!(shop.balance(&product, 10).await, 2);
}

async fn a_redis_that_is_killed_comes_back_with_every_hold(mode: Mode) {
    let shop = shop_with_own_stores(mode).await;
    let product = shop.product(100).await;
    let mut holds = Vec::new();
    for quantity in 1..=10 {
        holds.push(shop.reserve(&product, &format!("user{quantity}"), quantity).await.is(201));
    }
    shop.redis().kill9().await.unwrap();
    all_unavailable(&shop, &gate_calls(&product, "bob")).await;
    not_ready(&shop, "redis").await;
    shop.redis().restart().await.unwrap();

    ready_again(&shop).await;
    for hold in &holds {
        let read = settled(async || Ok(shop.hold(&product, &hold.text("userId")).await)).await.is(200);
        assert_eq!(read.json(), hold.json(), "{read}");
    }
    assert_eq!(shop.level(&product).await, Level::of(100, 55));
    for hold in &holds {
        shop.checkout(&product, &hold.text("userId")).await.is(201);
    }
    assert_eq!(shop.level(&product).await, Level::of(45, 0));
    assert_eq!(shop.balance(&product, 100).await, 55);
}

async fn a_redis_that_forgets_everything_oversells_nothing(mode: Mode) {
    let shop = shop_with_own_stores(mode).await;
    let product = shop.product(10).await;
    shop.reserve(&product, "ada", 4).await.is(201);
    shop.reserve(&product, "bob", 3).await.is(201);
    shop.checkout(&product, "bob").await.is(201);
    shop.redis().flush().await.unwrap();

    // Ada's hold is lost, and she is told so.
    shop.checkout(&product, "ada").await.refused(404, "no_reservation");
    assert_eq!(shop.level(&product).await, Level::of(7, 0));
    shop.reserve(&product, "carl", 8).await.refused(409, "insufficient_stock");
    shop.reserve(&product, "carl", 7).await.is(201);
    shop.redis().flush().await.unwrap();
    shop.reserve(&product, "dora", 5).await.is(201);
    shop.checkout(&product, "dora").await.is(201);
    shop.checkout(&product, "carl").await.refused(404, "no_reservation");
    assert_eq!(shop.level(&product).await, Level::of(2, 0));
    assert_eq!(shop.balance(&product, 10).await, 8);
}
