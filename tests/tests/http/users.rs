//! Odd user names, in bodies and in queries.

use std::fmt::Write as _;

use serde_json::json;

use crate::shop::{Level, Mode, Shop, reserve_path};

cases!(
    odd_names_go_through_a_whole_sale_unchanged,
    names_that_look_alike_are_different_users,
    what_is_no_name_is_refused,
    a_query_names_a_user_percent_encoded,
    a_query_that_is_no_text_is_refused,
);

fn odd_names() -> Vec<String> {
    let mut names: Vec<String> = [
        "a",
        "0",
        "null",
        "undefined",
        "true",
        "ada lovelace",
        " ada",
        "ada ",
        "🛒",
        "👩‍👩‍👧‍👦 family",
        "Zoë",
        "e\u{301}",
        "מרים",
        "\u{202e}txet",
        "عمر",
        "李小龍",
        "\"ada\"",
        "'; DROP TABLE products; --",
        "a\\b",
        "\\u0041",
        "a/b/c",
        "../../etc/passwd",
        "..",
        "%00",
        "%2e%2e%2f",
        "a%20b",
        "a+b",
        "a&b=c",
        "a=b",
        "a#b",
        "a?b",
        "{}",
        "{userId}",
        "{user}:{product}",
        "a:b:c",
        "a;b",
        "a,b",
        "a|b",
        "*",
        "[a]",
        "$1",
        "${jndi:ldap://x}",
        "<script>alert(1)</script>",
        "user@example.org",
        "__proto__",
        "\u{feff}bom",
        "\u{e000}",
        "\u{fffd}",
        "\u{10ffff}",
    ]
    .map(str::to_owned)
    .into();
    names.push("x".repeat(128));
    names.push("🛒".repeat(128));
    names.push("é".repeat(128));
    names
}

/// Every byte but letters and digits percent-encoded.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

async fn odd_names_go_through_a_whole_sale_unchanged(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(1_000).await;
    let names = odd_names();
    for name in &names {
        let hold = shop.reserve(&product, name, 2).await.is(201);
        assert_eq!(&hold.text("userId"), name, "{hold}");
    }
    // All of them hold at once, each their own.
    assert_eq!(shop.level(&product).await, Level::of(1_000, 2 * u64::try_from(names.len()).unwrap()));
    for name in &names {
        let hold = shop.hold(&product, &encoded(name)).await.is(200);
        assert_eq!(&hold.text("userId"), name, "{hold}");
        let set = shop.reserve(&product, name, 1).await.is(200);
        assert_eq!(set.id("reservationId"), hold.id("reservationId"), "{set}");
        let order = shop.checkout(&product, name).await.is(201);
        assert_eq!(&order.text("userId"), name, "{order}");
        let orders = shop.get(&format!("/api/orders?userId={}", encoded(name))).await.is(200);
        assert_eq!(orders.json()["items"], json!([order.json()]), "{orders}");
        shop.reserve(&product, name, 3).await.is(201);
        let released = shop.release(&product, name).await.is(200);
        assert_eq!(&released.text("userId"), name, "{released}");
    }
    assert_eq!(shop.level(&product).await, Level::of(1_000 - u64::try_from(names.len()).unwrap(), 0));
}

async fn names_that_look_alike_are_different_users(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(100).await;
    let alike = ["ada", "ada ", " ada", "Ada", "ADA", "ada\u{200b}", "а\u{64}a", "é", "e\u{301}", "%61da", "ada\u{a0}"];
    for (quantity, name) in (1..).zip(alike) {
        shop.reserve(&product, name, quantity).await.is(201);
    }
    for (quantity, name) in (1..).zip(alike) {
        let hold = shop.hold(&product, &encoded(name)).await.is(200);
        assert_eq!((hold.count("quantity"), hold.text("userId")), (quantity, name.to_owned()), "{hold}");
    }
}

async fn what_is_no_name_is_refused(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(5).await;
    let long = "x".repeat(129);
    let long_wide = "🛒".repeat(129);
    let bad = [
        "",
        " ",
        "\t",
        "\u{a0}\u{2003}\u{3000}",
        "a\nb",
        "a\rb",
        "a\tb",
        "\u{0}",
        "ada\u{0}",
        "\u{1b}[31m",
        "\u{7f}",
        "a\u{85}b",
        "\u{1}withdrawal:1",
        &long,
        &long_wide,
    ];
    for name in bad {
        shop.reserve(&product, name, 1).await.invalid(&["userId"]);
        shop.release(&product, name).await.invalid(&["userId"]);
        shop.checkout(&product, name).await.invalid(&["userId"]);
        shop.hold(&product, &encoded(name)).await.invalid(&["userId"]);
        shop.get(&format!("/api/orders?userId={}", encoded(name))).await.invalid(&["userId"]);
        let path = format!("{}?userId={}", reserve_path(&product), encoded(name));
        shop.call("DELETE", &path).send().await.invalid(&["userId"]);
    }
}

async fn a_query_names_a_user_percent_encoded(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(100).await;
    let spellings = [
        ("ada+lovelace", "ada lovelace"),
        ("ada%20lovelace", "ada lovelace"),
        ("a%2Bb", "a+b"),
        ("a%2fb", "a/b"),
        ("%F0%9F%9B%92", "🛒"),
        ("%f0%9f%9b%92", "🛒"),
        ("a%26b%3Dc%23d", "a&b=c#d"),
        ("a=b", "a=b"),
        ("100%25", "100%"),
        ("%2500", "%00"),
    ];
    for (spelling, name) in spellings {
        let hold = shop.reserve(&product, name, 1).await.is(201);
        let read = shop.get(&format!("{}?x=1&userId={spelling}&y=2", reserve_path(&product))).await.is(200);
        assert_eq!(read.json(), hold.json(), "{read}");
        let released =
            shop.call("DELETE", &format!("{}?userId={spelling}", reserve_path(&product))).send().await.is(200);
        assert_eq!(released.json(), hold.json(), "{released}");
    }
    assert_eq!(shop.level(&product).await, Level::of(100, 0));
}

async fn a_query_that_is_no_text_is_refused(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(5).await;
    for bytes in ["%ff", "%c3%28", "ada%ed%a0%80", "%00", "ada%0A"] {
        shop.hold(&product, bytes).await.invalid(&["userId"]);
        shop.get(&format!("/api/orders?userId={bytes}")).await.invalid(&["userId"]);
    }
    shop.get(&reserve_path(&product)).await.invalid(&["userId"]);
    shop.get(&format!("{}?userid=ada", reserve_path(&product))).await.invalid(&["userId"]);
    shop.get(&format!("{}?userId=", reserve_path(&product))).await.invalid(&["userId"]);
    shop.get(&format!("{}?userId", reserve_path(&product))).await.invalid(&["userId"]);
}
