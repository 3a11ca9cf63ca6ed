//! Holds end at their deadline: to the millisecond of the ledger's clock, in whatever call comes first.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep};

use crate::shop::{Level, Mode, Plan, Shop};

cases!(
    a_hold_lives_to_its_last_millisecond_and_no_longer,
    the_first_call_at_the_deadline_finds_the_units_free,
    a_lapsed_hold_cannot_be_bought_read_released_or_kept,
    a_crowd_of_holds_lapses_in_one_call,
    what_was_bought_in_time_does_not_lapse,
    a_clock_that_steps_back_makes_no_hold_longer,
    holds_lapse_in_real_time_too,
);

/// A shop in which time stands still between two moves.
async fn standing(mode: Mode) -> Shop {
    Shop::set_up(mode, Plan { standing_clock: true, ..Plan::default() }).await
}

async fn a_hold_lives_to_its_last_millisecond_and_no_longer(mode: Mode) {
    let shop = standing(mode).await;
    let mut products = Vec::new();
    let made = shop.clock().millis();
    for _ in 0..6 {
        let product = shop.product(2).await;
        let hold = shop.reserve(&product, "ada", 2).await.is(201);
        assert_eq!(hold.millis("expiresAt"), made + 600_000, "{hold}");
        products.push(product);
    }
    let [bought, set, released, kept, other, last] = products.as_slice() else { unreachable!("there are six") };

    shop.advance(Duration::from_millis(599_999)).await;
    shop.checkout(bought, "ada").await.is(201);
    shop.reserve(set, "ada", 1).await.is(200);
    shop.release(released, "ada").await.is(200);
    shop.hold(kept, "ada").await.is(200);
    assert_eq!(shop.level(kept).await, Level::of(2, 2));
    let refused = shop.reserve(other, "bob", 1).await.refused(409, "insufficient_stock");
    assert_eq!(refused.text("reason"), "all_held", "{refused}");
    let named = shop.hold(last, "ada").await.is(200).id("reservationId");

    shop.advance(Duration::from_millis(1)).await;
    assert_eq!(shop.level(bought).await, Level::of(0, 0));
    assert_eq!(shop.level(set).await, Level::of(2, 0));
    assert_eq!(shop.level(kept).await, Level::of(2, 0));
    shop.reserve(other, "bob", 2).await.is(201);
    shop.checkout_named(last, "ada", &named).await.refused(404, "no_reservation");
    assert_eq!(shop.level(last).await, Level::of(2, 0));
}

async fn the_first_call_at_the_deadline_finds_the_units_free(mode: Mode) {
    let shop = standing(mode).await;
    let mut products = Vec::new();
    for _ in 0..4 {
        let product = shop.product(3).await;
        shop.reserve(&product, "ada", 3).await.is(201);
        products.push(product);
    }
    shop.advance(Duration::from_mins(10)).await;
    let [reserved, seen, read, taken] = products.as_slice() else { unreachable!("there are four") };
    let hold = shop.reserve(reserved, "bob", 3).await.is(201);
    assert_eq!(hold.millis("expiresAt"), shop.clock().millis() + 600_000, "{hold}");
    assert_eq!(shop.level(seen).await, Level::of(3, 0));
    let product = shop.get(&format!("/api/products/{read}")).await.is(200);
    assert_eq!((product.count("reservedStock"), product.count("availableStock")), (0, 3), "{product}");
    shop.patch(&format!("/api/products/{taken}"), &serde_json::json!({ "addStock": -3 })).await.is(200);
    assert_eq!(shop.level(taken).await, Level::of(0, 0));
}

async fn a_lapsed_hold_cannot_be_bought_read_released_or_kept(mode: Mode) {
    let shop = standing(mode).await;
    let mut products = Vec::new();
    for _ in 0..5 {
        let product = shop.product(3).await;
        let hold = shop.reserve(&product, "ada", 3).await.is(201);
        products.push((product, hold.id("reservationId")));
    }
    shop.advance(Duration::from_mins(10)).await;
    shop.checkout(&products[0].0, "ada").await.refused(404, "no_reservation");
    let (product, reservation) = &products[1];
    shop.checkout_named(product, "ada", reservation).await.refused(404, "no_reservation");
    shop.hold(&products[2].0, "ada").await.refused(404, "no_reservation");
    shop.release(&products[3].0, "ada").await.refused(404, "no_reservation");
    let (product, reservation) = &products[4];
    let new = shop.reserve(product, "ada", 1).await.is(201);
    assert_ne!(&new.id("reservationId"), reservation, "{new}");
    shop.checkout_named(product, "ada", reservation).await.refused(404, "no_reservation");
    for (product, _) in &products[..4] {
        assert_eq!(shop.level(product).await, Level::of(3, 0));
    }
    assert_eq!(shop.level(product).await, Level::of(3, 1));
}

async fn a_crowd_of_holds_lapses_in_one_call(mode: Mode) {
    let shop = Shop::open(mode).await;
    let (product, other) = (shop.product(400).await, shop.product(400).await);
    for product in [&product, &other] {
        let holds = join_all((0..400).map(|n| {
            let (shop, user) = (&shop, format!("user {n}"));
            async move { shop.reserve(product, &user, 1).await.is(201) }
        }))
        .await;
        assert_eq!(holds.len(), 400);
        assert_eq!(shop.level(product).await, Level::of(400, 400));
    }
    shop.advance(Duration::from_mins(10)).await;
    shop.reserve(&product, "bob", 400).await.is(201);
    assert_eq!(shop.level(&product).await, Level::of(400, 400));
    assert_eq!(shop.level(&other).await, Level::of(400, 0));
}

async fn what_was_bought_in_time_does_not_lapse(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(5).await;
    shop.reserve(&product, "ada", 2).await.is(201);
    shop.advance(Duration::from_secs(9 * 60 + 50)).await;
    shop.checkout(&product, "ada").await.is(201);
    shop.advance(Duration::from_hours(1)).await;
    assert_eq!(shop.level(&product).await, Level::of(3, 0));
    assert_eq!(shop.balance(&product, 5).await, 2);
}

async fn a_clock_that_steps_back_makes_no_hold_longer(mode: Mode) {
    let shop = standing(mode).await;
    let product = shop.product(5).await;
    shop.reserve(&product, "ada", 5).await.is(201);
    shop.move_clock(-3_600_000).await;
    shop.reserve(&product, "bob", 1).await.refused(409, "insufficient_stock");
    shop.advance(Duration::from_mins(10)).await;
    shop.reserve(&product, "bob", 5).await.is(201);
}

async fn holds_lapse_in_real_time_too(mode: Mode) {
    let shop = Shop::set_up(mode, Plan { reservation_ttl: "300ms", ..Plan::default() }).await;
    let product = shop.product(1).await;
    let began = Instant::now();
    let hold = shop.reserve(&product, "ada", 1).await.is(201);
    loop {
        let reply = shop.reserve(&product, "bob", 1).await;
        if reply.status() == 201 {
            assert!(reply.millis("expiresAt") >= hold.millis("expiresAt") + 300, "no two at once\n{hold}\n{reply}");
            break;
        }
        reply.refused(409, "insufficient_stock");
        assert!(began.elapsed() < Duration::from_secs(5), "{hold}");
        sleep(Duration::from_millis(5)).await;
    }
    assert!(began.elapsed() >= Duration::from_millis(300), "it was free after {:?}", began.elapsed());
    shop.checkout(&product, "ada").await.refused(404, "no_reservation");
    sleep(Duration::from_millis(310)).await;
    assert_eq!(shop.level(&product).await, Level::of(1, 0));
}
