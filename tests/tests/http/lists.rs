//! Listings: newest first, page by page.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::reply::{ORDER, PRODUCT};
use crate::shop::{Mode, Shop};

cases!(
    products_are_listed_newest_first_and_page_by_page,
    products_made_meanwhile_do_not_disturb_a_walk,
    orders_are_listed_by_user_newest_first_and_page_by_page,
    orders_are_listed_by_product_and_by_both,
    an_order_is_read_by_its_id,
    bad_pages_are_refused,
);

/// Walks a listing; the ids of each page.
async fn walk(shop: &Shop, path: &str, id: &str, fields: &[&str]) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut cursor = None::<String>;
    loop {
        let mut path = path.to_owned();
        if let Some(cursor) = &cursor {
            write!(path, "{}cursor={cursor}", if path.contains('?') { '&' } else { '?' }).unwrap();
        }
        let page = shop.get(&path).await.is(200).has_exactly(&["items", "nextCursor"]);
        let items = page.json()["items"].as_array().unwrap();
        for item in items {
            let mut names: Vec<&str> = item.as_object().unwrap().keys().map(String::as_str).collect();
            names.sort_unstable();
            let mut wanted = fields.to_vec();
            wanted.sort_unstable();
            assert_eq!(names, wanted, "{page}");
        }
        pages.push(items.iter().map(|item| item[id].as_str().unwrap().to_owned()).collect());
        match &page.json()["nextCursor"] {
            Value::Null => return pages,
            next => cursor = Some(next.as_str().unwrap().to_owned()),
        }
    }
}

fn sizes(pages: &[Vec<String>]) -> Vec<usize> {
    pages.iter().map(Vec::len).collect()
}

async fn products_are_listed_newest_first_and_page_by_page(mode: Mode) {
    let shop = Shop::open(mode).await;
    assert_eq!(sizes(&walk(&shop, "/api/products", "id", &PRODUCT).await), [0]);
    let mut made = Vec::new();
    for units in 0..25 {
        made.push(shop.product(units).await);
    }
    made.reverse();
    let limits: [(&str, &[usize]); 6] = [
        ("", &[20, 5]),
        ("?limit=100", &[25]),
        ("?limit=25", &[25]),
        ("?limit=10", &[10, 10, 5]),
        ("?limit=24&x=1", &[24, 1]),
        ("?limit=5", &[5, 5, 5, 5, 5]),
    ];
    for (query, wanted) in limits {
        let pages = walk(&shop, &format!("/api/products{query}"), "id", &PRODUCT).await;
        assert_eq!(sizes(&pages), wanted, "{query}");
        assert_eq!(pages.concat(), made, "{query}");
    }
    assert_eq!(sizes(&walk(&shop, "/api/products?limit=1", "id", &PRODUCT).await), [1; 25]);
    let newest = shop.get("/api/products?limit=1").await.is(200);
    let item = &newest.json()["items"][0];
    assert_eq!((&item["name"], &item["totalStock"]), (&json!("Phone"), &json!(24)), "{newest}");
    assert!(newest.body().contains(r#""price":19.99,"#), "{newest}");
}

async fn products_made_meanwhile_do_not_disturb_a_walk(mode: Mode) {
    let shop = Shop::open(mode).await;
    let mut made = Vec::new();
    for _ in 0..4 {
        made.push(shop.product(1).await);
    }
    let first = shop.get("/api/products?limit=2").await.is(200);
    shop.product(1).await;
    let cursor = first.text("nextCursor");
    let second = shop.get(&format!("/api/products?limit=2&cursor={cursor}")).await.is(200);
    let ids: Vec<&str> =
        second.json()["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [made[1].as_str(), made[0].as_str()], "{second}");
    assert_eq!(second.json()["nextCursor"], Value::Null, "{second}");
}

async fn orders_are_listed_by_user_newest_first_and_page_by_page(mode: Mode) {
    let shop = Shop::open(mode).await;
    let (phones, tablets) = (shop.product(100).await, shop.product(100).await);
    let mut adas = Vec::new();
    let mut all = Vec::new();
    for turn in 0..12 {
        let product = if turn % 3 == 0 { &tablets } else { &phones };
        let user = if turn % 4 == 0 { "bob" } else { "ada" };
        shop.reserve(product, user, 1).await.is(201);
        let order = shop.checkout(product, user).await.is(201).id("orderId");
        if user == "ada" {
            adas.push(order.clone());
        }
        all.push(order);
    }
    adas.reverse();
    all.reverse();
    let pages = walk(&shop, "/api/orders?userId=ada", "orderId", &ORDER).await;
    assert_eq!((sizes(&pages), pages.concat()), (vec![9], adas.clone()));
    let pages = walk(&shop, "/api/orders?userId=ada&limit=4", "orderId", &ORDER).await;
    assert_eq!((sizes(&pages), pages.concat()), (vec![4, 4, 1], adas.clone()));
    let pages = walk(&shop, "/api/orders?limit=3&userId=ada", "orderId", &ORDER).await;
    assert_eq!((sizes(&pages), pages.concat()), (vec![3, 3, 3], adas));
    let pages = walk(&shop, "/api/orders?limit=5", "orderId", &ORDER).await;
    assert_eq!((sizes(&pages), pages.concat()), (vec![5, 5, 2], all));
    assert_eq!(sizes(&walk(&shop, "/api/orders?userId=carl", "orderId", &ORDER).await), [0]);
}

async fn orders_are_listed_by_product_and_by_both(mode: Mode) {
    let shop = Shop::open(mode).await;
    let (phones, tablets, unsold) = (shop.product(100).await, shop.product(100).await, shop.product(100).await);
    let mut made = Vec::new();
    for turn in 0..12 {
        let product = if turn % 3 == 0 { &tablets } else { &phones };
        let user = if turn % 4 == 0 { "bob" } else { "ada" };
        shop.reserve(product, user, 1).await.is(201);
        made.push((product.clone(), user, shop.checkout(product, user).await.is(201).id("orderId")));
    }
    // Two instances may make orders in the same millisecond; ids say which is the newer one.
    made.sort_by(|(.., one), (.., other)| other.cmp(one));
    for product in [&phones, &tablets, &unsold] {
        for user in ["", "ada", "bob", "carl"] {
            let theirs = made.iter().filter(|(of, by, _)| of == product && (user.is_empty() || *by == user));
            let ids: Vec<String> = theirs.map(|(_, _, id)| id.clone()).collect();
            let by = if user.is_empty() { String::new() } else { format!("userId={user}&") };
            for limit in [1, 3, 100] {
                let path = format!("/api/orders?{by}limit={limit}&productId={product}");
                let pages = walk(&shop, &path, "orderId", &ORDER).await;
                assert_eq!(pages.concat(), ids, "{path}");
                assert_eq!(pages.len(), ids.len().div_ceil(limit).max(1), "{path}");
            }
        }
    }
    let spelt = format!("/api/orders?productId={}", phones.to_uppercase());
    assert_eq!(sizes(&walk(&shop, &spelt, "orderId", &ORDER).await), [8]);
    // Of a product that nobody knows there are none.
    let unknown = "/api/orders?productId=01890a5d-ac96-774b-bcce-b302099a8057";
    assert_eq!(sizes(&walk(&shop, unknown, "orderId", &ORDER).await), [0]);
    for bad in ["", "x", "42", &phones[..35], &phones.replace('-', ""), "%20", &format!("{phones}&productId={phones}")]
    {
        shop.get(&format!("/api/orders?userId=ada&productId={bad}")).await.invalid(&["productId"]);
    }
    // Of products themselves no such thing is asked.
    shop.get("/api/products?productId=x").await.is(200);
}

async fn an_order_is_read_by_its_id(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(5).await;
    shop.reserve(&product, "ada", 2).await.is(201);
    let order = shop.checkout(&product, "ada").await.is(201);
    let id = order.id("orderId");
    for id in [id.clone(), id.to_uppercase()] {
        let read = shop.get(&format!("/api/orders/{id}")).await.is(200).has_exactly(&ORDER);
        assert_eq!(read.body(), order.body(), "{read}");
    }
    let unknown = order.id("reservationId");
    shop.get(&format!("/api/orders/{unknown}")).await.refused(404, "order_not_found");
    shop.get("/api/orders/00000000-0000-0000-0000-000000000000").await.refused(404, "order_not_found");
    for bad in ["x", "1", &id[..35], &format!("{id}0"), &id.replace('-', "")] {
        shop.get(&format!("/api/orders/{bad}")).await.invalid(&["orderId"]);
    }
}

async fn bad_pages_are_refused(mode: Mode) {
    let shop = Shop::open(mode).await;
    for listing in ["/api/products", "/api/orders", "/api/orders?userId=ada"] {
        let and = if listing.contains('?') { '&' } else { '?' };
        for limit in ["0", "101", "-1", "1.5", "1e1", "ten", "", "+5", "%20", "99999999999999999999", "0x10"] {
            shop.get(&format!("{listing}{and}limit={limit}")).await.invalid(&["limit"]);
        }
        for cursor in ["", "x", "1", "%F0%9F%9B%92", "01890a5d-ac96-774b-bcce-b302099a805", "'%20OR%201=1"] {
            shop.get(&format!("{listing}{and}cursor={cursor}")).await.invalid(&["cursor"]);
        }
        for limit in ["1", "100"] {
            shop.get(&format!("{listing}{and}limit={limit}")).await.is(200);
        }
    }
}
