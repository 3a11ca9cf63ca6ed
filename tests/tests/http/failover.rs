//! Whoever leads dies in the middle of a sale, of a cluster or by the word of a sentinel: a replica takes over, and the sale goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use flashdeal_tests::certificates::Certificates;
use flashdeal_tests::cluster::RedisCluster;
use flashdeal_tests::http::Http;
use flashdeal_tests::postgres::PrivatePostgres;
use flashdeal_tests::process::{AppOptions, AppProcess, flashdeal_binary};
use flashdeal_tests::redis::{PrivateRedis, RedisOptions};
use flashdeal_tests::sentinel::WatchedRedis;
use futures_util::future::join_all;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::reply::Reply;
use crate::shop::{Call, Level, Mode, PATIENCE, Plan, Shop, checkout_path, reserve_path, settled};

cases!(cluster only: a_sale_goes_on_when_a_primary_is_killed);

const BUYERS: usize = 16;
/// Of what is on the primary that is killed, and of what is not.
const UNITS: [u64; 2] = [3_000, 100_000];
/// The sale is under way when so many were sold.
const UNDER_WAY: usize = 40;

/// What is seen of the sale of one product.
#[derive(Default)]
struct Sale {
    product: String,
    sold: AtomicUsize,
    unavailable: AtomicUsize,
    over: AtomicBool,
}

async fn a_sale_goes_on_when_a_primary_is_killed(mode: Mode) {
    let shop = Shop::set_up(mode, Plan { replicas: 1, ..Plan::default() }).await;
    let cluster = shop.redis().cluster();
    let [victim, bystander] = two_nodes_apart(&shop, cluster).await;
    let buyers = (0..BUYERS).flat_map(|n| [(n, &victim), (n, &bystander)]);
    let buyers = buyers.map(|(n, sale)| buy_until_it_is_over(&shop, sale, format!("buyer{n}")));
    let (orders, ()) = tokio::join!(join_all(buyers), kill_a_primary(cluster, &victim, &bystander));

    let mut told: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (product, orders) in orders {
        told.entry(product).or_default().extend(orders);
    }
    let mut left = Vec::new();
    for (sale, units) in [&victim, &bystander].into_iter().zip(UNITS) {
        let told = &told[sale.product.as_str()];
        // Everybody asked until they were told: there is no order that nobody knows of.
        assert_eq!(&orders_of(&shop, sale).await, told, "of {units}");
        left.push(units - u64::try_from(told.len()).unwrap());
    }
    assert_eq!(level(&shop, &victim).await, Level::of(0, 0));
    assert_eq!(level(&shop, &bystander).await, Level::of(left[1], 0));
    assert!(victim.unavailable.load(Ordering::SeqCst) > 0, "nobody noticed");

    cluster.wait_until_agreed().await.unwrap();
    let (product, body) = (&bystander.product, json!({ "userId": "ada", "quantity": 1 }));
    settled_in(&bystander, || shop.call("POST", &reserve_path(product)).json(&body)).await.is(201);
    settled_in(&bystander, || shop.call("POST", &checkout_path(product)).json(&body)).await.is(201);
}

/// Every order of a sale, of one unit each.
async fn orders_of(shop: &Shop, sale: &Sale) -> BTreeSet<String> {
    let mut orders = BTreeSet::new();
    let mut path = "/api/orders?limit=100".to_owned();
    loop {
        let page = settled_in(sale, || shop.call("GET", &path)).await.is(200);
        for order in page.json()["items"].as_array().unwrap() {
            if order["productId"] == sale.product {
                assert_eq!(order["quantity"], 1, "{page}");
                orders.insert(order["orderId"].as_str().unwrap().to_owned());
            }
        }
        let Some(cursor) = page.json()["nextCursor"].as_str() else { return orders };
        path = format!("/api/orders?limit=100&cursor={cursor}");
    }
}

async fn level(shop: &Shop, sale: &Sale) -> Level {
    let path = format!("/api/products/{}/status", sale.product);
    let status = settled_in(sale, || shop.call("GET", &path)).await.is(200);
    let [total, reserved, available] = ["totalStock", "reservedStock", "availableStock"].map(|name| status.count(name));
    Level { total, reserved, available }
}

/// The sale of a product on the first primary, and that of one on another.
async fn two_nodes_apart(shop: &Shop, cluster: &RedisCluster) -> [Sale; 2] {
    let first = cluster.primaries()[0].addr();
    let mut sales = Vec::new();
    for (on_first, units) in [true, false].into_iter().zip(UNITS) {
        loop {
            let product = shop.product(units).await;
            let primary = cluster.primary_of(&format!("flashdeal:{{{product}}}")).await.unwrap();
            if (primary.addr() == first) == on_first {
                sales.push(Sale { product, ..Sale::default() });
                break;
            }
        }
    }
    sales.try_into().unwrap_or_else(|_| unreachable!("there are two"))
}

/// Kills the primary of the one in the middle of the sale, sees its replica take over while the sale of the other goes on, and
/// starts it again.
async fn kill_a_primary(cluster: &RedisCluster, victim: &Sale, bystander: &Sale) {
    let (primary, replica) = (&cluster.primaries()[0], &cluster.replicas()[0]);
    until("the sale is under way", async || {
        [victim, bystander].iter().all(|sale| sale.sold.load(Ordering::SeqCst) >= UNDER_WAY)
    })
    .await;
    primary.kill9().await.unwrap();
    let (before, others_before) = (victim.sold.load(Ordering::SeqCst), bystander.sold.load(Ordering::SeqCst));
    assert!(!victim.over.load(Ordering::SeqCst), "the sale was over too early to tell");
    until("what other primaries serve goes on", async || bystander.sold.load(Ordering::SeqCst) > others_before).await;
    until("the replica takes over", async || leads(replica).await).await;
    until("the sale goes on", async || victim.sold.load(Ordering::SeqCst) > before + BUYERS).await;
    primary.restart().await.unwrap();
    until("it is sold out", async || victim.over.load(Ordering::SeqCst)).await;
    bystander.over.store(true, Ordering::SeqCst);
}

async fn leads(node: &PrivateRedis) -> bool {
    // Whom a sentinel makes the master hangs up on everybody, so that they look for the master anew.
    node.command(&["ROLE"]).await.is_ok_and(|role| format!("{role:?}").contains("master"))
}

async fn until(what: &str, happened: impl AsyncFn() -> bool) {
    let began = Instant::now();
    while !happened().await {
        assert!(began.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Buys one unit after the other, until there are none or the sale is called off. Returns the orders they were told of.
async fn buy_until_it_is_over<'a>(shop: &Shop, sale: &'a Sale, user: String) -> (&'a str, BTreeSet<String>) {
    let mut orders = BTreeSet::new();
    while !sale.over.load(Ordering::SeqCst) {
        let body = json!({ "userId": user, "quantity": 1 });
        let hold = settled_in(sale, || shop.call("POST", &reserve_path(&sale.product)).json(&body)).await;
        match (hold.status(), hold.json()["reason"].as_str(), hold.code()) {
            (200 | 201, ..) => {}
            (409, Some("sold_out"), _) => {
                sale.over.store(true, Ordering::SeqCst);
                break;
            }
            // A replica may have missed the end of a sale: until it is settled it is still under way.
            (409, Some("all_held"), _) | (409, _, Some("checkout_in_progress")) => {
                sleep(Duration::from_millis(50)).await;
                continue;
            }
            _ => panic!("a hold, or a reason why not\n{hold}"),
        }
        let body = json!({ "userId": user, "reservationId": hold.id("reservationId") });
        let order = settled_in(sale, || shop.call("POST", &checkout_path(&sale.product)).json(&body)).await;
        match order.status() {
            200 | 201 => {
                if orders.insert(order.id("orderId")) {
                    sale.sold.fetch_add(1, Ordering::SeqCst);
                }
            }
            // Redis copies after it has answered: a hold of the last moment may be lost.
            _ => drop(order.refused(404, "no_reservation")),
        }
        sleep(Duration::from_millis(10)).await;
    }
    (&sale.product, orders)
}

/// The settled answer of a call of this sale, which counts how often there was none.
async fn settled_in(sale: &Sale, call: impl Fn() -> Call) -> Reply {
    settled(async || {
        let reply = call().try_send().await;
        if !reply.as_ref().is_ok_and(|reply| reply.status() != 503) {
            sale.unavailable.fetch_add(1, Ordering::SeqCst);
        }
        reply
    })
    .await
}

#[tokio::test]
async fn a_sale_goes_on_when_the_master_that_a_sentinel_names_is_killed() {
    let redis = WatchedRedis::start(RedisOptions::default()).await.unwrap();
    let options = AppOptions::new(flashdeal_binary().unwrap());
    goes_on_when_the_master_is_killed(&redis, options.env("REDIS_URL", &redis.url())).await;
}

#[tokio::test]
async fn a_sale_goes_on_when_a_sentinel_and_whom_it_names_encrypt() {
    let certificates = Arc::new(Certificates::local().unwrap());
    let options = RedisOptions { tls: Some(Arc::clone(&certificates)), ..RedisOptions::default() };
    let redis = WatchedRedis::start(options).await.unwrap();
    let options = AppOptions::new(flashdeal_binary().unwrap()).env("REDIS_URL", &redis.tls_url());
    let trusted = certificates.authority();
    goes_on_when_the_master_is_killed(&redis, options.env("SSL_CERT_FILE", trusted.to_str().unwrap())).await;
}

async fn goes_on_when_the_master_is_killed(redis: &WatchedRedis, options: AppOptions) {
    let database = PrivatePostgres::shared().await.unwrap().empty_database().await.unwrap();
    let options = options.env("FLASHDEAL_RATE_LIMIT", "off").env("DATABASE_URL", &database.url());
    let apps = [
        AppProcess::start_supervised(options.clone()).await.unwrap(),
        AppProcess::start_supervised(options).await.unwrap(),
    ];
    let [one, other] = apps.each_ref().map(|app| app.http().unwrap());
    let made = json!({ "name": "Phone", "price": 5, "totalStock": 4 });
    let product = answered(&one, "POST", "/api/products", &made).await.is(201).id("id");
    let (reserve, checkout) = (reserve_path(&product), checkout_path(&product));
    let held = answered(&one, "POST", &reserve, &json!({ "userId": "ada", "quantity": 3 })).await.is(201);
    answered(&other, "POST", &reserve, &json!({ "userId": "bob", "quantity": 2 })).await.is(409);
    redis.master().wait_until_copied_by(redis.replica()).await.unwrap();

    redis.master().kill9().await.unwrap();
    until("the replica takes over", async || leads(redis.replica()).await).await;
    for http in [&one, &other] {
        let status = answered(http, "GET", &format!("/api/products/{product}/status"), &json!(null)).await.is(200);
        assert_eq!((status.count("totalStock"), status.count("reservedStock")), (4, 3), "{status}");
    }
    let sold = answered(&other, "POST", &checkout, &json!({ "userId": "ada" })).await.is(201);
    assert_eq!(sold.id("reservationId"), held.id("reservationId"), "{sold}");
    answered(&one, "POST", &reserve, &json!({ "userId": "bob", "quantity": 2 })).await.is(409);
    answered(&one, "POST", &reserve, &json!({ "userId": "bob", "quantity": 1 })).await.is(201);
    answered(&other, "POST", &checkout, &json!({ "userId": "bob" })).await.is(201);
}

/// The settled answer of a call.
async fn answered(http: &Http, method: &str, path: &str, body: &serde_json::Value) -> Reply {
    settled(async || {
        let call = Call::new(http.clone(), method, path);
        if body.is_null() { call.try_send().await } else { call.json(body).try_send().await }
    })
    .await
}
