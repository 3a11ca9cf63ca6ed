//! Who is one client, and what happens while Redis cannot count.

use std::time::Duration;

use flashdeal_tests::http::Http;
use tokio::time::{Instant, sleep};

use crate::reply::Reply;
use crate::shop::{Call, Mode, Plan, Shop, reserve_path};

use super::rate_limit::{one_too_many, state};

cases!(
    an_address_is_a_client,
    a_forged_header_makes_no_new_client,
    a_trusted_proxy_is_believed_from_the_right,
    an_ipv6_client_is_its_64,
    what_is_no_address_does_not_open_the_door,
);
cases!(distributed only: without_redis_each_instance_counts_for_itself);

const BUDGET: u64 = 4;

fn plan(trusted_proxies: &'static str) -> Plan {
    Plan { rate_limit: "4/15m", trusted_proxies, ..Plan::default() }
}

/// A call by way of a proxy that says this of where it comes from.
async fn forwarded(shop: &Shop, lines: &[&str]) -> Reply {
    let mut call = shop.call("GET", "/api/products");
    for line in lines {
        call = call.header("X-Forwarded-For", line);
    }
    call.send().await
}

/// Spends the whole budget of a client; fails if it was not whole.
async fn spend(shop: &Shop, lines: &[&str]) {
    for used in 1..=BUDGET {
        let reply = forwarded(shop, lines).await.is(200);
        assert_eq!(state(&reply).0, BUDGET - used, "{reply}");
    }
    one_too_many(forwarded(shop, lines).await, 900);
}

async fn an_address_is_a_client(mode: Mode) {
    let shop = Shop::set_up(mode, plan("")).await;
    for from in ["127.0.0.1", "127.0.0.2", "127.9.9.9"] {
        let clients = shop.client_from(from);
        for used in 1..=BUDGET {
            let reply = list(&clients, used).await.is(200);
            assert_eq!(state(&reply).0, BUDGET - used, "{reply}");
        }
        one_too_many(list(&clients, 0).await, 900);
    }
}

async fn list(clients: &[Http], turn: u64) -> Reply {
    let client = &clients[usize::try_from(turn).unwrap() % clients.len()];
    Call::new(client.clone(), "GET", "/api/products").send().await
}

async fn a_forged_header_makes_no_new_client(mode: Mode) {
    for trusted in ["", "10.0.0.0/8"] {
        let shop = Shop::set_up(mode, plan(trusted)).await;
        let forged = ["198.51.100.1", "10.0.0.1", "127.0.0.1", "2001:db8::1"];
        for (used, address) in (1..).zip(forged) {
            let call = shop.call("GET", "/api/products").header("X-Forwarded-For", address);
            let call = call.header("Forwarded", &format!("for={address}")).header("X-Real-IP", address);
            let reply = call.send().await.is(200);
            assert_eq!(state(&reply).0, BUDGET - used, "{reply}");
        }
        one_too_many(forwarded(&shop, &["198.51.100.77"]).await, 900);
        one_too_many(forwarded(&shop, &[]).await, 900);
    }
}

async fn a_trusted_proxy_is_believed_from_the_right(mode: Mode) {
    let shop = Shop::set_up(mode, plan("127.0.0.0/8, 10.0.0.0/8")).await;
    spend(&shop, &["198.51.100.1"]).await;
    spend(&shop, &["198.51.100.2"]).await;
    // What the client wrote itself stands to the left, and says nothing.
    one_too_many(forwarded(&shop, &["203.0.113.9, 198.51.100.1"]).await, 900);
    one_too_many(forwarded(&shop, &["10.0.0.1,198.51.100.1"]).await, 900);
    one_too_many(forwarded(&shop, &["203.0.113.9, 198.51.100.1, 10.0.0.2, 10.1.2.3"]).await, 900);
    one_too_many(forwarded(&shop, &["203.0.113.9", "198.51.100.1"]).await, 900);
    one_too_many(forwarded(&shop, &["198.51.100.1:4711"]).await, 900);
    // The proxies themselves are a client like another.
    spend(&shop, &[]).await;
    one_too_many(forwarded(&shop, &[""]).await, 900);
}

async fn an_ipv6_client_is_its_64(mode: Mode) {
    let shop = Shop::set_up(mode, plan("127.0.0.1")).await;
    spend(&shop, &["2001:db8:1:2::1"]).await;
    for same in
        ["2001:db8:1:2::2", "2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:0DB8:0001:0002::3", "[2001:db8:1:2::4]:443"]
    {
        one_too_many(forwarded(&shop, &[same]).await, 900);
    }
    spend(&shop, &["2001:db8:1:3::1"]).await;
    spend(&shop, &["198.51.100.1"]).await;
    one_too_many(forwarded(&shop, &["::ffff:198.51.100.1"]).await, 900);
    spend(&shop, &["::ffff:198.51.100.2"]).await;
}

async fn what_is_no_address_does_not_open_the_door(mode: Mode) {
    let shop = Shop::set_up(mode, plan("127.0.0.1")).await;
    spend(&shop, &["unknown"]).await;
    for garbage in ["x", "_hidden", "999.1.1.1", "{}", "198.51.100.1 ,, ,", "\"198.51.100.9\""] {
        one_too_many(forwarded(&shop, &[garbage]).await, 900);
    }
}

async fn without_redis_each_instance_counts_for_itself(mode: Mode) {
    let budget = 6;
    let shop = Shop::set_up(mode, Plan { rate_limit: "6/15m", own_stores: true, ..Plan::default() }).await;
    let [ada, bob, carl] = ["127.0.0.11", "127.0.0.12", "127.0.0.13"].map(|from| shop.client_from(from));
    list(&ada, 0).await.is(200);
    let product = shop.product(5).await;
    shop.redis().kill9().await.unwrap();

    for (clients, refusals) in [(&ada, 2), (&bob, 2)] {
        for client in clients {
            for _ in 0..budget {
                // The listing needs PostgreSQL alone.
                Call::new(client.clone(), "GET", "/api/products").send().await.is(200);
            }
            for _ in 0..refusals {
                one_too_many(Call::new(client.clone(), "GET", "/api/products").send().await, 900);
            }
        }
    }
    let began = Instant::now();
    let hold = serde_json::json!({ "userId": "carl", "quantity": 1 });
    let reply = Call::new(carl[0].clone(), "POST", &reserve_path(&product)).json(&hold).send().await;
    let reply = reply.refused(503, "unavailable");
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}\n{reply}", began.elapsed());
    state(&reply);

    shop.redis().restart().await.unwrap();
    let began = Instant::now();
    for last in 20..250 {
        // A new client each time, which no instance has counted yet.
        let clients = shop.client_from(&format!("127.0.0.{last}"));
        let mut allowed = 0;
        for turn in 0..2 * budget {
            allowed += u64::from(list(&clients, turn).await.status() == 200);
        }
        if allowed == budget {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "the instances do not count together again: {allowed}");
        sleep(Duration::from_millis(200)).await;
    }
}
