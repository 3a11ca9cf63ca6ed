//! The description of the HTTP API: OpenAPI 3.1, from the same constants, shapes and errors that the handlers use.
//!
//! One file per resource describes its operations; a test compares them with the routes, both ways. The document is
//! committed as `openapi.json`, and a test fails when it is not what the code says.

mod checkout;
mod codes;
mod examples;
mod links;
mod live;
mod operating;
mod operation;
mod orders;
mod problems;
mod products;
mod reservations;
mod schemas;
mod shapes;
#[cfg(test)]
mod tests;
mod waiting;
mod webhooks;

use utoipa::openapi::path::PathsBuilder;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, ServerBuilder, tag::TagBuilder,
};

use operation::Described;

/// What the name of the security scheme is.
const BEARER: &str = "bearer";

/// The document as JSON text, with a line break at its end.
#[must_use]
pub fn document() -> String {
    // Strings and numbers in maps: there is nothing that could fail to be written.
    build().to_pretty_json().map(|text| text + "\n").unwrap_or_default()
}

fn build() -> OpenApi {
    let info = InfoBuilder::new()
        .title("flashdeal")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(format!("{ABOUT}{}", codes::table())))
        .license(Some(LicenseBuilder::new().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0")).build()));
    let tags = TAGS.map(|(name, description)| TagBuilder::new().name(name).description(Some(description)).build());
    let mut paths = PathsBuilder::new().build();
    for described in operations() {
        let (path, method, operation) = described.done();
        paths.add_path_operation(path, vec![method], operation);
    }
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(
        "Asked for with FLASHDEAL_AUTH=keys or jwt. A key says what its bearer may do: everything, all that buyers do for any of \
         them, or only read. A JSON Web Token is its sub; with the scope admin it may create and change products.",
    ));
    let components = ComponentsBuilder::new().security_scheme(BEARER, SecurityScheme::Http(bearer.build()));
    let components = schemas::all().into_iter().fold(components, |all, (name, schema)| all.schema(name, schema));
    let components = shapes::all().into_iter().fold(components, |all, (name, schema)| all.schema(name, schema));
    let components = problems::headers().into_iter().fold(components, |all, (name, header)| all.header(name, header));
    let components = problems::shared().into_iter().fold(components, |all, (name, answer)| all.response(name, answer));
    OpenApiBuilder::new()
        .info(info)
        .servers(Some([ServerBuilder::new().url("/").description(Some("This server")).build()]))
        .tags(Some(tags))
        .paths(paths)
        .webhooks(Some(webhooks::all()))
        .components(Some(components.build()))
        .build()
}

fn operations() -> Vec<Described> {
    [
        products::operations(),
        reservations::operations(),
        checkout::operations(),
        waiting::operations(),
        orders::operations(),
        live::operations(),
        operating::operations(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

const TAGS: [(&str, &str); 7] = [
    ("products", "What is on sale, and how much of it is left."),
    ("reservations", "Holding units for a few minutes: one hold per user and product."),
    ("checkout", "Selling what is held, once."),
    ("waiting list", "Standing in line for units that come free."),
    ("orders", "What was sold."),
    ("live stock", "Server-sent events: the counters as they change."),
    ("operating", "Health, metrics and this document: free of the rate limit."),
];

const ABOUT: &str = "\
Flash sales that never oversell. Reserve, then check out; a hold that is not paid for lapses by itself.

- JSON in and out, camelCase, UTF-8. Times are RFC 3339 in UTC with milliseconds. Ids are UUIDs. Unknown fields are ignored, \
  and a field that is `null` counts as absent; only in a PATCH of `startsAt`, `endsAt` or `maxPerReservation` it takes the term away.
- Money is a number with at most two decimals (or a decimal string on the way in); it is never a float inside. \
  Integers are written without a fraction: `2`, not `2.0` and not `\"2\"`.
- `availableStock = totalStock - reservedStock`, always, in one consistent read; never negative. Checkout lowers `totalStock`.
- Every error is `application/problem+json` (RFC 9457) with a `code` that programs can act on. A path that is none answers \
  404 `route_not_found`, a method that a path has not 405 `method_not_allowed` with `Allow`. \
  `HEAD` answers as `GET` does, without the body.
- `Idempotency-Key` on reserve and checkout: the same key and body gives the first answer again, with \
  `Idempotent-Replayed: true`. After 503 repeat the same request: nothing was changed, or the repeat settles it.
- Each client may make so many requests over /api per window (100 in 15 minutes unless the operator chose otherwise); \
  `RateLimit` and `RateLimit-Policy` tell what is left, 429 carries `Retry-After`.
- Every answer has an `X-Request-Id`: the one that the request had if it is 1 to 64 letters, digits, `-`, `_` or `.`, \
  else a new one. Errors repeat it as `requestId`.
- Lists come a page at a time: `limit`, and the `nextCursor` of a page is the `cursor` of the next. It is `null` on the last.
- Within a major version nothing that is described here goes away or changes its meaning. Fields, codes, routes and optional \
  parameters may be added: pass over fields you do not know, and treat an unknown `code` by its status.

What to do about each error:

";
