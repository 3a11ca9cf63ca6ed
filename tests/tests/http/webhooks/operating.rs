//! What an operator does with webhooks: settings, `flashdeal webhooks test`, `status` and `replay`, metrics, and the end of a server.

use std::time::Duration;

use flashdeal_tests::process::{AppOptions, AppProcess, flashdeal_binary};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::processes::Processes;
use crate::shop::{Mode, PATIENCE};

use super::receiver::{Answer, Receiver, SECRET};
use super::{buy, ids, shop_with};

cases!(@mode embedded, Embedded, an_endpoint_goes_back_when_it_is_told_to, a_server_ends_while_an_endpoint_hangs);
cases!(@mode distributed, Distributed,
    an_endpoint_goes_back_when_it_is_told_to,
    a_server_ends_while_an_endpoint_hangs,
    an_endpoint_that_has_no_place_is_said_to_be_unknown
);

/// How long a command or a server's end may take here.
const LIMIT: Duration = Duration::from_mins(1);

async fn run(settings: &[(&str, &str)], arguments: &[&str]) -> (Option<i32>, String) {
    let options = AppOptions::new(flashdeal_binary().unwrap());
    let options = settings.iter().fold(options, |options, (name, value)| options.env(name, value));
    let options = arguments.iter().fold(options, |options, one| options.arg(one));
    let (status, said) = AppProcess::run_to_end(options, LIMIT).await.unwrap();
    (status.code(), said)
}

#[tokio::test]
async fn bad_settings_are_told_together_and_no_secret_is() {
    let bad = [
        ("FLASHDEAL_WEBHOOK_URL", "https://h/T0KEN,ftp://T0KEN@h,https://h/T0KEN"),
        ("FLASHDEAL_WEBHOOK_SECRET", "whsec_U0VDUkVU"),
        ("FLASHDEAL_WORKERS", "0"),
    ];
    let (status, said) = run(&bad, &["serve"]).await;
    assert_eq!(status, Some(2), "{said}");
    for fault in ["number 2 must be a URL", "number 3 is there twice", "24 to 64 random bytes", "--workers"] {
        assert!(said.contains(fault), "{said}");
    }
    assert!(!said.contains("T0KEN") && !said.contains("U0VDUkVU"), "{said}");
    let (status, said) = run(&[("FLASHDEAL_WEBHOOK_URL", "https://shop.example")], &[]).await;
    assert!(status == Some(2) && said.contains("--webhook-secret / FLASHDEAL_WEBHOOK_SECRET is required"), "{said}");
}

#[tokio::test]
async fn a_ping_says_what_came_of_it() {
    let mut receiver = Receiver::start().await;
    let url = receiver.url("/hooks");
    let settings = [("FLASHDEAL_WEBHOOK_URL", url.as_str()), ("FLASHDEAL_WEBHOOK_SECRET", SECRET)];
    let (status, said) = run(&settings, &["webhooks", "test"]).await;
    assert!(status == Some(0) && said.contains("taken, answered 204 in"), "{said}");
    let got = receiver.got().pop().unwrap();
    let told = got.json();
    assert_eq!((&told["type"], &told["data"]), (&Value::from("ping"), &serde_json::json!({})));
    assert!(told["timestamp"].as_str().unwrap().ends_with('Z') && got.header("webhook-id").starts_with("ping-"));
    assert!(got.header("webhook-signature").starts_with("v1,"));
    receiver.plan([Answer::Status(404, "")]);
    let (status, said) = run(&settings, &["webhooks", "test"]).await;
    assert!(status == Some(1) && said.contains("not taken, answered 404"), "{said}");
    receiver.go_away().await;
    let (status, said) = run(&settings, &["webhooks", "test"]).await;
    assert!(status == Some(1) && said.contains("Connection refused") && !said.contains("/hooks"), "{said}");
    let (status, said) = run(&[], &["webhooks", "test"]).await;
    assert!(status == Some(1) && said.contains("give --webhook-url"), "{said}");
}

async fn an_endpoint_goes_back_when_it_is_told_to(mode: Mode) {
    let receiver = Receiver::start().await;
    let mut shop = shop_with(mode, &[&receiver]).await;
    let product = shop.product(100).await;
    let mut sold = Vec::new();
    for user in ["ada", "bob", "carl"] {
        sold.push(buy(&shop, &product, user).await);
        sleep(Duration::from_millis(5)).await;
    }
    receiver.has_taken(3).await;
    metrics_say(&shop, "waiting_orders", 0).await;
    metrics_say(&shop, "deliveries_total{endpoint=", 3).await;
    if mode == Mode::Embedded {
        let (status, said) = shop.command(&["webhooks", "replay", "--since", "2026-01-01T00:00:00Z"]).await;
        assert!(status == Some(1) && said.contains("stop it first"), "{said}");
        shop.apps()[0].terminate(LIMIT).await.unwrap();
    }
    let before = receiver.got().len();
    let since = sold[1]["createdAt"].as_str().unwrap();
    let (status, said) = shop.command(&["webhooks", "replay", "--since", since]).await;
    assert_eq!(status, Some(0), "{said}");
    if mode == Mode::Embedded {
        assert!(said.contains("2 orders wait"), "{said}");
        shop.restart(0).await;
    }
    let got = receiver.has_got(before + 2).await;
    let again: Vec<String> = got[before..before + 2].iter().map(super::Got::order).collect();
    assert_eq!(again, ids(&sold)[1..]);
    let id = |nth: usize| got[nth].header("webhook-id");
    assert_eq!(id(before), id(1), "a receiver that looks at ids takes nothing twice");

    if mode == Mode::Distributed {
        an_endpoint_begins_where_it_is_told_to_and_is_forgotten(&shop).await;
    } else {
        shop.apps()[0].terminate(LIMIT).await.unwrap();
        let (_, said) = shop.command(&["webhooks", "status"]).await;
        let forget = ["webhooks", "forget", said.split_once(": ").unwrap().0, "--webhook-url", ""];
        let (status, said) = shop.command(&forget).await;
        assert!(status == Some(0) && said.contains("is forgotten"), "{said}");
        let (status, said) = shop.command(&forget).await;
        assert!(status == Some(1) && said.contains("there is no such endpoint"), "{said}");
    }
}

async fn an_endpoint_begins_where_it_is_told_to_and_is_forgotten(shop: &Processes) {
    let new = "https://shop.example#new";
    let since = ["webhooks", "replay", "--since", "1970-01-01T00:00:00Z"];
    let (status, said) = shop.command(&[&since[..], &["--endpoint", new]].concat()).await;
    assert!(status == Some(1) && said.contains("there is no such endpoint"), "{said}");
    let (status, said) =
        shop.command(&[&since[..], &["--webhook-url", "new=https://shop.example/hooks"]].concat()).await;
    assert!(status == Some(0) && said.contains(&format!("{new}: 3 orders wait")), "{said}");
    let (_, said) = shop.command(&["webhooks", "status"]).await;
    assert!(said.contains("nothing waits; an instance delivers"), "{said}");
    assert!(said.contains("3 orders wait") && said.contains("not in --webhook-url"), "{said}");
    let ours = said.lines().find(|line| line.contains("an instance delivers")).unwrap();
    let ours = ours.split_once(": ").unwrap().0;
    for (name, settings, why) in [
        (ours, None, "is in --webhook-url"),
        (ours, Some(["--webhook-url", ""]), "an instance delivers to the endpoint"),
        ("https://shop.example#old", None, "there is no such endpoint"),
    ] {
        let settings = settings.iter().flatten().copied();
        let arguments: Vec<_> = ["webhooks", "forget", name].into_iter().chain(settings).collect();
        let (status, said) = shop.command(&arguments).await;
        assert!(status == Some(1) && said.contains(why), "{why}: {said}");
    }
    let (status, said) = shop.command(&["webhooks", "forget", new]).await;
    assert!(status == Some(0) && said.contains("is forgotten"), "{said}");
    let (_, said) = shop.command(&["webhooks", "status"]).await;
    assert!(!said.contains(new) && said.contains(ours), "{said}");
}

async fn an_endpoint_that_has_no_place_is_said_to_be_unknown(mode: Mode) {
    let receiver = Receiver::start().await;
    let shop = shop_with(mode, &[&receiver]).await;
    metrics_say(&shop, "unknown", 0).await;
    // As it is without rights to the table, or before there is one.
    shop.database().sql("ALTER TABLE order_readers RENAME TO out_of_reach").await.unwrap();
    metrics_say(&shop, "unknown", 1).await;
    shop.database().sql("ALTER TABLE out_of_reach RENAME TO order_readers").await.unwrap();
    metrics_say(&shop, "unknown", 0).await;
}

/// Waits until one instance's metrics have a webhook's series with this value.
async fn metrics_say(shop: &Processes, series: &str, value: u64) {
    let (series, value) = (format!("flashdeal_webhook_{series}"), format!(" {value}"));
    let began = Instant::now();
    loop {
        for app in shop.apps() {
            let text = app.http().unwrap().get("/metrics").send().await.unwrap().text;
            if text.lines().any(|line| line.starts_with(&series) && line.ends_with(&value)) {
                return;
            }
        }
        assert!(began.elapsed() < PATIENCE, "no {series} with{value}");
        sleep(Duration::from_millis(200)).await;
    }
}

async fn a_server_ends_while_an_endpoint_hangs(mode: Mode) {
    let receiver = Receiver::start().await;
    let mut shop = shop_with(mode, &[&receiver]).await;
    let product = shop.product(100).await;
    // More than the instances try until they are gone.
    receiver.plan(std::iter::repeat_n(Answer::Never, 2));
    let sold = buy(&shop, &product, "ada").await;
    receiver.has_got(1).await;
    for app in shop.apps() {
        let ending = app.terminate(LIMIT).await.unwrap();
        assert!(ending.status.success(), "{:?}", app.supervised().log());
        assert!(!app.supervised().log().contains("panicked"));
    }
    if mode == Mode::Distributed {
        let leases = shop.database().sql("SELECT count(*) FROM order_readers WHERE holder IS NOT NULL").await.unwrap();
        assert_eq!(leases, [[Some("0".to_owned())]], "the lease is given back");
    }
    shop.restart(0).await;
    assert_eq!(receiver.has_taken(1).await, ids(&[sold]));
}
