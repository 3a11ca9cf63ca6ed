//! Webhooks: every sold order is told to every endpoint, whatever happens meanwhile.

mod operating;
mod receiver;

use std::collections::BTreeSet;
use std::time::Duration;

use flashdeal_domain::Timestamp;
use flashdeal_tests::postgres::{PostgresOptions, PrivatePostgres};
use flashdeal_tests::process::{AppOptions, AppProcess, flashdeal_binary};
use flashdeal_tests::redis::{PrivateRedis, RedisOptions};
use futures_util::future::join_all;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::processes::{Processes, REQUEST_DEADLINE};
use crate::shop::{Call, Mode, PATIENCE, checkout_path, reserve_path, settled};

use receiver::{Answer, Got, KEY, Receiver, SECRET};

cases!(@mode embedded, Embedded,
    an_order_is_told_whole_and_signed,
    what_an_endpoint_refuses_is_told_again_and_nobody_else_waits,
    an_endpoint_that_was_away_is_told_all_in_order,
    a_kill_in_the_middle_loses_no_order
);
cases!(@mode distributed, Distributed,
    an_order_is_told_whole_and_signed,
    what_an_endpoint_refuses_is_told_again_and_nobody_else_waits,
    an_endpoint_that_was_away_is_told_all_in_order,
    a_kill_in_the_middle_loses_no_order,
    many_products_at_two_instances_are_told_once_each,
    a_record_that_died_is_waited_for
);

/// A shop that tells these receivers, each at the path `/hooks?key=T0KEN`.
async fn shop_with(mode: Mode, receivers: &[&Receiver]) -> Processes {
    let urls: Vec<String> = receivers.iter().map(|receiver| receiver.url("/hooks?key=T0KEN")).collect();
    Processes::start(mode, &[("FLASHDEAL_WEBHOOK_URL", &urls.join(",")), ("FLASHDEAL_WEBHOOK_SECRET", SECRET)]).await
}

/// Buys one unit; the order as the API gives it.
async fn buy(shop: &Processes, product: &str, user: &str) -> Value {
    buy_by(async |path, body| shop.call("POST", path).json(body).try_send().await, product, user).await
}

async fn buy_by(
    post: impl AsyncFn(&str, &Value) -> anyhow::Result<crate::reply::Reply>,
    product: &str,
    user: &str,
) -> Value {
    let (reserve, checkout) = (reserve_path(product), checkout_path(product));
    let body = json!({ "userId": user, "quantity": 1 });
    let held = settled(async || post(&reserve, &body).await).await;
    held.check(matches!(held.status(), 200 | 201), "it is held");
    let body = json!({ "userId": user, "reservationId": held.text("reservationId") });
    let sold = settled(async || post(&checkout, &body).await).await;
    sold.check(matches!(sold.status(), 200 | 201), "it is sold");
    sold.json().clone()
}

fn ids(orders: &[Value]) -> Vec<String> {
    orders.iter().map(|order| order["orderId"].as_str().unwrap().to_owned()).collect()
}

/// Fails, unless the message is one of Standard Webhooks and tells of this order. The signature is computed by other code than the
/// server's, which signs tokens.
fn is_told(got: &Got, order: &Value) {
    assert_eq!(got.request_line(), "POST /hooks?key=T0KEN HTTP/1.1");
    assert_eq!(got.header("content-type"), "application/json");
    let (id, timestamp) = (got.header("webhook-id"), got.header("webhook-timestamp"));
    let signed = format!("{id}.{timestamp}.{}", got.body);
    let key = EncodingKey::from_secret(KEY);
    let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &key, Algorithm::HS256).unwrap();
    let signature = signature.replace('-', "+").replace('_', "/");
    assert_eq!(got.header("webhook-signature"), format!("v1,{signature}="), "{signed}");
    let sold_at = Timestamp::parse(order["createdAt"].as_str().unwrap()).unwrap().as_millis() / 1000;
    let at: i64 = timestamp.parse().unwrap();
    assert!((sold_at - 1..sold_at + 300).contains(&at), "sold at {sold_at}, told at {at}");
    let order_id = order["orderId"].as_str().unwrap();
    assert!(id.contains(order_id) && !id.contains('.'), "{id}");
    let told = got.json();
    assert_eq!(told, json!({ "type": "order.created", "timestamp": order["createdAt"], "data": order }));
}

async fn an_order_is_told_whole_and_signed(mode: Mode) {
    let receiver = Receiver::start().await;
    let shop = shop_with(mode, &[&receiver]).await;
    let product = shop.product(10).await;
    let mut sold = Vec::new();
    for user in ["ada", "böb \"the\" \u{1f600}", "carl"] {
        sold.push(buy(&shop, &product, user).await);
        let told = receiver.has_taken(sold.len()).await;
        let last = receiver.got().into_iter().find(|got| Some(&got.order()) == told.last());
        is_told(&last.unwrap(), sold.last().unwrap());
    }
    let read = shop.call("GET", &format!("/api/orders/{}", ids(&sold)[0])).send().await.is(200);
    assert_eq!(&receiver.got()[0].json()["data"], read.json());
    // A repeated checkout is no new order.
    let body = json!({ "userId": "ada", "reservationId": sold[0]["reservationId"] });
    settled(async || shop.call("POST", &checkout_path(&product)).json(&body).try_send().await).await.is(200);
    sold.push(buy(&shop, &product, "dora").await);
    assert_eq!(receiver.has_taken(4).await, ids(&sold));
    told_once(&shop, &receiver, 4);
}

const TELLS: &str = "delivers to the endpoint from now on";

/// How often an instance began to tell an endpoint: once for each, unless a machine stood still for longer than a lease lasts.
fn terms(shop: &Processes) -> usize {
    shop.apps().iter().map(|app| app.supervised().log().matches(TELLS).count()).sum()
}

/// Fails, if an order was told twice although the same instance had the endpoint all the time.
fn told_once(shop: &Processes, receiver: &Receiver, orders: usize) {
    assert!(terms(shop) >= 1);
    if terms(shop) == 1 {
        assert_eq!(receiver.got().len(), orders, "an order was told twice");
    }
}

async fn what_an_endpoint_refuses_is_told_again_and_nobody_else_waits(mode: Mode) {
    let (troubled, sound) = (Receiver::start().await, Receiver::start().await);
    let shop = shop_with(mode, &[&troubled, &sound]).await;
    let product = shop.product(10).await;
    troubled.plan([
        Answer::Status(204, ""),
        Answer::Status(500, ""),
        Answer::Status(302, "location: /elsewhere\r\n"),
        Answer::Status(429, "retry-after: 2\r\n"),
    ]);
    let mut sold = Vec::new();
    for user in ["ada", "bob", "carl"] {
        sold.push(buy(&shop, &product, user).await);
    }
    assert_eq!(sound.has_taken(3).await, ids(&sold));
    assert_eq!(troubled.has_taken(3).await, ids(&sold));
    if terms(&shop) > 2 {
        // Whoever takes over tells again what was on its way.
        return;
    }
    let got = troubled.got();
    let told: Vec<(String, u16)> = got.iter().map(|got| (got.order(), got.answered)).collect();
    let order = |nth: usize| ids(&sold)[nth].clone();
    let expected = [(0, 204), (1, 500), (1, 302), (1, 429), (1, 204), (2, 204)];
    assert_eq!(told, expected.map(|(nth, status)| (order(nth), status)));
    let of_the_second: BTreeSet<&str> = got[1..5].iter().map(|got| got.header("webhook-id")).collect();
    assert_eq!(of_the_second.len(), 1, "by its id a receiver knows it again");
    for got in &got[1..5] {
        is_told(got, &sold[1]);
    }
    assert!(sound.got().iter().all(|got| got.answered == 204));

    // Said once, with its cause and without what may be a secret.
    let log: String = shop.apps().iter().map(|app| app.supervised().log()).collect();
    assert_eq!(log.matches("the endpoint does not take an order").count(), 1, "{log}");
    assert!(log.contains("answered 500") && log.contains("takes orders again") && !log.contains("T0KEN"), "{log}");
}

async fn an_endpoint_that_was_away_is_told_all_in_order(mode: Mode) {
    let mut receiver = Receiver::start().await;
    let shop = shop_with(mode, &[&receiver]).await;
    let product = shop.product(100).await;
    let mut sold = vec![buy(&shop, &product, "first").await];
    receiver.has_taken(1).await;
    // And the server knows that it has: otherwise it would tell that one again.
    waits(&shop, 0).await;
    receiver.go_away().await;
    for user in 0..5 {
        sold.push(buy(&shop, &product, &format!("user {user}")).await);
    }
    let name = waits(&shop, 5).await;
    assert!(name.starts_with("http://127.0.0.1:") && !name.contains("T0KEN"), "{name}");
    receiver.come_back().await;
    assert_eq!(receiver.has_taken(6).await, ids(&sold));
    waits(&shop, 0).await;
}

/// Waits until the command says that as many orders wait, having failed before if any do. The endpoint's name.
async fn waits(shop: &Processes, orders: u64) -> String {
    let began = Instant::now();
    loop {
        let (status, said) = shop.command(&["webhooks", "status", "--json"]).await;
        assert_eq!(status, Some(0), "{said}");
        let told: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
        let told = &told[0];
        let failed = told["lastFailure"]["why"].as_str().is_some_and(|why| why.contains("refused"));
        if told["waiting"] == orders && (orders == 0 || failed) {
            assert_eq!(told["configured"], true, "{said}");
            return told["endpoint"].as_str().unwrap().to_owned();
        }
        assert!(began.elapsed() < PATIENCE, "{said}");
        sleep(Duration::from_millis(200)).await;
    }
}

async fn a_kill_in_the_middle_loses_no_order(mode: Mode) {
    const ORDERS: usize = 120;
    let receiver = Receiver::start().await;
    // So that there is a middle.
    receiver.slow_down(Duration::from_millis(20));
    let mut shop = shop_with(mode, &[&receiver]).await;
    let product = shop.product(10_000).await;
    sell(&shop, &product, "before", ORDERS / 2).await;
    receiver.has_taken(10).await;
    // Whoever tells them.
    let tells = |app: &AppProcess| app.supervised().log().contains(TELLS);
    let nth = shop.apps().iter().position(tells).unwrap();
    shop.apps()[nth].kill9().await.unwrap();
    shop.restart(nth).await;
    sell(&shop, &product, "after", ORDERS / 2).await;
    let told = receiver.has_taken(ORDERS).await;
    if mode == Mode::Distributed {
        assert_eq!(told, ledger(&shop).await, "in the order of the ledger");
    }
    let (_, said) = shop.command(&["orders", "--format", "jsonl"]).await;
    let sold = said.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    assert_eq!(BTreeSet::from_iter(told), BTreeSet::from_iter(ids(&sold.collect::<Vec<_>>())));
}

/// Buys as many, ten at a time.
async fn sell(shop: &Processes, product: &str, wave: &str, count: usize) {
    for turn in 0..count / 10 {
        join_all((0..10).map(|nth| async move { buy(shop, product, &format!("{wave} {turn} {nth}")).await })).await;
    }
}

/// What PostgreSQL has of sales, in the order of the ledger.
async fn ledger(shop: &Processes) -> Vec<String> {
    let query = "SELECT order_id FROM stock_ledger WHERE kind = 'sold' ORDER BY entry";
    let rows = shop.database().sql(query).await.unwrap();
    rows.into_iter().map(|row| row[0].clone().unwrap()).collect()
}

async fn many_products_at_two_instances_are_told_once_each(mode: Mode) {
    const PRODUCTS: usize = 12;
    const EACH: usize = 10;
    let receiver = Receiver::start().await;
    let shop = shop_with(mode, &[&receiver]).await;
    let products = join_all((0..PRODUCTS).map(|_| shop.product(1000))).await;
    let sold = join_all(products.iter().map(|product| {
        let shop = &shop;
        async move {
            let mut sold = Vec::new();
            for turn in 0..EACH {
                sold.push(buy(shop, product, &format!("user {turn}")).await);
            }
            ids(&sold)
        }
    }))
    .await;
    let sold: BTreeSet<String> = sold.into_iter().flatten().collect();
    let told = receiver.has_taken(PRODUCTS * EACH).await;
    assert_eq!(told, ledger(&shop).await);
    assert_eq!(BTreeSet::from_iter(told), sold);
    told_once(&shop, &receiver, PRODUCTS * EACH);
}

async fn a_record_that_died_is_waited_for(_mode: Mode) {
    let receiver = Receiver::start().await;
    let postgres = PrivatePostgres::start(PostgresOptions::default()).await.unwrap();
    let database = postgres.empty_database().await.unwrap();
    let redis = PrivateRedis::start(RedisOptions::default()).await.unwrap();
    let options = AppOptions::new(flashdeal_binary().unwrap()).env("FLASHDEAL_RATE_LIMIT", "off");
    let options = options.env("DATABASE_URL", &database.url()).env("REDIS_URL", &redis.url());
    let options = options.env("FLASHDEAL_WEBHOOK_URL", &receiver.url("/")).env("FLASHDEAL_WEBHOOK_SECRET", SECRET);
    let options = options.env("FLASHDEAL_REQUEST_DEADLINE", REQUEST_DEADLINE);
    let app = AppProcess::start_supervised(options).await.unwrap();
    let http = app.http().unwrap();
    let post = async |path: &str, body: &Value| Call::new(http.clone(), "POST", path).json(body).try_send().await;
    let body = json!({ "name": "Phone", "price": "9.99", "totalStock": 100 });
    let product = settled(async || post("/api/products", &body).await).await.is(201).id("id");
    let mut sold = vec![buy_by(post, &product, "ada").await];
    receiver.has_taken(1).await;
    for user in ["bob", "carl"] {
        postgres.kill9().await.unwrap();
        // Long enough to be noticed.
        sleep(Duration::from_secs(2)).await;
        postgres.restart().await.unwrap();
        sold.push(buy_by(post, &product, user).await);
    }
    assert_eq!(receiver.has_taken(sold.len()).await, ids(&sold));
    let log = app.supervised().log();
    assert!(!log.contains("panicked"), "{log}");
}
