//! `/api/products`.

use flashdeal_domain::{Price, SaleError, Shortage, StockDelta, Units};
use serde_json::json;
use utoipa::openapi::path::HttpMethod;

use crate::error::Problem;
use crate::routes::start_after_end;

use super::operation::Described;
use super::problems::field;
use super::{examples, schemas::reference};

const TAG: &str = "products";
const ONE: &str = "/api/products/{productId}";

pub(super) fn operations() -> Vec<Described> {
    vec![list(), create(), read(), change(), status()]
}

fn list() -> Described {
    Described::new(HttpMethod::Get, "/api/products", "listProducts", TAG)
        .about("List products", "Newest first. totalStock is as the permanent record has it.")
        .paged()
        .answer(
            200,
            "A page of products.",
            reference("ProductPage"),
            [("page", examples::products()), ("last", examples::no_more_products())],
            &[],
        )
}

fn create() -> Described {
    let body =
        json!({ "name": "Phone, 128 GB", "description": "One per household.", "price": 499.99, "totalStock": 500 });
    let flash_sale = json!({
        "name": "Phone, 128 GB",
        "price": 499.99,
        "totalStock": 500,
        "startsAt": "2026-11-27T12:00:00Z",
        "endsAt": "2026-11-27T14:00:00+01:00",
        "maxPerReservation": 5,
    });
    let broken = vec![field("price", Price::parse("1.999")), field("totalStock", Units::new(-1))];
    Described::new(HttpMethod::Post, "/api/products", "createProduct", TAG)
        .about(
            "Create a product",
            "Puts a product on sale with its first allotment of stock: at once, or under terms that say from when, until when \
             and how many units one reservation may have.",
        )
        .body("CreateProduct", [("deal", body), ("flashSale", flash_sale)])
        .answer(
            201,
            "The product.",
            reference("Product"),
            [("created", examples::product()), ("withTerms", examples::product_with_terms())],
            &["Location"],
        )
        .refuse("badFields", Problem::invalid(broken))
        .by_admin()
}

fn read() -> Described {
    Described::new(HttpMethod::Get, ONE, "getProduct", TAG)
        .about("Read a product", "With its three counters, of one consistent read.")
        .path_id("productId", "The product.")
        .answer(200, "The product.", reference("ProductWithStock"), [("product", examples::product_with_level())], &[])
        .refuse("productNotFound", SaleError::ProductNotFound.into())
}

fn change() -> Described {
    let held = SaleError::InsufficientStock { available: Units::ZERO, shortage: Shortage::AllHeld };
    Described::new(HttpMethod::Patch, ONE, "changeProduct", TAG)
        .about(
            "Change a product",
            "Restocks, takes unsold units off sale, or changes price, name or description; absent fields stay as they are. \
             Orders written from now on have the new price. Of the terms of the sale (startsAt, endsAt, maxPerReservation) each \
             is set, or taken away by null; reserves from now on are bound by them, holds that stand are not.",
        )
        .path_id("productId", "The product.")
        .body("ChangeProduct", [
            ("restock", json!({ "addStock": 100 })),
            ("price", json!({ "price": "449.00" })),
            ("endNow", json!({ "endsAt": "2026-11-27T12:30:00Z", "maxPerReservation": null })),
        ])
        .answer(200, "The product as it is now.", reference("ProductWithStock"), [("changed", examples::product_with_level())], &[])
        .refuse("badFields", Problem::invalid(vec![field("addStock", StockDelta::new(i64::MAX))]))
        .refuse("tooMuchStock", SaleError::TooMuchStock.into())
        .refuse("endBeforeStart", SaleError::EndBeforeStart.into())
        .refuse("startAfterEnd", start_after_end())
        .refuse("productNotFound", SaleError::ProductNotFound.into())
        .refuse("stockIsHeld", held.into())
        .by_admin()
}

fn status() -> Described {
    Described::new(HttpMethod::Get, "/api/products/{productId}/status", "getStockStatus", TAG)
        .about("Read the three counters", "One consistent read: they always add up, and none is ever negative.")
        .path_id("productId", "The product.")
        .answer(200, "The counters.", reference("StockStatus"), [("status", examples::status())], &[])
        .refuse("productNotFound", SaleError::ProductNotFound.into())
}
