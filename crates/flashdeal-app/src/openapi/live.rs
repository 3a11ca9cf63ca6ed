//! Live stock: server-sent events.

use flashdeal_domain::SaleError;
use serde_json::json;
use utoipa::openapi::path::HttpMethod;

use crate::error::Problem;

use super::operation::Described;
use super::schemas::{any_text, some_ids};
use super::{examples, problems};

const TAG: &str = "live stock";
const STREAM: &str = "text/event-stream";
const ABOUT: &str = "\
Server-sent events named `stock`, whose data is JSON with `productId` and the three counters: first the state as it is, then each \
change, at most ten a second for one product. A quiet stream has a comment every 15 seconds. After a lost connection send \
`Last-Event-ID`, as browsers do: a state that was seen already is not told again.";

pub(super) fn operations() -> Vec<Described> {
    let one = Described::new(HttpMethod::Get, "/api/products/{productId}/events", "watchProduct", TAG)
        .about("Watch a product", ABOUT)
        .path_id("productId", "The product.");
    let many = Described::new(HttpMethod::Get, "/api/events", "watchProducts", TAG)
        .about("Watch products", ABOUT)
        .query("products", "1 to 100 products, comma-separated.", some_ids(), true)
        .refuse("badProducts", Problem::invalid(vec![problems::field("products", crate::routes::no_products())]));
    [one, many]
        .map(|stream| {
            stream
                .header("Last-Event-ID", "The id of the last event seen.", any_text())
                .answer_in(
                    STREAM,
                    200,
                    "Events, until either side closes.",
                    any_text(),
                    [("events", json!(events()))],
                    &[],
                )
                .refuse("productNotFound", SaleError::ProductNotFound.into())
        })
        .into()
}

fn events() -> String {
    let product = examples::product_id();
    format!(
        "retry: 2000\n\nid: {product}:500:120\nevent: stock\ndata: {{\"availableStock\":380,\"productId\":\"{product}\",\
         \"reservedStock\":120,\"totalStock\":500}}\n\n: keep-alive\n\n"
    )
}
