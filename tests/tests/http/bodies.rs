//! Bodies as they should not be: malformed, of another kind, too large.

use std::fmt::Write as _;

use serde_json::json;

use crate::shop::{Level, Mode, Shop, checkout_path, raw, reserve_path};

cases!(
    what_is_no_json_object_is_refused,
    odd_json_is_judged_not_feared,
    a_body_may_have_sixteen_kibibytes,
    a_larger_body_is_refused_before_it_is_read,
    a_chunked_body_is_measured_as_it_comes,
    only_json_is_taken,
    json_may_say_its_charset,
);

/// The routes that take a body, with the methods.
fn routes(product: &str) -> [(&'static str, String); 5] {
    [
        ("POST", "/api/products".to_owned()),
        ("PATCH", format!("/api/products/{product}")),
        ("POST", reserve_path(product)),
        ("DELETE", reserve_path(product)),
        ("POST", checkout_path(product)),
    ]
}

async fn what_is_no_json_object_is_refused(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(5).await;
    let bad: [&[u8]; 24] = [
        b"{",
        b"}",
        b"{\"userId\":\"ada\",\"quantity\":1",
        b"{\"userId\":\"ada\",\"quantity\":1}}",
        b"{\"userId\":\"ada\",\"quantity\":1} {}",
        b"{\"userId\":\"ada\" \"quantity\":1}",
        b"{\"userId\":\"ada\",\"quantity\":1,}",
        b"{'userId':'ada','quantity':1}",
        b"{userId:\"ada\",quantity:1}",
        b"{\"userId\":\"ada\",\"quantity\":}",
        b"{\"userId\":\"ada\nbob\",\"quantity\":1}",
        b"{\"userId\":\"\xff\xfe\",\"quantity\":1}",
        b"{\"userId\":\"\xed\xa0\x80\",\"quantity\":1}",
        b"{\"userId\":\"\\ud800\",\"quantity\":1}",
        b"{\"userId\":\"\\udc00\\ud800\",\"quantity\":1}",
        b"{\"userId\":\"\\x41\",\"quantity\":1}",
        b"[]",
        b"[\"ada\",1]",
        b"[{\"userId\":\"ada\",\"quantity\":1}]",
        b"\"ada\"",
        b"1",
        b"true",
        b"null",
        b"userId=ada&quantity=1",
    ];
    for (method, path) in routes(&product) {
        for body in bad {
            let reply = shop.call(method, &path).body("application/json", body).send().await;
            reply.refused(400, "invalid_request");
        }
        for blank in ["", " \r\n\t "] {
            let reply = shop.call(method, &path).body("application/json", blank).send().await;
            reply.refused(400, "invalid_request");
        }
        shop.call(method, &path).send().await.refused(400, "invalid_request");
    }
    assert_eq!(shop.level(&product).await, Level::of(5, 0));
}

async fn odd_json_is_judged_not_feared(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(5).await;
    let path = reserve_path(&product);
    let post = async |body: String| shop.call("POST", &path).body("application/json", body).send().await;

    // Which of the two is meant is anyone's guess.
    for twice in [r#"{"userId":"ada","userId":"bob","quantity":1}"#, r#"{"userId":"ada","quantity":1,"quantity":1}"#] {
        post(twice.to_owned()).await.refused(400, "invalid_request");
    }
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    post(format!(r#"{{"userId":"ada","quantity":{}}}"#, deep(8_000))).await.refused(400, "invalid_request");
    post(format!(r#"{{"userId":{},"quantity":1}}"#, deep(100))).await.invalid(&["userId"]);
    let objects = format!("{}1{}", r#"{"a":"#.repeat(2_000), "}".repeat(2_000));
    let ignored = post(format!(r#"{{"userId":"ada","quantity":1,"x":{objects}}}"#)).await;
    ignored.check(matches!(ignored.status(), 201 | 400), "a deep field that nobody asked for is ignored or refused");
    assert_eq!(shop.level(&product).await.reserved, u64::from(ignored.status() == 201));

    let spaced = "\r\n\t {\"userId\" : \"c\\u0061rl\\ud83d\\uded2\" ,\n\"quantity\"\t:\t2 } \n".to_owned();
    let hold = post(spaced).await.is(201);
    assert_eq!(hold.text("userId"), "carl🛒", "{hold}");
    // A name of a field is matched to the letter.
    post(r#"{"UserId":"dora","quantity":1}"#.to_owned()).await.invalid(&["userId"]);
    post(r#"{"user_id":"dora","quantity":1}"#.to_owned()).await.invalid(&["userId"]);
    post(r#"{"us\u0065rId":"dora","quantity":1}"#.to_owned()).await.is(201);
}

/// A good body of exactly this many bytes.
fn sized(bytes: usize) -> String {
    let frame = r#"{"name":"Phone","price":1,"totalStock":5,"padding":""}"#;
    frame.replace(r#""""#, &format!("\"{}\"", "x".repeat(bytes - frame.len())))
}

async fn a_body_may_have_sixteen_kibibytes(mode: Mode) {
    let shop = Shop::open(mode).await;
    let post = async |body: String| shop.call("POST", "/api/products").body("application/json", body).send().await;
    assert_eq!(sized(16_384).len(), 16_384);
    post(sized(16_384)).await.is(201);
    post(sized(16_385)).await.refused(413, "payload_too_large");
    post(" ".repeat(20_000)).await.refused(413, "payload_too_large");
    post("x".repeat(200_000)).await.refused(413, "payload_too_large");
    let product = shop.product(1).await;
    for (method, path) in routes(&product) {
        let reply = shop.call(method, &path).body("application/json", sized(16_385)).send().await;
        reply.refused(413, "payload_too_large");
    }
}

async fn a_larger_body_is_refused_before_it_is_read(mode: Mode) {
    let shop = Shop::open(mode).await;
    let head = "POST /api/products HTTP/1.1\r\nhost: shop\r\nconnection: close\r\ncontent-type: application/json\r\n";
    for length in ["16385", "1000000000", "9223372036854775807"] {
        let request = format!("{head}content-length: {length}\r\n\r\n{{\"name\"");
        raw(shop.next_address(), request.as_bytes()).await.refused(413, "payload_too_large");
    }
}

async fn a_chunked_body_is_measured_as_it_comes(mode: Mode) {
    let shop = Shop::open(mode).await;
    let head = "POST /api/products HTTP/1.1\r\nhost: shop\r\nconnection: close\r\ncontent-type: application/json\r\n\
                transfer-encoding: chunked\r\n\r\n";
    let chunked = |body: &str| {
        let mut request = head.to_owned();
        let (first, rest) = body.split_at(1_000);
        for chunk in [first, rest] {
            write!(request, "{:x}\r\n{chunk}\r\n", chunk.len()).unwrap();
        }
        request + "0\r\n\r\n"
    };
    raw(shop.next_address(), chunked(&sized(16_384)).as_bytes()).await.is(201);
    raw(shop.next_address(), chunked(&sized(16_385)).as_bytes()).await.refused(413, "payload_too_large");
}

async fn only_json_is_taken(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(5).await;
    let other = [
        "text/plain",
        "text/plain; charset=utf-8",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "application/jsonp",
        "text/html",
        "*/*",
        "json",
        "",
    ];
    let body = json!({ "userId": "ada", "quantity": 1, "name": "Phone", "price": 1, "totalStock": 1 }).to_string();
    for (method, path) in routes(&product) {
        for content_type in other {
            let reply = shop.call(method, &path).body(content_type, body.clone()).send().await;
            reply.refused(415, "unsupported_media_type");
        }
        let reply = shop.call(method, &path).bare_body(body.clone()).send().await;
        reply.refused(415, "unsupported_media_type");
    }
    assert_eq!(shop.level(&product).await, Level::of(5, 0));
}

async fn json_may_say_its_charset(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(5).await;
    let body = json!({ "userId": "ada", "quantity": 1 }).to_string();
    let json = ["application/json; charset=utf-8", "application/json;charset=UTF-8", "Application/JSON"];
    for (turn, content_type) in json.into_iter().enumerate() {
        let reply = shop.call("POST", &reserve_path(&product)).body(content_type, body.clone()).send().await;
        reply.is(if turn == 0 { 201 } else { 200 });
    }
}
