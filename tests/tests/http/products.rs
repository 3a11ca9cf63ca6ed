//! Creating and reading products.

use serde_json::{Value, json};

use crate::reply::PRODUCT;
use crate::shop::{Level, Mode, Shop};

cases!(
    a_product_is_created_with_its_fields_and_its_location,
    texts_are_kept_as_they_are_and_names_trimmed,
    the_bounds_of_a_product_are_inclusive,
    what_is_out_of_bounds_is_refused,
    unknown_fields_are_ignored_and_null_is_absent,
    a_product_is_read_with_its_counters,
    the_status_has_exactly_three_counters,
    unknown_products_are_not_found_and_bad_ids_are_refused,
    an_id_is_one_in_upper_case_too,
);

async fn a_product_is_created_with_its_fields_and_its_location(mode: Mode) {
    let shop = Shop::open(mode).await;
    let before = shop.clock().millis();
    let body = json!({ "name": "Phone", "description": "Six inches", "price": 499.5, "totalStock": 50 });
    let made = shop.post("/api/products", &body).await.is(201).has_exactly(&PRODUCT);
    let after = shop.clock().millis();

    let id = made.id("id");
    assert_eq!(made.header("location"), Some(format!("/api/products/{id}").as_str()), "{made}");
    assert_eq!((made.text("name"), made.text("description")), ("Phone".to_owned(), "Six inches".to_owned()), "{made}");
    assert_eq!((made.cents("price"), made.count("totalStock")), (49_950, 50), "{made}");
    let created = made.millis("createdAt");
    assert!((before - 1..=after + 1).contains(&created), "created at {created}, between {before} and {after}\n{made}");

    let read = shop.get(&format!("/api/products/{id}")).await.is(200);
    for field in PRODUCT {
        assert_eq!(read.json()[field], made.json()[field], "{field}: {read}");
    }
}

async fn texts_are_kept_as_they_are_and_names_trimmed(mode: Mode) {
    let shop = Shop::open(mode).await;
    let description = "  One\r\n\ttwo 🛒 “three” \\ / <b>&amp;</b> ' \" é\u{301} ";
    let body = json!({ "name": "\u{a0} Тёлефон 📱 \"X\" \n", "description": description, "price": 1, "totalStock": 1 });
    let made = shop.post("/api/products", &body).await.is(201);
    let read = shop.get(&format!("/api/products/{}", made.id("id"))).await.is(200);
    for reply in [made, read] {
        assert_eq!(reply.text("name"), "Тёлефон 📱 \"X\"", "{reply}");
        assert_eq!(reply.text("description"), description, "{reply}");
    }
}

async fn the_bounds_of_a_product_are_inclusive(mode: Mode) {
    let shop = Shop::open(mode).await;
    let fine = [
        json!({ "name": "x", "description": "", "price": 0, "totalStock": 0 }),
        json!({ "name": "📱".repeat(200), "description": "d".repeat(5000), "price": 1, "totalStock": 1_000_000_000 }),
        json!({ "name": format!("  {}  ", "x".repeat(200)), "price": 1, "totalStock": 1 }),
        json!({ "name": "x", "description": "💡".repeat(3500), "price": 1, "totalStock": 1 }),
    ];
    for body in fine {
        let made = shop.post("/api/products", &body).await.is(201);
        assert_eq!(made.json()["totalStock"], body["totalStock"], "{made}");
        let description = body["description"].as_str().unwrap_or("");
        assert_eq!(made.text("description"), description, "{made}");
        let total = made.count("totalStock");
        assert_eq!(shop.level(&made.id("id")).await, Level::of(total, 0));
    }
}

async fn what_is_out_of_bounds_is_refused(mode: Mode) {
    let shop = Shop::open(mode).await;
    let good = json!({ "name": "Phone", "description": "x", "price": 1, "totalStock": 1 });
    let bad: [(&str, Vec<Value>); 3] = [
        (
            "name",
            vec![
                json!(""),
                json!("  \t\n "),
                json!("\u{a0}\u{2003}"),
                json!("x".repeat(201)),
                json!("📱".repeat(201)),
                json!("a\tb"),
                json!("a\u{0}b"),
                json!("a\u{7f}b"),
                json!("a\u{85}b"),
            ],
        ),
        ("description", vec![json!("x".repeat(5001)), json!("a\u{0}b"), json!("a\u{1b}[31m"), json!("a\u{85}b")]),
        ("totalStock", vec![json!(-1), json!(1_000_000_001), json!(i64::MIN), json!(i64::MAX), json!(u64::MAX)]),
    ];
    for (field, values) in bad {
        for value in values {
            let mut body = good.clone();
            body[field] = value;
            shop.post("/api/products", &body).await.invalid(&[field]);
        }
    }
    let none = shop.get("/api/products").await.is(200);
    assert_eq!(none.json()["items"], json!([]), "{none}");
}

async fn unknown_fields_are_ignored_and_null_is_absent(mode: Mode) {
    let shop = Shop::open(mode).await;
    let body = json!({ "name": "Phone", "description": null, "price": 1, "totalStock": 2, "colour": ["red"], "id": "x",
        "reservedStock": -1 });
    let made = shop.post("/api/products", &body).await.is(201).has_exactly(&PRODUCT);
    assert_eq!(made.text("description"), "", "{made}");
    let nulls = json!({ "name": null, "description": null, "price": null, "totalStock": null });
    shop.post("/api/products", &nulls).await.invalid(&["name", "price", "totalStock"]);

    let id = made.id("id");
    let path = crate::shop::reserve_path(&id);
    shop.post(&path, &json!({ "userId": "ada", "quantity": 1, "note": {} })).await.is(201);
    let path = crate::shop::checkout_path(&id);
    shop.post(&path, &json!({ "userId": "ada", "reservationId": null, "note": [] })).await.is(201);
}

async fn a_product_is_read_with_its_counters(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(10).await;
    shop.reserve(&product, "ada", 3).await.is(201);
    shop.reserve(&product, "bob", 2).await.is(201);
    shop.checkout(&product, "bob").await.is(201);

    let read = shop.get(&format!("/api/products/{product}")).await.is(200);
    let names = [PRODUCT.as_slice(), &["reservedStock", "availableStock"]].concat();
    let read = read.has_exactly(&names);
    let level = ["totalStock", "reservedStock", "availableStock"].map(|name| read.count(name));
    assert_eq!(level, [8, 3, 5], "{read}");
}

async fn the_status_has_exactly_three_counters(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(5).await;
    assert_eq!(shop.level(&product).await, Level::of(5, 0));
    shop.reserve(&product, "ada", 2).await.is(201);
    assert_eq!(shop.level(&product).await, Level::of(5, 2));
    shop.checkout(&product, "ada").await.is(201);
    assert_eq!(shop.level(&product).await, Level::of(3, 0));
}

async fn unknown_products_are_not_found_and_bad_ids_are_refused(mode: Mode) {
    let shop = Shop::open(mode).await;
    let known = shop.product(1).await;
    let user = json!({ "userId": "ada", "quantity": 1 });
    let calls = [
        ("GET", "", None),
        ("GET", "/status", None),
        ("GET", "/reserve?userId=ada", None),
        ("POST", "/reserve", Some(&user)),
        ("DELETE", "/reserve", Some(&user)),
        ("POST", "/checkout", Some(&user)),
        ("PATCH", "", Some(&json!({ "price": 2 }))),
        ("PATCH", "", Some(&json!({ "addStock": 1 }))),
        ("PATCH", "", Some(&json!({ "addStock": -1 }))),
    ]
    .map(|(method, rest, body)| (method, rest, body.cloned()));
    let ask = async |method: &str, id: &str, rest: &str, body: &Option<Value>| {
        let call = shop.call(method, &format!("/api/products/{id}{rest}"));
        match body {
            Some(body) => call.json(body).send().await,
            None => call.send().await,
        }
    };
    let unknown = ["01890a5d-ac96-774b-bcce-b302099a8057", "00000000-0000-0000-0000-000000000000"];
    let short = &known[..35];
    let long = format!("{known}0");
    let bare = known.replace('-', "");
    let braced = format!("%7B{known}%7D");
    let urn = format!("urn:uuid:{known}");
    let bad = ["1", "x", "null", "%20", "..%2f..", "🛒", short, &long, &bare, &braced, &urn];
    for (method, rest, body) in &calls {
        for id in unknown {
            ask(method, id, rest, body).await.refused(404, "product_not_found");
        }
        for id in bad {
            ask(method, id, rest, body).await.invalid(&["productId"]);
        }
    }
}

async fn an_id_is_one_in_upper_case_too(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(4).await;
    let read = shop.get(&format!("/api/products/{}", product.to_uppercase())).await.is(200);
    assert_eq!(read.id("id"), product, "{read}");
    let hold = shop.reserve(&product.to_uppercase(), "ada", 1).await.is(201);
    assert_eq!(hold.id("productId"), product, "{hold}");
    let named = hold.id("reservationId").to_uppercase();
    shop.checkout_named(&product, "ada", &named).await.is(201);
    assert_eq!(shop.level(&product).await, Level::of(3, 0));
}
