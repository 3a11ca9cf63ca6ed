//! `FLASHDEAL_AUTH=keys`: what its bearer may do stands beside each key. And keys beside tokens.

use flashdeal_tests::process::{AppOptions, AppProcess, flashdeal_binary};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

use crate::processes::Processes;
use crate::reply::Reply;
use crate::shop::{Mode, checkout_path, reserve_path, settled};

cases!(embedded only: a_key_opens_what_its_role_may, beside_tokens_a_key_acts_for_any_buyer, keys_that_lock_nothing_are_refused);

const ADMIN: &str = "1f0c-admin-key-for-the-tests";
const ADMIN_NEXT: &str = "2f0c-admin-key-for-the-tests";
const SHOP: &str = "1f0c-shop-key-for-the-tests";
const READ: &str = "1f0c-read-key-for-the-tests";

const KEYS: [(&str, &str); 3] = [
    ("FLASHDEAL_ADMIN_KEYS", "1f0c-admin-key-for-the-tests,2f0c-admin-key-for-the-tests"),
    ("FLASHDEAL_SHOP_KEYS", SHOP),
    ("FLASHDEAL_READ_KEYS", READ),
];

async fn ask(shop: &Processes, key: &str, method: &str, path: &str, body: Option<Value>) -> Reply {
    settled(async || {
        let call = shop.call(method, path).header("Authorization", &format!("Bearer {key}"));
        match &body {
            Some(body) => call.json(body).try_send().await,
            None => call.try_send().await,
        }
    })
    .await
}

fn phone() -> Value {
    json!({ "name": "Phone", "price": 9.99, "totalStock": 5 })
}

fn ada() -> Value {
    json!({ "userId": "ada", "quantity": 1 })
}

async fn a_key_opens_what_its_role_may(mode: Mode) {
    let shop = Processes::start(mode, &[&[("FLASHDEAL_AUTH", "keys")][..], &KEYS].concat()).await;
    let shop = &shop;
    let product = ask(shop, ADMIN, "POST", "/api/products", Some(phone())).await.is(201).id("id");
    let (product, hold) = (format!("/api/products/{product}"), reserve_path(&product));
    let checkout = checkout_path(product.trim_start_matches("/api/products/"));
    ask(shop, ADMIN_NEXT, "PATCH", &product, Some(json!({ "addStock": 1 }))).await.is(200);
    ask(shop, SHOP, "POST", &hold, Some(ada())).await.is(201);
    ask(shop, SHOP, "POST", &hold, Some(json!({ "userId": "bob", "quantity": 1 }))).await.is(201);
    ask(shop, SHOP, "DELETE", &hold, Some(json!({ "userId": "bob" }))).await.is(200);
    let order = ask(shop, SHOP, "POST", &checkout, Some(ada())).await.is(201).id("orderId");
    for key in [ADMIN, SHOP, READ] {
        for path in [&product, "/api/orders", "/api/orders?userId=ada", &format!("/api/orders/{order}")] {
            ask(shop, key, "GET", path, None).await.is(200);
        }
        ask(shop, key, "GET", &format!("{hold}?userId=ada"), None).await.refused(404, "no_reservation");
    }
    // The line is for whoever runs the shop; a place in it for the buyers.
    let sold_out = json!({ "name": "Phone", "price": 1, "totalStock": 0 });
    let sold_out = ask(shop, ADMIN, "POST", "/api/products", Some(sold_out)).await.is(201).id("id");
    let line = format!("/api/products/{sold_out}/waitlist");
    ask(shop, SHOP, "POST", &line, Some(ada())).await.is(201);
    for key in [ADMIN, READ] {
        assert_eq!(ask(shop, key, "GET", &line, None).await.is(200).json()["items"][0]["userId"], "ada");
    }
    ask(shop, SHOP, "GET", &line, None).await.refused(403, "forbidden");
    ask(shop, SHOP, "GET", &format!("{line}?userId=ada"), None).await.is(200);
    ask(shop, READ, "POST", &line, Some(ada())).await.refused(403, "forbidden");
    ask(shop, READ, "DELETE", &line, Some(ada())).await.refused(403, "forbidden");
    ask(shop, SHOP, "DELETE", &line, Some(ada())).await.is(200);
    // The board of anybody shows what there is, and what happens to it.
    for path in ["/api/products", &product, &format!("{product}/status")] {
        shop.call("GET", path).send().await.is(200);
    }
    let events = shop.apps()[0].http().unwrap().request(Method::HEAD, &format!("{product}/events"));
    assert_eq!(events.send().await.unwrap().status, 200);
    for path in ["/api/orders", &format!("/api/orders/{order}"), &format!("{hold}?userId=ada")] {
        shop.call("GET", path).send().await.refused(401, "unauthorized");
    }
    // What is not theirs is refused, and has no effect.
    for (method, path, body) in [
        ("POST", "/api/products", Some(phone())),
        ("PATCH", &product, Some(json!({ "addStock": 1 }))),
        ("POST", &hold, Some(ada())),
        ("DELETE", &hold, Some(ada())),
        ("POST", &checkout, Some(ada())),
    ] {
        ask(shop, READ, method, path, body.clone()).await.refused(403, "forbidden");
        for none in ["", &ADMIN[1..], "an-admin-key-of-somebody-else"] {
            let reply = ask(shop, none, method, path, body.clone()).await.refused(401, "unauthorized");
            reply.check(reply.header("www-authenticate") == Some("Bearer"), "a 401 says how to get in");
        }
    }
    ask(shop, SHOP, "POST", "/api/products", Some(phone())).await.refused(403, "forbidden");
    ask(shop, SHOP, "PATCH", &product, Some(json!({ "addStock": 1 }))).await.refused(403, "forbidden");
    let now = ask(shop, READ, "GET", &product, None).await.is(200);
    assert_eq!((now.count("totalStock"), now.count("reservedStock")), (5, 0), "{now}");
}

async fn beside_tokens_a_key_acts_for_any_buyer(mode: Mode) {
    let tokens = [
        ("FLASHDEAL_AUTH", "jwt"),
        ("FLASHDEAL_JWT_ALGORITHM", "HS256"),
        ("FLASHDEAL_JWT_AUDIENCE", "shop"),
        ("FLASHDEAL_JWT_SECRET", "a secret that signs the tokens of buyers"),
    ];
    let shop = Processes::start(mode, &[&tokens[..], &KEYS].concat()).await;
    let header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
    let claims = json!({ "sub": "bob", "aud": "shop", "exp": 4_102_444_800_u64 });
    let secret = jsonwebtoken::EncodingKey::from_secret(b"a secret that signs the tokens of buyers");
    let bob = jsonwebtoken::encode(&header, &claims, &secret).unwrap();
    let product = ask(&shop, ADMIN, "POST", "/api/products", Some(phone())).await.is(201).id("id");
    let hold = reserve_path(&product);
    ask(&shop, &bob, "POST", &hold, Some(ada())).await.refused(403, "forbidden");
    ask(&shop, SHOP, "POST", &hold, Some(ada())).await.is(201);
    ask(&shop, &bob, "POST", &hold, Some(json!({ "quantity": 1 }))).await.is(201);
    ask(&shop, &bob, "POST", "/api/products", Some(phone())).await.refused(403, "forbidden");
    ask(&shop, &format!("{bob}x"), "POST", &hold, Some(ada())).await.refused(401, "unauthorized");
}

async fn keys_that_lock_nothing_are_refused(_mode: Mode) {
    let run = async |settings: &[(&str, &str)]| {
        let mut options = AppOptions::new(flashdeal_binary().unwrap());
        for (name, value) in settings {
            options = options.env(name, value);
        }
        let (status, said) = AppProcess::run_to_end(options, Duration::from_secs(30)).await.unwrap();
        assert_eq!(status.code(), Some(2), "{said}");
        assert!(!said.contains("panicked") && !said.contains("-for-the-tests"), "{said}");
        said
    };
    let keys = ("FLASHDEAL_AUTH", "keys");
    for (settings, names) in [
        (&KEYS[..], "FLASHDEAL_AUTH=keys"),
        (&[keys], "FLASHDEAL_ADMIN_KEYS"),
        (&[keys, ("FLASHDEAL_SHOP_KEYS", "short-for-the-tests")], "--shop-keys / FLASHDEAL_SHOP_KEYS"),
        (
            &[keys, ("FLASHDEAL_ADMIN_KEYS", SHOP), ("FLASHDEAL_READ_KEYS", SHOP)],
            "FLASHDEAL_READ_KEYS: a key stands twice",
        ),
    ] {
        let said = run(settings).await;
        assert!(said.contains(names), "{names}: {said}");
    }
}
