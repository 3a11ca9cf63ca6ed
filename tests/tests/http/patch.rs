//! Changing a product: all of the patch or nothing of it, and never a held unit.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::reply::PRODUCT;
use crate::shop::{Level, Mode, Shop};

cases!(
    fields_are_changed_one_by_one_and_together,
    stock_is_added_and_taken_away,
    held_units_are_never_taken,
    a_patch_is_all_or_nothing,
    an_empty_patch_is_refused,
    the_bounds_of_a_change_of_stock,
    added_stock_is_on_sale_at_once,
    a_reason_is_told_when_there_is_too_little,
    changes_at_once_all_count,
);

async fn fields_are_changed_one_by_one_and_together(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(5).await;
    let path = format!("/api/products/{product}");
    let names = [PRODUCT.as_slice(), &["reservedStock", "availableStock"]].concat();
    let made = shop.get(&path).await.is(200);

    let renamed = shop.patch(&path, &json!({ "name": "  Tablet ", "colour": "red" })).await.is(200).has_exactly(&names);
    assert_eq!(renamed.text("name"), "Tablet", "{renamed}");
    assert_eq!(renamed.cents("price"), 1_999, "{renamed}");
    let described = shop.patch(&path, &json!({ "description": "Ten\ninches" })).await.is(200);
    assert_eq!(described.text("description"), "Ten\ninches", "{described}");
    assert_eq!(described.text("name"), "Tablet", "{described}");
    let emptied = shop.patch(&path, &json!({ "description": "", "name": null })).await.is(200);
    assert_eq!((emptied.text("description"), emptied.text("name")), (String::new(), "Tablet".to_owned()), "{emptied}");
    let all = json!({ "name": "Watch", "description": "d", "price": "0.01", "addStock": 2 });
    let all = shop.patch(&path, &all).await.is(200);
    assert_eq!((all.text("name"), all.text("description")), ("Watch".to_owned(), "d".to_owned()), "{all}");
    assert_eq!((all.cents("price"), all.count("totalStock"), all.count("availableStock")), (1, 7, 7), "{all}");
    assert_eq!(all.json()["id"], made.json()["id"], "{all}");
    assert_eq!(all.json()["createdAt"], made.json()["createdAt"], "{all}");
    let read = shop.get(&path).await.is(200);
    assert_eq!(read.body(), all.body(), "{read}");
}

async fn stock_is_added_and_taken_away(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(5).await;
    let path = format!("/api/products/{product}");
    for (add, total) in [(5, 10), (-3, 7), (-7, 0), (0, 0), (4, 4), (-1, 3)] {
        let changed = shop.patch(&path, &json!({ "addStock": add })).await.is(200);
        assert_eq!((changed.count("totalStock"), changed.count("availableStock")), (total, total), "{changed}");
        assert_eq!(shop.level(&product).await, Level::of(total, 0));
    }
}

async fn held_units_are_never_taken(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(10).await;
    let path = format!("/api/products/{product}");
    let hold = shop.reserve(&product, "ada", 4).await.is(201);
    let refused = shop.patch(&path, &json!({ "addStock": -7 })).await.refused(409, "insufficient_stock");
    assert_eq!((refused.count("availableStock"), refused.text("reason")), (6, "all_held".to_owned()), "{refused}");
    assert_eq!(shop.level(&product).await, Level::of(10, 4));
    let changed = shop.patch(&path, &json!({ "addStock": -6 })).await.is(200);
    assert_eq!((changed.count("totalStock"), changed.count("reservedStock")), (4, 4), "{changed}");
    shop.patch(&path, &json!({ "addStock": -1 })).await.refused(409, "insufficient_stock");
    let kept = shop.hold(&product, "ada").await.is(200);
    assert_eq!(kept.json(), hold.json(), "{kept}");
    shop.checkout(&product, "ada").await.is(201);
    assert_eq!(shop.level(&product).await, Level::of(0, 0));
    // What lapsed is free to be taken.
    shop.patch(&path, &json!({ "addStock": 3 })).await.is(200);
    shop.reserve(&product, "ada", 3).await.is(201);
    shop.advance(Duration::from_mins(10)).await;
    shop.patch(&path, &json!({ "addStock": -3 })).await.is(200);
    assert_eq!(shop.level(&product).await, Level::of(0, 0));
}

async fn a_patch_is_all_or_nothing(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(5).await;
    let path = format!("/api/products/{product}");
    let before = shop.get(&path).await.is(200);
    let too_much = json!({ "name": "Tablet", "description": "d", "price": 1, "addStock": -6 });
    shop.patch(&path, &too_much).await.refused(409, "insufficient_stock");
    let too_many = json!({ "name": "Tablet", "description": "d", "price": 1, "addStock": 1_000_000_000 });
    shop.patch(&path, &too_many).await.invalid(&["addStock"]);
    shop.patch(&path, &json!({ "name": "", "price": 1, "addStock": 1 })).await.invalid(&["name"]);
    shop.patch(&path, &json!({ "price": "x", "name": "Tablet", "addStock": -1 })).await.invalid(&["price"]);
    let after = shop.get(&path).await.is(200);
    assert_eq!(after.body(), before.body(), "{after}");
}

async fn an_empty_patch_is_refused(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(5).await;
    let path = format!("/api/products/{product}");
    let nulls = json!({ "addStock": null, "price": null, "name": null, "description": null });
    for empty in [json!({}), json!({ "totalStock": 9 }), nulls] {
        shop.patch(&path, &empty).await.refused(400, "invalid_request");
    }
    assert_eq!(shop.level(&product).await, Level::of(5, 0));
}

async fn the_bounds_of_a_change_of_stock(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(0).await;
    let path = format!("/api/products/{product}");
    for bad in [json!(1_000_000_001), json!(-1_000_000_001), json!(i64::MIN), json!(i64::MAX), json!(u64::MAX)] {
        shop.patch(&path, &json!({ "addStock": bad })).await.invalid(&["addStock"]);
    }
    shop.patch(&path, &json!({ "addStock": 1_000_000_000 })).await.is(200);
    shop.patch(&path, &json!({ "addStock": 1 })).await.invalid(&["addStock"]);
    assert_eq!(shop.level(&product).await, Level::of(1_000_000_000, 0));
    shop.patch(&path, &json!({ "addStock": -1_000_000_000 })).await.is(200);
    assert_eq!(shop.level(&product).await, Level::of(0, 0));
}

async fn added_stock_is_on_sale_at_once(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(1).await;
    shop.reserve(&product, "ada", 1).await.is(201);
    for _ in 0..4 {
        shop.reserve(&product, "bob", 2).await.refused(409, "insufficient_stock");
        shop.patch(&format!("/api/products/{product}"), &json!({ "addStock": 2 })).await.is(200);
        shop.reserve(&product, "bob", 2).await.is(201);
        shop.checkout(&product, "bob").await.is(201);
    }
    assert_eq!(shop.level(&product).await, Level::of(1, 1));
    assert_eq!(shop.balance(&product, 9).await, 8);
}

async fn a_reason_is_told_when_there_is_too_little(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(0).await;
    let path = format!("/api/products/{product}");
    let refused = shop.patch(&path, &json!({ "addStock": -1 })).await.refused(409, "insufficient_stock");
    assert_eq!((refused.count("availableStock"), refused.text("reason")), (0, "sold_out".to_owned()), "{refused}");
}

async fn changes_at_once_all_count(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(100).await;
    let path = format!("/api/products/{product}");
    let changes = (0..24).map(|turn| {
        let (shop, product, path) = (&shop, &product, &path);
        async move {
            match turn % 3 {
                0 => shop.patch(path, &json!({ "addStock": 5 })).await.is(200),
                1 => shop.patch(path, &json!({ "addStock": -2 })).await.is(200),
                _ => shop.reserve(product, &format!("user {turn}"), 1).await.is(201),
            }
        }
    });
    join_all(changes).await;
    assert_eq!(shop.level(&product).await, Level::of(100 + 8 * 5 - 8 * 2, 8));
}
