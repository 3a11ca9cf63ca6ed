//! Paths, methods and request ids.

use std::collections::BTreeSet;

use serde_json::json;

use crate::shop::{Mode, Shop};

cases!(
    a_path_that_no_route_has_is_not_found,
    a_method_that_a_route_does_not_have_is_refused_with_those_it_has,
    a_head_is_a_get_without_its_body,
    every_answer_has_a_request_id_of_its_own,
    a_request_id_that_makes_no_sense_is_not_taken_over,
);

/// Every route with its methods.
fn routes(product: &str, order: &str) -> Vec<(String, &'static [&'static str])> {
    vec![
        ("/api/products".to_owned(), &["GET", "HEAD", "POST"]),
        (format!("/api/products/{product}"), &["GET", "HEAD", "PATCH"]),
        (format!("/api/products/{product}/status"), &["GET", "HEAD"]),
        (format!("/api/products/{product}/reserve"), &["GET", "HEAD", "POST", "DELETE"]),
        (format!("/api/products/{product}/checkout"), &["POST"]),
        ("/api/orders".to_owned(), &["GET", "HEAD"]),
        (format!("/api/orders/{order}"), &["GET", "HEAD"]),
        ("/api/openapi.json".to_owned(), &["GET", "HEAD"]),
        ("/health/live".to_owned(), &["GET", "HEAD"]),
        ("/health/ready".to_owned(), &["GET", "HEAD"]),
        ("/metrics".to_owned(), &["GET", "HEAD"]),
    ]
}

async fn a_path_that_no_route_has_is_not_found(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(1).await;
    let unknown = [
        "/nothing".to_owned(),
        "/api".to_owned(),
        "/api/".to_owned(),
        "/api/nothing".to_owned(),
        "/api/product".to_owned(),
        "/api/products/".to_owned(),
        "/API/products".to_owned(),
        format!("/api/products/{product}/"),
        format!("/api/products/{product}/nothing"),
        format!("/api/products/{product}/status/more"),
        format!("/products/{product}"),
        "/api/orders/".to_owned(),
        "/health".to_owned(),
        "/health/".to_owned(),
        "/.env".to_owned(),
        "/%00".to_owned(),
        "/%ff".to_owned(),
    ];
    for path in unknown {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            shop.call(method, &path).json(&json!({})).send().await.refused(404, "route_not_found");
        }
        shop.call("HEAD", &path).send().await.is(404);
    }
}

async fn a_method_that_a_route_does_not_have_is_refused_with_those_it_has(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(1).await;
    for (path, methods) in routes(&product, &product) {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"] {
            if methods.contains(&method) {
                continue;
            }
            let reply = shop.call(method, &path).send().await.is(405);
            if method != "HEAD" {
                assert_eq!(reply.code(), Some("method_not_allowed"), "{reply}");
            }
            let allow: BTreeSet<&str> = reply.header("allow").unwrap_or("").split(',').map(str::trim).collect();
            let allow_wanted: BTreeSet<&str> = methods.iter().copied().collect();
            assert_eq!(allow, allow_wanted, "{reply}");
        }
    }
    // A bad id does not hide that the method is wrong.
    shop.call("PUT", "/api/products/x").send().await.refused(405, "method_not_allowed");
}

async fn a_head_is_a_get_without_its_body(mode: Mode) {
    let shop = Shop::open(mode).await;
    let product = shop.product(1).await;
    shop.reserve(&product, "ada", 1).await.is(201);
    let order = shop.checkout(&product, "ada").await.is(201).id("orderId");
    for (path, methods) in routes(&product, &order) {
        if methods.contains(&"HEAD") && !path.ends_with("/reserve") {
            let got = shop.get(&path).await.is(200);
            let head = shop.call("HEAD", &path).send().await.is(200);
            assert_eq!(head.body(), "", "{head}");
            assert_eq!(head.header("content-type"), got.header("content-type"), "{head}");
        }
    }
    let head = shop.call("HEAD", &format!("/api/products/{product}/reserve?userId=ada")).send().await.is(404);
    assert_eq!(head.body(), "", "{head}");
}

async fn every_answer_has_a_request_id_of_its_own(mode: Mode) {
    let shop = Shop::open(mode).await;
    let mut ids = BTreeSet::new();
    for path in ["/api/products", "/api/products/x", "/nothing", "/health/live", "/metrics"] {
        for _ in 0..4 {
            ids.insert(shop.get(path).await.header("x-request-id").unwrap().to_owned());
        }
    }
    assert_eq!(ids.len(), 20, "{ids:?}");
}

async fn a_request_id_that_makes_no_sense_is_not_taken_over(mode: Mode) {
    let shop = Shop::open(mode).await;
    let long = "x".repeat(4_000);
    for given in ["\"quoted\"", "a b", "<script>", "{}", "é", "\\", &long] {
        let reply = shop.call("GET", "/api/products/x").header("x-request-id", given).send().await;
        let reply = reply.refused(400, "invalid_request");
        assert_ne!(reply.header("x-request-id"), Some(given), "{reply}");
        assert_eq!(reply.header_count("x-request-id"), 1, "{reply}");
    }
}
