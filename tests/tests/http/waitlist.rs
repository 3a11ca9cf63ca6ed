//! The waiting list: places, turns, and nobody past those who wait.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::processes::Processes;
use crate::reply::Reply;
use crate::shop::{Level, Mode, Plan, Shop, settled};

cases!(
    a_place_is_had_kept_and_left,
    who_waits_is_called_in_turn,
    a_walk_in_takes_nothing_from_those_who_wait,
    a_lapse_and_a_restock_call_the_next,
    who_waits_for_the_start_is_called_at_the_start,
    what_can_never_be_is_not_waited_for,
    what_is_no_wish_is_refused,
    a_line_is_read_in_pages,
    many_who_wait_and_more_who_walk_in,
);
cases!(@mode embedded_processes, Embedded, a_line_outlives_its_servers);
cases!(@mode distributed_processes, Distributed, a_line_outlives_its_servers, a_mark_that_is_wrong_is_told_and_put_right);

/// How long anything may take: a busy machine calls late.
const PATIENCE: Duration = Duration::from_mins(1);

const WAITS: [&str; 6] = ["productId", "userId", "quantity", "called", "joinedAt", "ahead"];
const CALLED: [&str; 6] = ["productId", "userId", "quantity", "called", "reservationId", "expiresAt"];

fn path(product: &str) -> String {
    format!("/api/products/{product}/waitlist")
}

async fn try_join(shop: &Shop, product: &str, user: &str, quantity: u64) -> Reply {
    shop.post(&path(product), &json!({ "userId": user, "quantity": quantity })).await
}

/// Puts somebody in line who did not wait.
async fn join(shop: &Shop, product: &str, user: &str, quantity: u64) -> Reply {
    try_join(shop, product, user, quantity).await.is(201).has_exactly(&WAITS)
}

async fn wait(shop: &Shop, product: &str, user: &str) -> Reply {
    shop.get(&format!("{}?userId={user}", path(product))).await
}

/// How many wait before a user; fails if they are called.
async fn ahead(shop: &Shop, product: &str, user: &str) -> u64 {
    wait(shop, product, user).await.is(200).has_exactly(&WAITS).count("ahead")
}

/// Waits until a user is called, and answers with what they hold.
async fn called(shop: &Shop, product: &str, user: &str) -> Reply {
    let begun = Instant::now();
    loop {
        let reply = wait(shop, product, user).await.is(200);
        if reply.json()["called"] == true {
            let hold = shop.hold(product, user).await.is(200);
            for field in ["reservationId", "expiresAt", "quantity"] {
                assert_eq!(reply.json()[field], hold.json()[field], "{reply}\n{hold}");
            }
            return reply.has_exactly(&CALLED);
        }
        assert!(begun.elapsed() < PATIENCE, "{user} is not called: {reply}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// Gives the usher of every instance the time for some rounds.
async fn some_rounds() {
    sleep(Duration::from_millis(1500)).await;
}

fn behind(reply: Reply, available: u64) {
    let reply = reply.refused(409, "insufficient_stock");
    assert_eq!(
        (reply.text("reason"), reply.count("availableStock")),
        ("waiting_list".to_owned(), available),
        "{reply}"
    );
}

async fn a_place_is_had_kept_and_left(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(2).await;
    shop.reserve(&product, "eve", 2).await.is(201);
    wait(&shop, &product, "ada").await.refused(404, "not_waiting");
    let first = join(&shop, &product, "ada", 2).await;
    assert_eq!(
        (first.text("userId"), first.count("quantity"), first.count("ahead")),
        ("ada".to_owned(), 2, 0),
        "{first}"
    );
    assert_eq!((first.id("productId"), &first.json()["called"]), (product.clone(), &json!(false)), "{first}");
    assert_eq!(join(&shop, &product, "bob", 1).await.count("ahead"), 1);
    assert_eq!(join(&shop, &product, "carl", 1).await.count("ahead"), 2);
    // On every instance, again and again.
    for _ in 0..2 {
        assert_eq!((ahead(&shop, &product, "ada").await, ahead(&shop, &product, "carl").await), (0, 2));
        let again = try_join(&shop, &product, "ada", 1).await.is(200).has_exactly(&WAITS);
        assert_eq!((again.count("quantity"), again.count("ahead")), (1, 0), "{again}");
        assert_eq!(again.json()["joinedAt"], first.json()["joinedAt"], "{again}");
    }
    let left = shop.delete(&path(&product), &json!({ "userId": "bob" })).await.is(200);
    assert_eq!((left.text("userId"), left.count("quantity")), ("bob".to_owned(), 1), "{left}");
    shop.call("DELETE", &format!("{}?userId=bob", path(&product))).send().await.refused(404, "not_waiting");
    assert_eq!(ahead(&shop, &product, "carl").await, 1);
    assert_eq!(join(&shop, &product, "bob", 1).await.count("ahead"), 2);
    // Who waits holds nothing, and the counters know nothing of it.
    shop.hold(&product, "ada").await.refused(404, "no_reservation");
    assert_eq!(shop.level(&product).await, Level::of(2, 2));
    // Two lines have nothing to do with each other.
    let other = shop.product(1).await;
    wait(&shop, &other, "ada").await.refused(404, "not_waiting");
    shop.reserve(&other, "fay", 1).await.is(201);
}

async fn who_waits_is_called_in_turn(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(3).await;
    shop.reserve(&product, "eve", 3).await.is(201);
    for (user, quantity) in [("ada", 2), ("bob", 2), ("carl", 1)] {
        join(&shop, &product, user, quantity).await;
    }
    shop.reserve(&product, "eve", 2).await.is(200);
    // One is free: carl would be content with it, but it is ada's turn.
    some_rounds().await;
    assert_eq!((ahead(&shop, &product, "ada").await, ahead(&shop, &product, "carl").await), (0, 2));
    shop.release(&product, "eve").await.is(200);
    assert_eq!(called(&shop, &product, "ada").await.count("quantity"), 2);
    assert_eq!((ahead(&shop, &product, "bob").await, ahead(&shop, &product, "carl").await), (0, 1));
    shop.checkout(&product, "ada").await.is(201);
    wait(&shop, &product, "ada").await.refused(404, "not_waiting");
    // One is left to sell at all: bob gets that, since it will never be two.
    assert_eq!(called(&shop, &product, "bob").await.count("quantity"), 1);
    shop.release(&product, "bob").await.is(200);
    called(&shop, &product, "carl").await;
    shop.checkout(&product, "carl").await.is(201);
    assert_eq!(shop.level(&product).await, Level::of(0, 0));
}

async fn a_walk_in_takes_nothing_from_those_who_wait(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(5).await;
    for user in ["eve", "fay"] {
        shop.reserve(&product, user, 2).await.is(201);
    }
    // One is free, and it is not enough for the first in line.
    join(&shop, &product, "ada", 3).await;
    for user in ["bob", "carl", "eve"] {
        behind(shop.reserve(&product, user, 3).await, 1);
        behind(shop.reserve_keyed(&product, user, 3, "a-key").await, 1);
    }
    behind(shop.reserve(&product, "bob", 1).await, 1);
    // A hold that stands is its owner's: it may be kept and lowered, and what is given back waits for ada.
    shop.reserve(&product, "eve", 2).await.is(200);
    shop.reserve(&product, "eve", 1).await.is(200);
    behind(shop.reserve(&product, "eve", 2).await, 2);
    // The shop may take off sale what is free.
    shop.patch(&format!("/api/products/{product}"), &json!({ "addStock": -1 })).await.is(200);
    behind(shop.reserve(&product, "bob", 1).await, 1);
    shop.patch(&format!("/api/products/{product}"), &json!({ "addStock": 2 })).await.is(200);
    assert_eq!(called(&shop, &product, "ada").await.count("quantity"), 3);
    // Nobody waits any more: what is free is anybody's again.
    shop.release(&product, "fay").await.is(200);
    let begun = Instant::now();
    while shop.reserve(&product, "bob", 2).await.status() != 201 {
        assert!(begun.elapsed() < PATIENCE, "nobody waits, and nobody is let in");
    }
    assert_eq!(shop.level(&product).await, Level::of(6, 6));
}

async fn a_lapse_and_a_restock_call_the_next(mode: Mode) {
    let shop = Shop::set_up(mode, Plan { standing_clock: true, ..Plan::USUAL }).await;
    let product = shop.product(1).await;
    shop.reserve(&product, "eve", 1).await.is(201);
    for user in ["ada", "bob", "carl"] {
        join(&shop, &product, user, 1).await;
    }
    shop.advance(Duration::from_mins(10) - Duration::from_millis(1)).await;
    some_rounds().await;
    assert_eq!(ahead(&shop, &product, "ada").await, 0);
    shop.move_clock(1).await;
    let hold = called(&shop, &product, "ada").await;
    // The usual time from the call on, however long the wait was.
    assert_eq!(hold.millis("expiresAt"), shop.clock().millis() + 600_000, "{hold}");
    shop.advance(Duration::from_mins(10)).await;
    called(&shop, &product, "bob").await;
    wait(&shop, &product, "ada").await.refused(404, "not_waiting");
    shop.checkout(&product, "bob").await.is(201);
    shop.reserve(&product, "fay", 1).await.refused(409, "insufficient_stock");
    some_rounds().await;
    assert_eq!(ahead(&shop, &product, "carl").await, 0);
    shop.patch(&format!("/api/products/{product}"), &json!({ "addStock": 1 })).await.is(200);
    called(&shop, &product, "carl").await;
}

async fn who_waits_for_the_start_is_called_at_the_start(mode: Mode) {
    let shop = Shop::set_up(mode, Plan { standing_clock: true, ..Plan::USUAL }).await;
    let instant = |millis: i64| format!("{:.3}", jiff::Timestamp::from_millisecond(millis).unwrap());
    let start = shop.clock().millis() + 5000;
    let body =
        json!({ "name": "Phone", "price": 1, "totalStock": 2, "startsAt": instant(start), "maxPerReservation": 2 });
    let product = shop.post("/api/products", &body).await.is(201).id("id");
    for user in ["ada", "bob", "carl"] {
        join(&shop, &product, user, 1).await;
    }
    shop.reserve(&product, "eve", 1).await.refused(409, "sale_not_started");
    shop.move_clock(4999).await;
    some_rounds().await;
    assert_eq!(ahead(&shop, &product, "ada").await, 0);
    shop.move_clock(1).await;
    for user in ["ada", "bob"] {
        called(&shop, &product, user).await;
    }
    behind(shop.reserve(&product, "eve", 1).await, 0);
    assert_eq!(ahead(&shop, &product, "carl").await, 0);
    // With the sale ends the line.
    let end = json!({ "endsAt": instant(start + 1000) });
    shop.patch(&format!("/api/products/{product}"), &end).await.is(200);
    shop.move_clock(1000).await;
    shop.release(&product, "bob").await.is(200);
    let begun = Instant::now();
    while wait(&shop, &product, "carl").await.status() != 404 {
        assert!(begun.elapsed() < PATIENCE, "carl waits for what will never come");
        sleep(Duration::from_millis(50)).await;
    }
    shop.reserve(&product, "eve", 1).await.refused(409, "sale_ended");
    try_join(&shop, &product, "eve", 1).await.refused(409, "sale_ended");
    shop.checkout(&product, "ada").await.is(201);
}

async fn what_can_never_be_is_not_waited_for(mode: Mode) {
    let shop = Shop::set_up(mode, Plan { standing_clock: true, ..Plan::USUAL }).await;
    let body = json!({ "name": "Phone", "price": 1, "totalStock": 0, "maxPerReservation": 2 });
    let product = shop.post("/api/products", &body).await.is(201).id("id");
    let over = try_join(&shop, &product, "ada", 3).await.refused(409, "limit_per_reservation");
    assert_eq!(over.count("maxPerReservation"), 2, "{over}");
    join(&shop, &product, "ada", 2).await;
    try_join(&shop, &product, "ada", 3).await.refused(409, "limit_per_reservation");
    let limit = json!({ "maxPerReservation": 1, "addStock": 3 });
    shop.patch(&format!("/api/products/{product}"), &limit).await.is(200);
    assert_eq!(called(&shop, &product, "ada").await.count("quantity"), 1);
}

async fn what_is_no_wish_is_refused(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(1).await;
    let ghost = "019ab2c3-1f40-7c2a-9d5e-0a1b2c3d4e5f";
    try_join(&shop, ghost, "ada", 1).await.refused(404, "product_not_found");
    wait(&shop, ghost, "ada").await.refused(404, "product_not_found");
    shop.delete(&path(ghost), &json!({ "userId": "ada" })).await.refused(404, "product_not_found");
    shop.get(&path(ghost)).await.refused(404, "product_not_found");
    shop.post(&path(&product), &json!({})).await.invalid(&["userId", "quantity"]);
    try_join(&shop, "no-id", " ", 0).await.invalid(&["productId", "userId", "quantity"]);
    wait(&shop, &product, "%20").await.invalid(&["userId"]);
    shop.delete(&path(&product), &json!({})).await.invalid(&["userId"]);
    for bad in ["limit=0", "limit=101", "cursor=x", "cursor=-1", "cursor=1234567890123456789"] {
        let field = bad.split('=').next().unwrap();
        shop.get(&format!("{}?{bad}", path(&product))).await.invalid(&[field]);
    }
    shop.call("PATCH", &path(&product)).send().await.refused(405, "method_not_allowed");
    assert_eq!(shop.get(&path(&product)).await.is(200).json(), &json!({ "items": [], "nextCursor": null }));
}

async fn a_line_is_read_in_pages(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(0).await;
    let users: Vec<String> = (0..7).map(|nth| format!("user {nth} \u{fc}")).collect();
    for user in &users {
        join(&shop, &product, user, 1).await;
    }
    shop.delete(&path(&product), &json!({ "userId": users[2] })).await.is(200);
    for size in [1, 3, 6, 100] {
        let (mut read, mut next) = (Vec::new(), String::new());
        loop {
            let page = shop.get(&format!("{}?limit={size}{next}", path(&product))).await.is(200);
            let page = page.has_exactly(&["items", "nextCursor"]);
            let items = page.json()["items"].as_array().unwrap();
            assert!(items.len() <= size, "{page}");
            read.extend(items.iter().map(|item| item["userId"].as_str().unwrap().to_owned()));
            let Some(cursor) = page.json()["nextCursor"].as_str() else { break };
            next = format!("&cursor={cursor}");
        }
        let expected: Vec<_> = users.iter().filter(|user| **user != users[2]).cloned().collect();
        assert_eq!(read, expected, "in pages of {size}");
    }
}

/// Twenty wait for eight units, and dozens try their luck on every instance from before they are free until all are called.
async fn many_who_wait_and_more_who_walk_in(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(8).await;
    shop.reserve(&product, "eve", 8).await.is(201);
    for nth in 0..20 {
        join(&shop, &product, &format!("ada{nth}"), 1).await;
    }
    let walk_ins = join_all((0..16).map(async |nth| {
        for round in 0..12 {
            let reply =
                shop.reserve(&product, &format!("fay{nth}-{round}"), 1).await.refused(409, "insufficient_stock");
            assert_eq!(reply.text("reason"), "waiting_list", "{reply}");
        }
    }));
    let sale = async {
        shop.release(&product, "eve").await.is(200);
        for nth in 0..8 {
            called(&shop, &product, &format!("ada{nth}")).await;
        }
    };
    tokio::join!(walk_ins, sale);
    assert_eq!(shop.level(&product).await, Level::of(8, 8));
    for nth in 8..20 {
        assert_eq!(ahead(&shop, &product, &format!("ada{nth}")).await, nth - 8);
    }
    // Half of them pay, half give back: four more are called, each of those who paid had one unit, and nothing is lost.
    for nth in 0..8 {
        let user = format!("ada{nth}");
        if nth % 2 == 0 {
            shop.checkout(&product, &user).await.is(201);
        } else {
            shop.release(&product, &user).await.is(200);
        }
    }
    for nth in 8..12 {
        called(&shop, &product, &format!("ada{nth}")).await;
    }
    some_rounds().await;
    assert_eq!((ahead(&shop, &product, "ada12").await, shop.level(&product).await), (0, Level::of(4, 4)));
}

/// A kill of every server, in the midst of it: who waited waits, who was called was called once.
async fn a_line_outlives_its_servers(mode: Mode) {
    let mut shop = Processes::start(mode, &[]).await;
    let product = shop.product(4).await;
    let line = path(&product);
    let reserve = format!("/api/products/{product}/reserve");
    let ask = async |shop: &Processes, method: &str, path: &str, body: serde_json::Value| {
        settled(async || shop.call(method, path).json(&body).try_send().await).await
    };
    ask(&shop, "POST", &reserve, json!({ "userId": "eve", "quantity": 4 })).await.is(201);
    for nth in 0..10 {
        let joined = ask(&shop, "POST", &line, json!({ "userId": format!("ada{nth}"), "quantity": 1 })).await;
        joined.check(matches!(joined.status(), 200 | 201), "it waits");
    }
    ask(&shop, "DELETE", &reserve, json!({ "userId": "eve" })).await;
    for nth in 0..shop.apps().len() {
        // Some time within a round or between two, whichever it comes to.
        sleep(Duration::from_millis(120)).await;
        shop.apps()[nth].kill9().await.unwrap();
        shop.restart(nth).await;
    }
    let wait = async |shop: &Processes, nth: u64| {
        let path = format!("{line}?userId=ada{nth}");
        settled(async || shop.call("GET", &path).try_send().await).await.is(200)
    };
    let begun = Instant::now();
    while (wait(&shop, 3).await).json()["called"] != true {
        assert!(begun.elapsed() < PATIENCE, "ada3 is not called");
        sleep(Duration::from_millis(50)).await;
    }
    for nth in 0..4 {
        let hold = wait(&shop, nth).await.has_exactly(&CALLED);
        assert_eq!(hold.count("quantity"), 1, "{hold}");
    }
    for nth in 4..10 {
        assert_eq!(wait(&shop, nth).await.has_exactly(&WAITS).count("ahead"), nth - 4);
    }
    let status = format!("/api/products/{product}/status");
    let level = settled(async || shop.call("GET", &status).try_send().await).await.is(200);
    assert_eq!((level.count("totalStock"), level.count("reservedStock")), (4, 4), "{level}");
    // An instance that has just started has not looked yet.
    let begun = Instant::now();
    let metrics = async || settled(async || shop.call("GET", "/metrics").try_send().await).await.is(200);
    while !metrics().await.body().contains("flashdeal_waiting_lists 1") {
        assert!(begun.elapsed() < PATIENCE, "the metrics do not tell of the line");
        sleep(Duration::from_millis(50)).await;
    }
    let (code, said) = shop.command(&["verify"]).await;
    // An embedded shop's folder is its server's.
    assert!(mode == Mode::Embedded || code == Some(0), "{said}");
}

/// Somebody wrote around the servers: an audit says so, and the usher puts it right, both ways.
async fn a_mark_that_is_wrong_is_told_and_put_right(mode: Mode) {
    let mut shop = Processes::start(mode, &[]).await;
    let product = shop.product(1).await;
    let (line, reserve) = (path(&product), format!("/api/products/{product}/reserve"));
    let ask = async |shop: &Processes, path: &str, user: &str| {
        let body = json!({ "userId": user, "quantity": 1 });
        settled(async || shop.call("POST", path).json(&body).try_send().await).await
    };
    ask(&shop, &reserve, "eve").await.is(201);
    for reason in ["all_held", "waiting_list"] {
        for app in shop.apps() {
            app.kill9().await.unwrap();
        }
        shop.database().sql("UPDATE products SET queued = NOT queued, version = version + 1").await.unwrap();
        let (code, said) = shop.command(&["verify"]).await;
        assert!(code == Some(1) && said.contains("waiting_list_mismarked"), "{code:?} {said}");
        for nth in 0..shop.apps().len() {
            shop.restart(nth).await;
        }
        let begun = Instant::now();
        loop {
            let (code, said) = shop.command(&["verify"]).await;
            let refused = ask(&shop, &reserve, "fay").await.refused(409, "insufficient_stock");
            if code == Some(0) && refused.text("reason") == reason {
                break;
            }
            assert!(begun.elapsed() < PATIENCE, "the mark is not put right: {said} {refused}");
        }
        // The second time round somebody waits.
        ask(&shop, &line, "ada").await;
    }
}
