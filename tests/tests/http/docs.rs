//! The description of the API, for machines and for people.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::shop::{Mode, Shop};

cases!(the_openapi_document_names_every_route_and_field, the_documentation_can_be_browsed);

async fn the_openapi_document_names_every_route_and_field(mode: Mode) {
    let shop = Shop::open(mode).await;
    let document = shop.get("/api/openapi.json").await.is(200);
    assert!(document.text("openapi").starts_with("3.1"), "{document}");
    let mut routes = BTreeSet::new();
    for (path, item) in document.json()["paths"].as_object().unwrap() {
        let path: Vec<&str> = path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect();
        for method in item.as_object().unwrap().keys() {
            if ["get", "post", "patch", "delete"].contains(&method.as_str()) {
                routes.insert(format!("{method} {}", path.join("/")));
            }
        }
    }
    let wanted = [
        "post /api/products",
        "get /api/products",
        "get /api/products/{}",
        "patch /api/products/{}",
        "get /api/products/{}/status",
        "post /api/products/{}/reserve",
        "get /api/products/{}/reserve",
        "delete /api/products/{}/reserve",
        "post /api/products/{}/checkout",
        "get /api/orders",
        "get /api/orders/{}",
        "get /health/live",
        "get /health/ready",
        "get /metrics",
    ];
    for route in wanted {
        assert!(routes.contains(route), "{route} is not described; these are: {routes:#?}");
    }
    for name in
        ["totalStock", "reservedStock", "availableStock", "reservationId", "expiresAt", "unitPrice", "requestId"]
    {
        assert!(document.body().contains(&format!("\"{name}\"")), "{name} is not described");
    }
    for reference in references(document.json()) {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.json().pointer(pointer).is_some(), "{reference} points nowhere");
    }
}

/// Every `$ref` in a document.
fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| match value {
                Value::String(reference) if name == "$ref" => vec![reference.clone()],
                other => references(other),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

async fn the_documentation_can_be_browsed(mode: Mode) {
    let shop = Shop::open(mode).await;
    let page = shop.get("/docs").await;
    // It may live in a folder of its own.
    let page = match page.header("location") {
        Some(location) if (300..400).contains(&page.status()) => shop.get(location).await.is(200),
        _ => page.is(200),
    };
    assert!(page.header("content-type").is_some_and(|kind| kind.starts_with("text/html")), "{page}");
    for elsewhere in ["src=\"http", "src='http", "src=\"//", "href=\"http"] {
        assert!(!page.body().contains(elsewhere), "its assets come with it\n{page}");
    }
    let named = ["<script src=\"", "stylesheet\" href=\""].map(|mark| page.body().split(mark).skip(1));
    let named: Vec<_> = named.into_iter().flatten().filter_map(|rest| rest.split('"').next()).collect();
    assert!(named.len() > 3, "{page}");
    for asset in named {
        shop.get(&format!("/docs/{asset}")).await.is(200);
    }
    assert!(page.body().contains("width=device-width"), "a phone is shown a page as wide as a phone\n{page}");
}
