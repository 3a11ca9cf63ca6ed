//! Fields of the wrong type and out of bounds, and all of them told at once.

use serde_json::{Value, json};

use crate::shop::{Level, Mode, Shop, checkout_path, reserve_path};

cases!(
    a_quantity_is_an_integer_from_one_to_a_million,
    a_stock_is_an_integer,
    texts_are_strings,
    a_reservation_id_is_a_uuid,
    every_broken_field_is_told_at_once,
    numbers_beyond_all_floats_are_told_with_the_rest,
    what_is_refused_changes_nothing,
);

/// What is no integer, as JSON text.
const NO_INTEGER: [&str; 13] =
    [r#""2""#, "2.0", "2.5", "-0.5", "1e3", "1E0", "true", "false", "[]", "[1]", "{}", r#"{"n":1}"#, r#""""#];
/// What is no string, as JSON text.
const NO_STRING: [&str; 7] = ["1", "1.5", "true", "false", "[]", r#"["ada"]"#, r#"{"a":"b"}"#];

async fn a_quantity_is_an_integer_from_one_to_a_million(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(1_000_000_000).await;
    let path = reserve_path(&product);
    let out_of_bounds = [
        "0",
        "-0",
        "-1",
        "1000001",
        "2147483648",
        "4294967297",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551616",
        "-9223372036854775809",
        "1e400",
        "null",
    ];
    for quantity in NO_INTEGER.iter().chain(&out_of_bounds) {
        let body = format!(r#"{{"userId":"ada","quantity":{quantity}}}"#);
        shop.call("POST", &path).body("application/json", body).send().await.invalid(&["quantity"]);
    }
    shop.post(&path, &json!({ "userId": "ada" })).await.invalid(&["quantity"]);
    assert_eq!(shop.level(&product).await, Level::of(1_000_000_000, 0));
    shop.reserve(&product, "ada", 1).await.is(201);
    let hold = shop.reserve(&product, "bob", 1_000_000).await.is(201);
    assert_eq!(hold.count("quantity"), 1_000_000, "{hold}");
}

async fn a_stock_is_an_integer(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(7).await;
    for stock in NO_INTEGER {
        let body = format!(r#"{{"name":"Phone","price":1,"totalStock":{stock}}}"#);
        shop.call("POST", "/api/products").body("application/json", body).send().await.invalid(&["totalStock"]);
        let body = format!(r#"{{"addStock":{stock}}}"#);
        let call = shop.call("PATCH", &format!("/api/products/{product}")).body("application/json", body);
        call.send().await.invalid(&["addStock"]);
    }
    assert_eq!(shop.level(&product).await, Level::of(7, 0));
}

async fn texts_are_strings(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(7).await;
    for text in NO_STRING {
        let text: Value = serde_json::from_str(text).unwrap();
        let body = json!({ "name": text, "description": text, "price": 1, "totalStock": 1 });
        shop.post("/api/products", &body).await.invalid(&["name", "description"]);
        let body = json!({ "name": text, "description": text });
        shop.patch(&format!("/api/products/{product}"), &body).await.invalid(&["name", "description"]);
        let body = json!({ "userId": text, "quantity": 1, "reservationId": text });
        shop.post(&reserve_path(&product), &body).await.invalid(&["userId"]);
        shop.delete(&reserve_path(&product), &body).await.invalid(&["userId"]);
        shop.post(&checkout_path(&product), &body).await.invalid(&["userId", "reservationId"]);
    }
}

async fn a_reservation_id_is_a_uuid(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(7).await;
    let hold = shop.reserve(&product, "ada", 1).await.is(201).id("reservationId");
    let bad = ["", " ", "x", &hold[..35], &format!("{hold} "), &hold.replace('-', ""), &format!("{{{hold}}}")];
    for id in bad {
        shop.checkout_named(&product, "ada", id).await.invalid(&["reservationId"]);
    }
    shop.checkout_named(&product, "ada", &hold).await.is(201);
}

async fn every_broken_field_is_told_at_once(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(7).await;
    shop.post("/api/products", &json!({})).await.invalid(&["name", "price", "totalStock"]);
    let body = json!({ "name": "", "description": "\u{0}", "price": -1, "totalStock": "many" });
    shop.post("/api/products", &body).await.invalid(&["name", "description", "price", "totalStock"]);
    shop.post(&reserve_path(&product), &json!({})).await.invalid(&["userId", "quantity"]);
    let body = json!({ "userId": " ", "quantity": 0 });
    shop.post(&reserve_path(&product), &body).await.invalid(&["userId", "quantity"]);
    shop.post(&reserve_path("no-id"), &body).await.invalid(&["productId", "userId", "quantity"]);
    let call = shop.call("POST", &reserve_path("no-id")).header("Idempotency-Key", "two words").json(&body);
    call.send().await.invalid(&["productId", "Idempotency-Key", "userId", "quantity"]);
    shop.delete(&reserve_path("no-id"), &json!({ "userId": "" })).await.invalid(&["productId", "userId"]);
    let body = json!({ "userId": 1, "reservationId": 1 });
    shop.post(&checkout_path("no-id"), &body).await.invalid(&["productId", "userId", "reservationId"]);
    let body = json!({ "name": "", "price": "x", "addStock": 0.5, "description": 1 });
    let path = "/api/products/no-id";
    shop.patch(path, &body).await.invalid(&["productId", "name", "price", "addStock", "description"]);
    let listing = "/api/orders?limit=0&cursor=x&userId=%20&productId=no-id";
    shop.get(listing).await.invalid(&["limit", "cursor", "userId", "productId"]);
}

async fn numbers_beyond_all_floats_are_told_with_the_rest(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(7).await;
    let digits = "9".repeat(400);
    for huge in ["1e400", "-1E+400", "123456.789e0307", &digits] {
        let send = async |method, path: &str, body: &str| {
            shop.call(method, path).body("application/json", body.replace('$', huge)).send().await
        };
        let all = r#"{"name":"","price":"x","description":1,"totalStock":$}"#;
        send("POST", "/api/products", all).await.invalid(&["name", "price", "description", "totalStock"]);
        let all = r#"{"name":$,"price":$,"description":$,"totalStock":$}"#;
        send("POST", "/api/products", all).await.invalid(&["name", "price", "description", "totalStock"]);
        let patch = r#"{"addStock":$,"price":-1,"name":"1e400"}"#;
        send("PATCH", &format!("/api/products/{product}"), patch).await.invalid(&["addStock", "price"]);
        send("POST", &reserve_path(&product), r#"{"quantity":$,"userId":" "}"#).await.invalid(&["quantity", "userId"]);
        send("DELETE", &reserve_path(&product), r#"{"userId":$}"#).await.invalid(&["userId"]);
        let named = r#"{"userId":$,"reservationId":$}"#;
        send("POST", &checkout_path(&product), named).await.invalid(&["userId", "reservationId"]);
        // A field that nobody asked for may be anything, and what is no JSON stays none.
        let unread = r#"{"userId":"ada","quantity":1,"x":[$]}"#;
        let held = send("POST", &reserve_path(&product), unread).await;
        held.check(matches!(held.status(), 200 | 201), "it is held");
        let broken = send("POST", &reserve_path(&product), r#"{"userId":"ada","quantity":$"#).await;
        broken.refused(400, "invalid_request");
    }
    assert_eq!(shop.level(&product).await, Level::of(7, 1));
}

async fn what_is_refused_changes_nothing(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(7).await;
    let hold = shop.reserve(&product, "ada", 2).await.is(201);
    shop.post(&reserve_path(&product), &json!({ "userId": "ada", "quantity": "3" })).await.invalid(&["quantity"]);
    shop.post(&checkout_path(&product), &json!({ "userId": "ada", "reservationId": 1 }))
        .await
        .invalid(&["reservationId"]);
    let patch = json!({ "name": "Tablet", "addStock": 1, "price": -1 });
    shop.patch(&format!("/api/products/{product}"), &patch).await.invalid(&["price"]);
    let read = shop.get(&format!("/api/products/{product}")).await.is(200);
    assert_eq!((read.text("name"), read.count("totalStock")), ("Phone".to_owned(), 7), "{read}");
    let kept = shop.hold(&product, "ada").await.is(200);
    assert_eq!(kept.json(), hold.json(), "{kept}");
}
