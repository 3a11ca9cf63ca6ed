//! Who may write products.

use serde_json::json;

use crate::shop::Mode;

use super::{Locked, product, tokens};

cases!(@mode embedded, Embedded, products_are_written_by_admins);
cases!(@mode distributed, Distributed, products_are_written_by_admins);

async fn products_are_written_by_admins(mode: Mode) {
    let shop = Locked::open(mode).await;
    let id = shop.product(5).await;
    let path = format!("/api/products/{id}");
    let change = json!({ "addStock": 1 });
    let scopes = [
        json!(null),
        json!(""),
        json!("administrator"),
        json!("Admin"),
        json!("read\tadmin"),
        json!(["adm", "in"]),
        json!([]),
    ];
    for scope in scopes {
        let token = tokens::signed(&tokens::claims_but("ada", &json!({ "scope": scope })));
        shop.post(&token, "/api/products", &product(1)).await.refused(403, "forbidden");
        shop.ask(&token, "PATCH", &path, Some(&change)).await.refused(403, "forbidden");
        // Neither learns one what is wrong with a body, or whether a product is there.
        shop.post(&token, "/api/products", &json!({})).await.refused(403, "forbidden");
        shop.ask(&token, "PATCH", "/api/products/x", Some(&change)).await.refused(403, "forbidden");
    }
    for (scope, total) in [(json!("admin"), 6), (json!("read admin write"), 7), (json!(["read", "admin"]), 8)] {
        let token = tokens::signed(&tokens::claims_but("ada", &json!({ "scope": scope })));
        let changed = shop.ask(&token, "PATCH", &path, Some(&change)).await.is(200);
        assert_eq!(changed.count("totalStock"), total, "{changed}");
    }
}
