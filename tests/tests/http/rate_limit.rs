//! The budget of one client.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::reply::Reply;
use crate::shop::{Mode, Plan, Shop};

cases!(
    the_hundred_and_first_request_is_the_first_refused,
    every_answer_of_the_api_counts_and_tells_the_state,
    the_state_says_when_there_is_more,
    the_budget_comes_back,
    what_is_outside_the_api_is_free,
    without_a_limit_nothing_is_counted,
);

/// What remains and in how many seconds there is more, from the `RateLimit` field.
pub(crate) fn state(reply: &Reply) -> (u64, u64) {
    let parsed = reply.header("ratelimit").and_then(|field| {
        let (remaining, seconds) = field.strip_prefix("\"default\";r=")?.split_once(";t=")?;
        Some((remaining.parse().ok()?, seconds.parse().ok()?))
    });
    reply.check(parsed.is_some(), "the RateLimit field tells the state");
    parsed.unwrap_or_default()
}

/// Fails, unless the request was refused as one too many of a budget over so many seconds.
pub(crate) fn one_too_many(reply: Reply, window: u64) -> Reply {
    let reply = reply.refused(429, "rate_limited");
    let after = reply.header("retry-after").and_then(|seconds| seconds.parse::<u64>().ok());
    reply.check(after.is_some_and(|after| (1..=window).contains(&after)), "Retry-After is within the window");
    reply.check(state(&reply).0 == 0, "nothing remains");
    reply
}

async fn the_hundred_and_first_request_is_the_first_refused(mode: Mode) {
    let shop = Shop::set_up(mode, Plan { rate_limit: "100/15m", ..Plan::default() }).await;
    let began = Instant::now();
    // In process one request's worth comes back every nine seconds, which is a matter of a machine that is busy.
    let back = || if mode == Mode::Embedded { began.elapsed().as_secs() / 9 } else { 0 };
    for used in 1..=100 {
        let reply = shop.get("/api/products").await.is(200);
        assert_eq!(reply.header("ratelimit-policy"), Some("\"default\";q=100;w=900"), "{reply}");
        let (remaining, seconds) = state(&reply);
        assert!((100 - used..=100 - used + back()).contains(&remaining), "{reply}");
        assert!((1..=900).contains(&seconds), "{reply}");
    }
    let (mut served, mut refused) = (0, 0);
    while refused < 4 {
        let reply = shop.get("/api/products").await;
        if reply.status() == 200 && served < back() {
            served += 1;
            continue;
        }
        let reply = one_too_many(reply, 900);
        assert_eq!(reply.header("ratelimit-policy"), Some("\"default\";q=100;w=900"), "{reply}");
        refused += 1;
    }
}

async fn every_answer_of_the_api_counts_and_tells_the_state(mode: Mode) {
    let shop = Shop::set_up(mode, Plan { rate_limit: "20/15m", ..Plan::default() }).await;
    let calls = [
        ("GET", "/api/products", 200),
        ("POST", "/api/products", 400),
        ("GET", "/api/products/x", 400),
        ("GET", "/api/products/00000000-0000-0000-0000-000000000000/status", 404),
        ("GET", "/api/nothing", 404),
        ("PUT", "/api/products", 405),
        ("HEAD", "/api/products", 200),
    ];
    for (used, (method, path, status)) in (1..).zip(calls) {
        let reply = shop.call(method, path).send().await.is(status);
        assert_eq!(state(&reply).0, 20 - used, "{reply}");
        assert!(reply.header("ratelimit-policy").is_some(), "{reply}");
        for name in ["ratelimit", "ratelimit-policy"] {
            assert_eq!(reply.header_count(name), 1, "{reply}");
        }
    }
}

async fn the_state_says_when_there_is_more(mode: Mode) {
    let shop = Shop::set_up(mode, Plan { rate_limit: "3/15m", ..Plan::default() }).await;
    // In one process a third of the budget comes back every five minutes; in Redis all of it at the end of the window.
    let longest = if mode == Mode::Embedded { 300 } else { 900 };
    let mut last = longest;
    for _ in 0..3 {
        let reply = shop.get("/api/products").await.is(200);
        let seconds = state(&reply).1;
        reply.check(seconds <= longest, "there is more of the budget before that");
        last = seconds;
    }
    let refused = one_too_many(shop.get("/api/products").await, last);
    let after = refused.header("retry-after").map(str::to_owned);
    assert_eq!(after, Some(state(&refused).1.to_string()), "{refused}");
}

async fn the_budget_comes_back(mode: Mode) {
    let shop = Shop::set_up(mode, Plan { rate_limit: "4/2s", ..Plan::default() }).await;
    for _ in 0..4 {
        shop.get("/api/products").await.is(200);
    }
    let refused = one_too_many(shop.get("/api/products").await, 2);
    let after: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    sleep(Duration::from_secs(after)).await;
    shop.get("/api/products").await.is(200);
}

async fn what_is_outside_the_api_is_free(mode: Mode) {
    let shop = Shop::set_up(mode, Plan { rate_limit: "3/15m", ..Plan::default() }).await;
    for round in 0..2 {
        for path in ["/health/live", "/health/ready", "/metrics"] {
            for _ in 0..3 {
                let reply = shop.get(path).await.is(200);
                assert_eq!(reply.header("ratelimit"), None, "{reply}");
            }
        }
        for _ in 0..3 {
            let reply = shop.get("/api/products").await;
            reply.is(if round == 0 { 200 } else { 429 });
        }
    }
    let docs = shop.get("/docs").await;
    docs.check(docs.status() != 429 && docs.header("ratelimit").is_none(), "the documentation is free");
}

async fn without_a_limit_nothing_is_counted(mode: Mode) {
    let shop = Shop::open(mode).await;
    for _ in 0..120 {
        let reply = shop.get("/api/products").await.is(200);
        assert_eq!(reply.header("ratelimit"), None, "{reply}");
    }
}
