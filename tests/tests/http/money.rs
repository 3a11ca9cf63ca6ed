//! Money is exact, in and out.

use crate::shop::{Mode, Shop};

cases!(
    a_price_comes_back_to_the_cent,
    what_is_no_price_is_refused,
    a_total_is_the_price_times_the_quantity_to_the_cent,
    an_order_keeps_the_price_of_its_moment,
);

/// A body with these very characters as the price.
fn body(price: &str) -> String {
    format!(r#"{{"name":"Phone","price":{price},"totalStock":5}}"#)
}

async fn a_price_comes_back_to_the_cent(mode: Mode) {
    let shop = Shop::open(mode).await;
    let prices = [
        ("0", 0),
        ("0.0", 0),
        ("0.01", 1),
        ("0.1", 10),
        ("1", 100),
        ("19.9", 1_990),
        ("19.99", 1_999),
        ("1.15", 115),
        ("4.35", 435),
        ("8.41", 841),
        ("1234567.89", 123_456_789),
        ("9999999999.99", 999_999_999_999),
        ("9007199254.93", 900_719_925_493),
        (r#""0""#, 0),
        (r#""19.99""#, 1_999),
        (r#""19.9""#, 1_990),
        (r#""9999999999.99""#, 999_999_999_999),
    ];
    for (price, cents) in prices {
        let made = shop.call("POST", "/api/products").body("application/json", body(price)).send().await.is(201);
        assert_eq!(made.cents("price"), cents, "{made}");
        let read = shop.get(&format!("/api/products/{}", made.id("id"))).await.is(200);
        assert_eq!(read.cents("price"), cents, "{read}");
        let path = format!("/api/products/{}", made.id("id"));
        let patch = format!(r#"{{"price":{price}}}"#);
        let patched = shop.call("PATCH", &path).body("application/json", patch).send().await.is(200);
        assert_eq!(patched.cents("price"), cents, "{patched}");
    }
}

async fn what_is_no_price_is_refused(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(1).await;
    let bad = [
        "1.999",
        "0.001",
        "-1",
        "-0.01",
        "10000000000",
        "9999999999.991",
        "1e400",
        "1e10",
        "1e-3",
        "99999999999999999999999999999999999999999999",
        "0.00000000000000000000000000000000000000000001",
        "true",
        "[]",
        "[1]",
        "{}",
        r#""""#,
        r#"" ""#,
        r#""abc""#,
        r#""1,5""#,
        r#""-1""#,
        r#""1.999""#,
        r#""NaN""#,
        r#""Infinity""#,
        r#""0x10""#,
        r#""19.99 EUR""#,
        r#"" 1""#,
        r#""١""#,
    ];
    for price in bad {
        let call = shop.call("POST", "/api/products").body("application/json", body(price));
        call.send().await.invalid(&["price"]);
        let patch = format!(r#"{{"price":{price}}}"#);
        let call = shop.call("PATCH", &format!("/api/products/{product}")).body("application/json", patch);
        call.send().await.invalid(&["price"]);
    }
    let read = shop.get(&format!("/api/products/{product}")).await.is(200);
    assert_eq!(read.cents("price"), 1_999, "{read}");
    for malformed in ["01", "1.", ".5", "+1", "NaN", "1_000"] {
        let call = shop.call("POST", "/api/products").body("application/json", body(malformed));
        call.send().await.refused(400, "invalid_request");
    }
}

async fn a_total_is_the_price_times_the_quantity_to_the_cent(mode: Mode) {
    let shop = Shop::open(mode).await;
    let sales = [
        ("19.99", 3, 5_997),
        ("0", 7, 0),
        ("0.01", 1_000_000, 1_000_000),
        ("1.15", 3, 345),
        ("9999999999.99", 1_000_000, 999_999_999_999_000_000_u128),
        ("33.33", 999_999, 3_332_996_667),
    ];
    for (price, quantity, total) in sales {
        let product = shop.product_at(price, 1_000_000).await;
        shop.reserve(&product, "ada", quantity).await.is(201);
        let order = shop.checkout(&product, "ada").await.is(201);
        let read = shop.get(&format!("/api/orders/{}", order.id("orderId"))).await.is(200);
        for order in [order, read] {
            assert_eq!(order.cents("unitPrice"), crate::reply::cents(price).unwrap(), "{order}");
            assert_eq!(order.cents("total"), total, "{order}");
        }
    }
}

async fn an_order_keeps_the_price_of_its_moment(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product_at("10.00", 10).await;
    let path = format!("/api/products/{product}");
    shop.reserve(&product, "ada", 2).await.is(201);
    shop.reserve(&product, "bob", 2).await.is(201);
    let first = shop.checkout(&product, "ada").await.is(201);
    shop.patch(&path, &serde_json::json!({ "price": "12.50" })).await.is(200);
    // Held at the old price, paid at the one that stands when the order is written.
    let second = shop.checkout(&product, "bob").await.is(201);
    let again = shop.checkout_named(&product, "ada", &first.id("reservationId")).await.is(200);
    let read = shop.get(&format!("/api/orders/{}", first.id("orderId"))).await.is(200);
    for order in [first, again, read] {
        assert_eq!((order.cents("unitPrice"), order.cents("total")), (1_000, 2_000), "{order}");
    }
    assert_eq!((second.cents("unitPrice"), second.cents("total")), (1_250, 2_500), "{second}");
}
