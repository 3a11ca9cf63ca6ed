//! Pages of other origins: what the server tells their browsers. (`FLASHDEAL_CORS_ORIGINS`)

mod pages;

use std::collections::BTreeSet;

use serde_json::json;

use crate::processes::Processes;
use crate::rate_limit::{one_too_many, state};
use crate::reply::Reply;
use crate::shop::{Mode, Plan, Shop, reserve_path, settled};

cases!(
    a_browser_that_asks_first_is_told_what_a_page_may_do,
    a_page_may_read_answers_and_errors_alike,
    an_origin_that_may_not_is_served_and_told_nothing,
    asking_first_is_free_and_a_429_can_be_read,
    unless_it_is_set_no_answer_knows_of_origins,
);
cases!(embedded only: pages_of_anybody_still_need_a_token);
cases!(@mode distributed_only, Distributed, a_503_can_be_read);

/// Where the pages are that may, and one where there are others.
const SHOP: &str = "https://shop.example";
const STRANGER: &str = "https://stranger.example";
const PLAN: Plan = Plan { cors_origins: "http://localhost:3000, HTTPS://Shop.example:443", ..Plan::USUAL };

const ALLOW_ORIGIN: &str = "access-control-allow-origin";
const EXPOSE: &str = "access-control-expose-headers";
/// What only the answer to a question asked first has.
const ONLY_FIRST: [&str; 3] =
    ["access-control-allow-methods", "access-control-allow-headers", "access-control-max-age"];

/// The question that a browser asks before it sends what a plain page could not.
async fn ask_first(shop: &Shop, origin: &str, method: &str, path: &str) -> Reply {
    let call = shop.call("OPTIONS", path).header("Origin", origin).header("Access-Control-Request-Method", method);
    call.header("Access-Control-Request-Headers", "content-type,idempotency-key").send().await
}

/// The names in a header.
fn listed(reply: &Reply, header: &str) -> BTreeSet<String> {
    reply.header(header).unwrap_or("").split(',').map(|name| name.trim().to_ascii_lowercase()).collect()
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Fails, unless a page of this origin may read the answer with all that is in its headers.
#[track_caller]
fn readable(reply: Reply, origin: &str) -> Reply {
    reply.check(reply.header(ALLOW_ORIGIN) == Some(origin), "the page may read it");
    reply.check(reply.header_count(ALLOW_ORIGIN) == 1, "and is told so once");
    let exposed =
        ["allow", "idempotent-replayed", "location", "ratelimit", "ratelimit-policy", "retry-after", "x-request-id"];
    reply.check(listed(&reply, EXPOSE) == names(&exposed), "headers are part of the answer");
    reply.check(listed(&reply, "vary").contains("origin"), "no cache gives it to others");
    without_cookies(reply)
}

/// Fails, unless no page of another origin may read the answer.
#[track_caller]
fn unreadable(reply: Reply) -> Reply {
    for name in [&[ALLOW_ORIGIN][..], &ONLY_FIRST].concat() {
        reply.check(reply.header(name).is_none(), "nothing is allowed");
    }
    without_cookies(reply)
}

#[track_caller]
fn without_cookies(reply: Reply) -> Reply {
    reply.check(reply.header("access-control-allow-credentials").is_none(), "no page may send cookies");
    reply
}

async fn a_browser_that_asks_first_is_told_what_a_page_may_do(mode: Mode) {
    let shop = Shop::set_up(mode, PLAN).await;
    let product = shop.product(1).await;
    let paths = [reserve_path(&product), "/api/openapi.json".to_owned(), "/api/no-such-route".to_owned()];
    for path in &paths {
        for origin in [SHOP, "http://localhost:3000"] {
            for method in ["GET", "HEAD", "POST", "PATCH", "DELETE"] {
                let told = ask_first(&shop, origin, method, path).await.is(200);
                let told = without_cookies(told);
                assert_eq!(told.header(ALLOW_ORIGIN), Some(origin), "{told}");
                let methods = names(&["get", "head", "post", "patch", "delete"]);
                assert_eq!(listed(&told, "access-control-allow-methods"), methods, "{told}");
                let headers = ["authorization", "content-type", "idempotency-key", "last-event-id", "traceparent"];
                let headers = names(&[&headers[..], &["x-request-id"]].concat());
                assert_eq!(listed(&told, "access-control-allow-headers"), headers, "{told}");
                assert_eq!(told.header("access-control-max-age"), Some("3600"), "{told}");
                assert_eq!(told.body(), "", "{told}");
            }
        }
        unreadable(ask_first(&shop, SHOP, "PUT", path).await.refused(400, "invalid_request"));
    }
    let call = shop.call("OPTIONS", &paths[0]).header("Origin", SHOP).header("Access-Control-Request-Method", "POST");
    unreadable(call.header("Access-Control-Request-Headers", "x-other").send().await.refused(400, "invalid_request"));
    // Paths and methods that a client makes up are no labels.
    let metrics = shop.get("/metrics").await.is(200);
    metrics.check(!metrics.body().contains("no-such-route") && !metrics.body().contains("OPTIONS"), "bounded labels");
}

async fn a_page_may_read_answers_and_errors_alike(mode: Mode) {
    let shop = Shop::set_up(mode, PLAN).await;
    let call = |method: &str, path: &str| shop.call(method, path).header("Origin", SHOP);
    let new = json!({ "name": "Phone", "price": 1, "totalStock": 1 });
    let made = readable(call("POST", "/api/products").json(&new).send().await.is(201), SHOP);
    let product = made.id("id");
    let reserve = async |user: &str| {
        let body = json!({ "userId": user, "quantity": 1 });
        call("POST", &reserve_path(&product)).header("Idempotency-Key", user).json(&body).send().await
    };
    readable(reserve("ada").await.is(201), SHOP);
    let again = readable(reserve("ada").await.is(200), SHOP);
    assert_eq!(again.header("idempotent-replayed"), Some("true"), "{again}");
    readable(reserve("bob").await.refused(409, "insufficient_stock"), SHOP);
    readable(call("POST", "/api/products").body("application/json", "{").send().await.is(400), SHOP);
    readable(call("POST", "/api/products").body("text/plain", "{}").send().await.is(415), SHOP);
    readable(call("GET", "/api/nothing").send().await.refused(404, "route_not_found"), SHOP);
    readable(call("PUT", "/api/products").send().await.refused(405, "method_not_allowed"), SHOP);
    readable(call("GET", "/api/openapi.json").send().await.is(200), SHOP);
    // A question that is no browser's is a method like any other.
    let options = readable(call("OPTIONS", "/api/products").send().await.refused(405, "method_not_allowed"), SHOP);
    assert_eq!(options.header("allow"), Some("GET, HEAD, POST"), "{options}");
    // What is outside of the API is nobody's but the operator's.
    for path in ["/health/live", "/health/ready", "/metrics"] {
        let reply = unreadable(call("GET", path).send().await.is(200));
        reply.check(reply.header("vary").is_none(), "it is the same for everybody");
    }
}

async fn an_origin_that_may_not_is_served_and_told_nothing(mode: Mode) {
    let shop = Shop::set_up(mode, PLAN).await;
    let product = shop.product(9).await;
    let close = ["http://shop.example", "https://shop.example:444", "https://www.shop.example", "null", "", "shop"];
    for (nth, origin) in [&[STRANGER][..], &close].concat().into_iter().enumerate() {
        unreadable(ask_first(&shop, origin, "POST", &reserve_path(&product)).await.refused(400, "invalid_request"));
        // Whoever asks may be no browser at all.
        let body = json!({ "userId": format!("user{nth}"), "quantity": 1 });
        let call = shop.call("POST", &reserve_path(&product)).header("Origin", origin);
        let served = unreadable(call.json(&body).send().await.is(201));
        served.check(listed(&served, "vary").contains("origin"), "no cache gives it to others");
        unreadable(shop.call("GET", "/api/nothing").header("Origin", origin).send().await.is(404));
    }
    unreadable(shop.get("/api/products").await.is(200));
}

async fn asking_first_is_free_and_a_429_can_be_read(mode: Mode) {
    let shop = Shop::set_up(mode, Plan { rate_limit: "3/15m", ..PLAN }).await;
    let ask = async || {
        let told = ask_first(&shop, SHOP, "POST", "/api/products").await.is(200);
        assert_eq!(told.header("ratelimit"), None, "{told}");
    };
    for used in 1..=3 {
        ask().await;
        ask().await;
        let call = shop.call("GET", "/api/products").header("Origin", SHOP);
        let reply = readable(call.send().await.is(200), SHOP);
        assert_eq!(state(&reply).0, 3 - used, "{reply}");
    }
    let call = shop.call("GET", "/api/products").header("Origin", SHOP);
    readable(one_too_many(call.send().await, 900), SHOP);
    unreadable(one_too_many(shop.call("GET", "/api/products").header("Origin", STRANGER).send().await, 900));
    ask().await;
}

async fn unless_it_is_set_no_answer_knows_of_origins(mode: Mode) {
    let shop = Shop::open(mode).await;
    let call = |method: &str, path: &str| shop.call(method, path).header("Origin", SHOP);
    for reply in [
        call("GET", "/api/products").send().await.is(200),
        call("GET", "/api/openapi.json").send().await.is(200),
        call("GET", "/api/nothing").send().await.is(404),
        ask_first(&shop, SHOP, "POST", "/api/products").await.refused(405, "method_not_allowed"),
        ask_first(&shop, SHOP, "GET", "/api/openapi.json").await.refused(405, "method_not_allowed"),
    ] {
        let reply = unreadable(reply);
        reply.check(reply.header(EXPOSE).is_none() && reply.header("vary").is_none(), "nothing depends on the origin");
        let allow = reply.header("allow").is_some_and(|allow| allow.starts_with("GET, HEAD"));
        reply.check(allow == (reply.status() == 405), "405 says what there is");
    }
}

async fn pages_of_anybody_still_need_a_token(mode: Mode) {
    let settings = [
        ("FLASHDEAL_CORS_ORIGINS", "*"),
        ("FLASHDEAL_AUTH", "jwt"),
        ("FLASHDEAL_JWT_ALGORITHM", "HS256"),
        ("FLASHDEAL_JWT_AUDIENCE", "shop"),
        ("FLASHDEAL_JWT_SECRET", "secret-of-several-bytes-more-than-32"),
    ];
    let shop = Processes::start(mode, &settings).await;
    for origin in [SHOP, STRANGER] {
        let call = || shop.call("OPTIONS", "/api/products").header("Origin", origin);
        let ask = async || call().header("Access-Control-Request-Method", "POST").try_send().await;
        let told = without_cookies(settled(ask).await.is(200));
        assert_eq!(told.header(ALLOW_ORIGIN), Some("*"), "{told}");
        let body = json!({ "name": "Phone", "price": 1, "totalStock": 1 });
        let call = || shop.call("POST", "/api/products").header("Origin", origin).json(&body);
        readable(settled(async || call().try_send().await).await.refused(401, "unauthorized"), "*");
    }
}

async fn a_503_can_be_read(mode: Mode) {
    let shop = Shop::set_up(mode, Plan { own_stores: true, ..PLAN }).await;
    let product = shop.product(1).await;
    shop.redis().pause();
    let call = shop.call("GET", &format!("/api/products/{product}/status")).header("Origin", SHOP);
    let refused = readable(call.send().await.refused(503, "unavailable"), SHOP);
    assert!(refused.header("retry-after").is_some(), "{refused}");
    shop.redis().resume();
}
