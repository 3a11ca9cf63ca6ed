//! What is told to others: `order.created`.

use utoipa::openapi::path::{
    HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn, PathItem, Paths, PathsBuilder,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::{Required, ResponseBuilder};

use crate::webhooks::ORDER_CREATED;

use super::operation::content;
use super::{examples, schemas};

const ABOUT: &str = "\
An order was sold. Told to every endpoint of FLASHDEAL_WEBHOOK_URL, in the format of [Standard Webhooks](https://www.standardwebhooks.com): \
at least once for each order, in the order of the ledger, one after the other. Answer 2xx within ten seconds; anything else, a redirect \
too, is tried again after a pause (`Retry-After` is heeded), and what was sold later waits. Check `webhook-signature` over the bytes of \
the body as they came, refuse a `webhook-timestamp` that is minutes old, and take no `webhook-id` twice.";

pub(super) fn all() -> Paths {
    let headers = [
        (
            "webhook-id",
            "Of this event and order, the same with every repeat. By it a receiver knows what it has had.",
            examples::webhook_id(),
        ),
        ("webhook-timestamp", "When this attempt was made, in seconds since 1970.", "1795770000".to_owned()),
        (
            "webhook-signature",
            "`v1,` and the base64 of the HMAC-SHA256 of `{webhook-id}.{webhook-timestamp}.{body}`, with what \
             FLASHDEAL_WEBHOOK_SECRET has after `whsec_`, decoded from base64, as the key.",
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=".to_owned(),
        ),
    ];
    let body = RequestBodyBuilder::new()
        .content(
            "application/json",
            content(schemas::reference("OrderCreated"), [("order", examples::order_created())]),
        )
        .required(Some(Required::True))
        .build();
    let operation = OperationBuilder::new()
        .operation_id(Some("orderCreated"))
        .tag("orders")
        .summary(Some("An order was sold"))
        .description(Some(ABOUT))
        .request_body(Some(body))
        .response("2XX", ResponseBuilder::new().description("It is taken. The body is not looked at."));
    let operation = headers.into_iter().fold(operation, |operation, (name, about, example)| {
        let header = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(Required::True)
            .description(Some(about))
            .schema(Some(schemas::text_like(&example)));
        operation.parameter(header)
    });
    PathsBuilder::new().path(ORDER_CREATED, PathItem::new(HttpMethod::Post, operation)).build()
}
