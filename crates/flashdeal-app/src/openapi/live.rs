//! Live stock: server-sent events.

use flashdeal_domain::SaleError;
use serde_json::{Value, json};
use utoipa::openapi::path::HttpMethod;

use crate::error::Problem;

use super::operation::Described;
use super::schemas::{any_text, reference, some_ids};
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
                    reference("StockEvent"),
                    [("stock", event())],
                    &[],
                )
                .refuse("productNotFound", SaleError::ProductNotFound.into())
        })
        .into()
}

fn event() -> Value {
    let product = examples::product_id();
    // A text, so it has the order it has here, whatever becomes of objects.
    let data = format!(r#"{{"productId":"{product}","totalStock":500,"reservedStock":120,"availableStock":380}}"#);
    json!({ "id": format!("{product}:500:120"), "event": "stock", "data": data })
}
