//! Links: what an answer's ids are good for next.

use utoipa::openapi::link::{Link, LinkBuilder};

/// Where one can go from this answer of this operation.
pub(super) fn after(operation: &str, status: u16) -> Vec<(&'static str, Link)> {
    let to = |operation: &'static str, parameters: &[(&str, &str)]| {
        let link = LinkBuilder::new().operation_id(operation);
        let link = parameters.iter().fold(link, |link, (name, value)| link.parameter(*name, *value));
        (operation, link.build())
    };
    let created = [("productId", "$response.body#/id")];
    let held = [("productId", "$response.body#/productId")];
    let holder = [("productId", "$response.body#/productId"), ("userId", "$response.body#/userId")];
    match (operation, status) {
        ("createProduct", 201) => {
            vec![
                to("getProduct", &created),
                to("getStockStatus", &created),
                to("changeProduct", &created),
                to("reserve", &created),
            ]
        }
        ("reserve", 200 | 201) => vec![to("getReservation", &holder), to("checkout", &held), to("release", &held)],
        ("checkout", 200 | 201) => {
            vec![to("getOrder", &[("orderId", "$response.body#/orderId")]), to("getStockStatus", &held)]
        }
        _ => Vec::new(),
    }
}
