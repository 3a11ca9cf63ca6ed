//! Cross-origin calls: what a browser wants to be told before it lets a page of another origin call the API.

use actix_cors::Cors;
use actix_web::middleware::Condition;

/// The origins whose pages may call the API.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Origins {
    /// Only the server's own.
    #[default]
    Own,
    /// These too, each as browsers write it: `https://shop.example`.
    These(Vec<String>),
    /// Those of anybody.
    Any,
}

/// Every method of the API.
const METHODS: [&str; 5] = ["GET", "HEAD", "POST", "PATCH", "DELETE"];
/// What a page may send.
const ASKED: [&str; 6] =
    ["authorization", "content-type", "idempotency-key", "last-event-id", "traceparent", "x-request-id"];
/// What a page may read.
const TOLD: [&str; 7] =
    ["allow", "idempotent-replayed", "location", "ratelimit", "ratelimit-policy", "retry-after", "x-request-id"];
/// How long a browser need not ask again, in seconds.
const MAX_AGE: usize = 3600;

/// The layer that sees to it, outside of the rate limit: asking first costs nothing, and a refusal can be read. Not there at all
/// unless some other origin may call. Credentials are not allowed: the API knows no cookies, and a token is a header.
pub(crate) fn cors(origins: &Origins) -> Condition<Cors> {
    let cors = Cors::default()
        .allowed_methods(METHODS)
        .allowed_headers(ASKED)
        .expose_headers(TOLD)
        .max_age(MAX_AGE)
        // Whoever is no browser may write anything into Origin.
        .block_on_origin_mismatch(false);
    match origins {
        Origins::Own => Condition::new(false, cors),
        Origins::These(origins) => {
            Condition::new(true, origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin)))
        }
        Origins::Any => Condition::new(true, cors.allow_any_origin().send_wildcard()),
    }
}
