//! Who gets in.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::reply::Reply;
use crate::shop::{Mode, checkout_path, reserve_path, settled};

use super::{Locked, tokens};

cases!(@mode embedded, Embedded, without_a_good_token_nobody_gets_in);
cases!(@mode distributed, Distributed, without_a_good_token_nobody_gets_in);

/// Every route that asks who one is.
fn doors(product: &str, order: &str) -> [(&'static str, String, Option<Value>); 11] {
    [
        ("POST", "/api/products".to_owned(), Some(super::product(1))),
        ("PATCH", format!("/api/products/{product}"), Some(json!({ "addStock": 1 }))),
        ("POST", reserve_path(product), Some(json!({ "userId": "ada", "quantity": 1 }))),
        ("GET", format!("{}?userId=ada", reserve_path(product)), None),
        ("DELETE", reserve_path(product), Some(json!({ "userId": "ada" }))),
        ("POST", checkout_path(product), Some(json!({ "userId": "ada" }))),
        ("POST", format!("/api/products/{product}/waitlist"), Some(json!({ "userId": "ada", "quantity": 1 }))),
        ("GET", format!("/api/products/{product}/waitlist"), None),
        ("DELETE", format!("/api/products/{product}/waitlist"), Some(json!({ "userId": "ada" }))),
        ("GET", "/api/orders?userId=ada".to_owned(), None),
        ("GET", format!("/api/orders/{order}"), None),
    ]
}

async fn without_a_good_token_nobody_gets_in(mode: Mode) {
    let shop = Locked::open(mode).await;
    let product = shop.product(5).await;
    let order = shop.buy("ada", &product).await;
    shop.reserve("ada", &product, 2).await.is(201);
    let refused = |reply: Reply, why: &str| {
        let reply = reply.refused(401, "unauthorized");
        reply.check(reply.header("www-authenticate") == Some("Bearer"), "a 401 says how to get in");
        reply.check(!reply.body().contains(why), "nobody is told which part of a token is wrong");
    };
    for (method, path, body) in doors(&product, &order) {
        let answer = settled(async || {
            let call = shop.shop.call(method, &path);
            if let Some(body) = &body { call.json(body).try_send().await } else { call.try_send().await }
        });
        refused(answer.await, "signature");
    }
    for (nth, (why, token)) in tokens::bad().into_iter().enumerate() {
        // Each door with some, and each token at some.
        for (method, path, body) in doors(&product, &order).iter().skip(nth % 3).step_by(3) {
            println!("{why}");
            refused(shop.ask(&token, method, path, body.as_ref()).await, "signature");
        }
    }
    // Nothing of it had an effect, and what is for everybody needs no token.
    let open = async |path: &str| settled(async || shop.shop.call("GET", path).try_send().await).await.is(200);
    let status = open(&format!("/api/products/{product}/status")).await;
    assert_eq!((status.count("totalStock"), status.count("reservedStock")), (4, 2), "{status}");
    for path in
        ["/api/products", &format!("/api/products/{product}"), "/health/live", "/health/ready", "/metrics", "/docs/"]
    {
        open(path).await;
    }
    let head = first_bytes(&shop, &format!("/api/products/{product}/events")).await;
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("text/event-stream"), "{head}");
    // A token that is good opens each of them, whatever the letter case of its scheme.
    let token = tokens::of("ada").replace("Bearer", "bEARER");
    shop.get(&token, &format!("/api/orders/{order}")).await.is(200);
}

/// How an answer begins that does not end.
async fn first_bytes(shop: &Locked, path: &str) -> String {
    let mut stream = TcpStream::connect(shop.shop.next().addr()).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: shop\r\n\r\n").as_bytes()).await.unwrap();
    let mut head = vec![0; 400];
    let mut read = 0;
    while read < head.len() && !String::from_utf8_lossy(&head[..read]).contains("\r\n\r\n") {
        let more = stream.read(&mut head[read..]).await.unwrap();
        assert!(more > 0, "{}", String::from_utf8_lossy(&head[..read]));
        read += more;
    }
    String::from_utf8_lossy(&head[..read]).into_owned()
}
