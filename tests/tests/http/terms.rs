//! The terms of a sale: from when, until when, and how many units one reservation may have.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::reply::{PRODUCT, Reply};
use crate::shop::{Level, Mode, Plan, Shop, reserve_path};

cases!(
    terms_are_told_only_where_there_are_some,
    terms_are_set_changed_and_taken_away,
    a_sale_starts_at_its_millisecond,
    a_sale_ends_at_its_millisecond,
    a_hold_outlives_its_sale,
    a_reservation_has_its_limit,
    the_order_of_the_refusals,
    a_replay_answers_its_first_answer,
    a_long_wait_is_told_as_a_day,
    what_is_no_term_is_refused,
    an_end_is_later_than_its_start,
    the_shop_takes_stock_off_sale_under_any_terms,
    terms_outlive_what_the_gate_forgets,
);

/// A shop whose clocks stand still.
async fn standing(mode: Mode) -> Shop {
    Shop::set_up(mode, Plan { standing_clock: true, ..Plan::USUAL }).await
}

/// As answers write it.
fn instant(millis: i64) -> String {
    format!("{:.3}", Timestamp::from_millisecond(millis).unwrap())
}

fn path(product: &str) -> String {
    format!("/api/products/{product}")
}

/// A product of ten with these terms.
async fn product(shop: &Shop, terms: Value) -> String {
    let mut body = json!({ "name": "Phone", "price": 1, "totalStock": 10 });
    body.as_object_mut().unwrap().extend(terms.as_object().unwrap().clone());
    shop.post("/api/products", &body).await.is(201).id("id")
}

fn not_started(reply: Reply, start: i64) -> Reply {
    let reply = reply.refused(409, "sale_not_started");
    reply.check(reply.millis("startsAt") == start, "it says when the sale starts");
    reply
}

fn ended(reply: Reply, end: i64) {
    let reply = reply.refused(409, "sale_ended");
    reply.check(reply.millis("endsAt") == end, "it says when the sale ended");
}

fn over(reply: Reply, limit: u64) {
    let reply = reply.refused(409, "limit_per_reservation");
    reply.check(reply.count("maxPerReservation") == limit, "it says what the limit is");
}

async fn terms_are_told_only_where_there_are_some(mode: Mode) {
    let shop = standing(mode).await;
    let plain = shop.product(10).await;
    shop.get(&path(&plain)).await.is(200).has_exactly(&[&PRODUCT[..], &["reservedStock", "availableStock"]].concat());
    let body = json!({
        "name": "Phone", "price": 1, "totalStock": 10, "startsAt": "2026-11-27T13:00:00.0019+01:00",
        "endsAt": "2026-11-27T12:00:00.002z", "maxPerReservation": 1_000_000,
    });
    let terms = ["startsAt", "endsAt", "maxPerReservation"];
    let made = shop.post("/api/products", &body).await.is(201).has_exactly(&[&PRODUCT[..], &terms].concat());
    assert_eq!(made.text("startsAt"), "2026-11-27T12:00:00.001Z", "{made}");
    assert_eq!(made.text("endsAt"), "2026-11-27T12:00:00.002Z", "{made}");
    assert_eq!(made.count("maxPerReservation"), 1_000_000, "{made}");
    let whole = [&PRODUCT[..], &terms, &["reservedStock", "availableStock"]].concat();
    let read = shop.get(&path(&made.id("id"))).await.is(200).has_exactly(&whole);
    let listed = shop.get("/api/products").await.is(200);
    let items = listed.json()["items"].as_array().unwrap();
    for (name, item) in [(made.id("id"), true), (plain, false)] {
        let found = items.iter().find(|product| product["id"] == name.as_str()).unwrap();
        assert!(terms.iter().all(|term| found.get(term).is_some() == item), "{listed}");
    }
    for term in terms {
        assert_eq!(read.json()[term], made.json()[term], "{read}");
    }
    // The counters are three, whatever the terms.
    assert_eq!(shop.level(&made.id("id")).await, Level::of(10, 0));
    // Null is absent in a new product.
    let nulls = json!({
        "name": "Phone", "price": 1, "totalStock": 10, "startsAt": null, "endsAt": null, "maxPerReservation": null,
    });
    shop.post("/api/products", &nulls).await.is(201).has_exactly(&PRODUCT);
}

async fn terms_are_set_changed_and_taken_away(mode: Mode) {
    let shop = standing(mode).await;
    let product = shop.product(10).await;
    let now = shop.clock().millis();
    let names = [&PRODUCT[..], &["reservedStock", "availableStock"]].concat();
    let patch = async |body: Value| shop.patch(&path(&product), &body).await.is(200);
    let set = patch(json!({ "startsAt": instant(now + 1000), "maxPerReservation": 3 })).await;
    let set = set.has_exactly(&[&names[..], &["startsAt", "maxPerReservation"]].concat());
    assert_eq!(set.millis("startsAt"), now + 1000, "{set}");
    not_started(shop.reserve(&product, "ada", 1).await, now + 1000);
    // What is absent stays as it is; another field changes none of them.
    let kept = patch(json!({ "name": "Tablet", "endsAt": instant(now + 2000) })).await;
    let kept = kept.has_exactly(&[&names[..], &["startsAt", "endsAt", "maxPerReservation"]].concat());
    assert_eq!((kept.millis("endsAt"), kept.count("maxPerReservation")), (now + 2000, 3), "{kept}");
    let begun = patch(json!({ "startsAt": null })).await;
    begun.has_exactly(&[&names[..], &["endsAt", "maxPerReservation"]].concat());
    over(shop.reserve(&product, "ada", 4).await, 3);
    shop.reserve(&product, "ada", 3).await.is(201);
    patch(json!({ "maxPerReservation": null, "endsAt": null })).await.has_exactly(&names);
    shop.reserve(&product, "ada", 4).await.is(200);
    patch(json!({ "endsAt": instant(now), "addStock": 1 })).await;
    for _ in 0..2 {
        ended(shop.reserve(&product, "ada", 5).await, now);
        ended(shop.reserve(&product, "bob", 1).await, now);
    }
    assert_eq!(shop.level(&product).await, Level::of(11, 4));
}

async fn a_sale_starts_at_its_millisecond(mode: Mode) {
    let shop = standing(mode).await;
    let start = shop.clock().millis() + 2500;
    let product = product(&shop, json!({ "startsAt": instant(start) })).await;
    let wait =
        async || not_started(shop.reserve(&product, "ada", 1).await, start).header("retry-after").map(str::to_owned);
    assert_eq!(wait().await.as_deref(), Some("3"));
    shop.move_clock(1500).await;
    assert_eq!(wait().await.as_deref(), Some("1"));
    shop.move_clock(999).await;
    for _ in 0..2 {
        assert_eq!(wait().await.as_deref(), Some("1"));
    }
    assert_eq!(shop.level(&product).await, Level::of(10, 0));
    shop.hold(&product, "ada").await.refused(404, "no_reservation");
    shop.move_clock(1).await;
    shop.reserve(&product, "ada", 1).await.is(201);
    shop.reserve(&product, "bob", 9).await.is(201);
    shop.checkout(&product, "ada").await.is(201);
}

async fn a_sale_ends_at_its_millisecond(mode: Mode) {
    let shop = standing(mode).await;
    let end = shop.clock().millis() + 1000;
    let product = product(&shop, json!({ "endsAt": instant(end) })).await;
    shop.move_clock(999).await;
    shop.reserve(&product, "ada", 1).await.is(201);
    shop.reserve(&product, "bob", 1).await.is(201);
    shop.move_clock(1).await;
    for user in ["carl", "dora"] {
        ended(shop.reserve(&product, user, 1).await, end);
    }
    assert_eq!(shop.level(&product).await, Level::of(10, 2));
}

async fn a_hold_outlives_its_sale(mode: Mode) {
    let shop = standing(mode).await;
    let end = shop.clock().millis() + 1000;
    let product = product(&shop, json!({ "endsAt": instant(end) })).await;
    let hold = shop.reserve(&product, "ada", 3).await.is(201);
    for user in ["bob", "carl"] {
        shop.reserve(&product, user, 2).await.is(201);
    }
    shop.move_clock(1000).await;
    ended(shop.reserve(&product, "ada", 4).await, end);
    let same = shop.reserve(&product, "ada", 3).await.is(200);
    assert_eq!(same.json(), hold.json(), "{same}");
    let lowered = shop.reserve(&product, "ada", 2).await.is(200);
    assert_eq!(lowered.json()["expiresAt"], hold.json()["expiresAt"], "{lowered}");
    ended(shop.reserve(&product, "ada", 3).await, end);
    shop.release(&product, "bob").await.is(200);
    assert_eq!(shop.checkout(&product, "ada").await.is(201).count("quantity"), 2);
    ended(shop.reserve(&product, "ada", 1).await, end);
    // Until its own deadline, and no longer.
    shop.advance(Duration::from_mins(10) - Duration::from_millis(1001)).await;
    shop.hold(&product, "carl").await.is(200);
    shop.move_clock(1).await;
    shop.checkout(&product, "carl").await.refused(404, "no_reservation");
    assert_eq!(shop.level(&product).await, Level::of(8, 0));
}

async fn a_reservation_has_its_limit(mode: Mode) {
    let shop = standing(mode).await;
    let product = product(&shop, json!({ "maxPerReservation": 2 })).await;
    over(shop.reserve(&product, "ada", 3).await, 2);
    shop.reserve(&product, "ada", 1).await.is(201);
    over(shop.reserve(&product, "ada", 3).await, 2);
    shop.reserve(&product, "ada", 2).await.is(200);
    shop.reserve(&product, "bob", 2).await.is(201);
    // It is on the hold, not on the buyer: who has paid may hold again.
    shop.checkout(&product, "ada").await.is(201);
    shop.reserve(&product, "ada", 2).await.is(201);
    // A limit that is lowered later leaves a hold as it is, which may only become less.
    shop.patch(&path(&product), &json!({ "maxPerReservation": 1 })).await.is(200);
    assert_eq!(shop.hold(&product, "bob").await.is(200).count("quantity"), 2);
    shop.reserve(&product, "bob", 2).await.is(200);
    over(shop.reserve(&product, "bob", 3).await, 1);
    shop.reserve(&product, "bob", 1).await.is(200);
    over(shop.reserve(&product, "bob", 2).await, 1);
    shop.checkout(&product, "bob").await.is(201);
}

async fn the_order_of_the_refusals(mode: Mode) {
    let shop = standing(mode).await;
    let now = shop.clock().millis();
    let terms = json!({ "startsAt": instant(now + 1000), "endsAt": instant(now + 2000), "maxPerReservation": 10 });
    let product = product(&shop, terms).await;
    not_started(shop.reserve(&product, "ada", 11).await, now + 1000);
    shop.move_clock(1000).await;
    over(shop.reserve(&product, "ada", 11).await, 10);
    shop.reserve(&product, "bob", 4).await.is(201);
    shop.reserve(&product, "ada", 10).await.refused(409, "insufficient_stock");
    shop.move_clock(1000).await;
    ended(shop.reserve(&product, "ada", 11).await, now + 2000);
    // What is wrong with the request itself is told first.
    shop.reserve(&product, "ada", 0).await.invalid(&["quantity"]);
}

async fn a_replay_answers_its_first_answer(mode: Mode) {
    let shop = standing(mode).await;
    let end = shop.clock().millis() + 1000;
    let product = product(&shop, json!({ "endsAt": instant(end), "maxPerReservation": 3 })).await;
    over(shop.reserve_keyed(&product, "ada", 4, "one").await, 3);
    let first = shop.reserve_keyed(&product, "ada", 3, "one").await.is(201);
    shop.move_clock(1000).await;
    for _ in 0..2 {
        let again = shop.reserve_keyed(&product, "ada", 3, "one").await.is(200);
        assert_eq!((again.json(), again.header("idempotent-replayed")), (first.json(), Some("true")), "{again}");
    }
    shop.reserve_keyed(&product, "ada", 2, "one").await.refused(422, "idempotency_key_reused");
    ended(shop.reserve_keyed(&product, "ada", 4, "two").await, end);
}

async fn a_long_wait_is_told_as_a_day(mode: Mode) {
    let shop = standing(mode).await;
    let start = shop.clock().millis() + 40 * 24 * 60 * 60 * 1000;
    let product = product(&shop, json!({ "startsAt": instant(start) })).await;
    let early = not_started(shop.reserve(&product, "ada", 1).await, start);
    assert_eq!(early.header("retry-after"), Some("86400"), "{early}");
}

async fn what_is_no_term_is_refused(mode: Mode) {
    let shop = standing(mode).await;
    let product = shop.product(10).await;
    let bad = [
        json!(1_795_780_800_000_i64),
        json!(""),
        json!("noon"),
        json!("2026-11-27"),
        json!("2026-11-27T12:00:00"),
        json!("2026-02-29T12:00:00Z"),
        json!("2026-11-27T12:00:00+24:00"),
        json!("1969-12-31T23:59:59.999Z"),
        json!("9999-01-01T00:00:00Z"),
        json!(true),
        json!([]),
        json!({}),
    ];
    for bad in bad {
        let body = json!({ "name": "Phone", "price": 1, "totalStock": 1, "startsAt": bad, "endsAt": bad });
        shop.post("/api/products", &body).await.invalid(&["startsAt", "endsAt"]);
        shop.patch(&path(&product), &json!({ "startsAt": bad, "endsAt": bad })).await.invalid(&["startsAt", "endsAt"]);
    }
    for bad in [json!(0), json!(-1), json!(1_000_001), json!("2"), json!(2.0), json!(1.5), json!(true), json!([])] {
        let body = json!({ "name": "Phone", "price": 1, "totalStock": 1, "maxPerReservation": bad });
        shop.post("/api/products", &body).await.invalid(&["maxPerReservation"]);
        shop.patch(&path(&product), &json!({ "maxPerReservation": bad })).await.invalid(&["maxPerReservation"]);
    }
    // All at once, with the others.
    let body = json!({ "price": -1, "startsAt": "noon", "endsAt": 1, "maxPerReservation": 0 });
    let fields = ["name", "price", "totalStock", "startsAt", "endsAt", "maxPerReservation"];
    shop.post("/api/products", &body).await.invalid(&fields);
    let swapped = json!({ "startsAt": "2026-11-27T12:00:00Z", "endsAt": "2026-11-27T12:00:00Z" });
    shop.post("/api/products", &swapped).await.invalid(&["name", "price", "totalStock", "endsAt"]);
    let body = json!({ "startsAt": "2026-11-27T12:00:00Z", "endsAt": "2026-11-27T12:00:00Z", "addStock": 0.5 });
    shop.patch(&path("no-id"), &body).await.invalid(&["productId", "addStock", "endsAt"]);
    assert_eq!(shop.get(&path(&product)).await.is(200).count("totalStock"), 10);
    // The edges are fine.
    let edges =
        json!({ "startsAt": "1970-01-01T00:00:00Z", "endsAt": "9998-12-31T23:59:59.999Z", "maxPerReservation": 1 });
    shop.patch(&path(&product), &edges).await.is(200);
    shop.reserve(&product, "ada", 1).await.is(201);
}

async fn an_end_is_later_than_its_start(mode: Mode) {
    let shop = standing(mode).await;
    let now = shop.clock().millis();
    let product = product(&shop, json!({ "startsAt": instant(now), "endsAt": instant(now + 1000) })).await;
    let before = shop.get(&path(&product)).await.is(200);
    // By what the product has: nothing of the change is made, and no unit is taken.
    for (body, field) in [
        (json!({ "endsAt": instant(now), "name": "Tablet" }), "endsAt"),
        (json!({ "endsAt": instant(now), "startsAt": instant(now) }), "endsAt"),
        // What was sent is to blame, not what the product has.
        (json!({ "startsAt": instant(now + 1000), "addStock": 3 }), "startsAt"),
        (json!({ "startsAt": instant(now + 1001), "addStock": -3 }), "startsAt"),
        // Of two faults the same one is told in every mode: the one in the stock.
        (json!({ "endsAt": instant(now), "addStock": 999_999_999 }), "addStock"),
    ] {
        shop.patch(&path(&product), &body).await.invalid(&[field]);
        let after = shop.get(&path(&product)).await.is(200);
        assert_eq!(after.body(), before.body(), "{after}");
    }
    let body = json!({ "endsAt": instant(now), "addStock": -11 });
    shop.patch(&path(&product), &body).await.refused(409, "insufficient_stock");
    let moved = json!({ "startsAt": instant(now + 1000), "endsAt": instant(now + 1001) });
    shop.patch(&path(&product), &moved).await.is(200);
    shop.patch(&path(&product), &json!({ "startsAt": null, "endsAt": instant(now + 1) })).await.is(200);
    shop.reserve(&product, "ada", 10).await.is(201);
}

async fn the_shop_takes_stock_off_sale_under_any_terms(mode: Mode) {
    let shop = standing(mode).await;
    let now = shop.clock().millis();
    let terms = json!({ "startsAt": instant(now + 1000), "endsAt": instant(now + 2000), "maxPerReservation": 1 });
    let product = product(&shop, terms).await;
    for left in [7, 4, 1] {
        let taken = shop.patch(&path(&product), &json!({ "addStock": -3 })).await.is(200);
        assert_eq!(taken.count("totalStock"), left, "{taken}");
        assert_eq!(shop.reserve(&product, "ada", 2).await.status(), 409);
        shop.move_clock(1000).await;
    }
}

async fn terms_outlive_what_the_gate_forgets(mode: Mode) {
    let shop = standing(mode).await;
    let start = shop.clock().millis() + 26 * 60 * 60 * 1000;
    let product = product(&shop, json!({ "startsAt": instant(start), "maxPerReservation": 2 })).await;
    not_started(shop.reserve(&product, "ada", 1).await, start);
    if mode != Mode::Embedded {
        shop.redis().flush().await.unwrap();
        not_started(shop.reserve(&product, "ada", 1).await, start);
    }
    // A gate that nobody calls for a day is forgotten.
    shop.advance(Duration::from_hours(26)).await;
    over(shop.reserve(&product, "ada", 3).await, 2);
    shop.reserve(&product, "ada", 2).await.is(201);
    shop.get(&reserve_path(&product)).await.invalid(&["userId"]);
}
