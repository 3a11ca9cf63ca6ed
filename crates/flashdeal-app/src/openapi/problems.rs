//! The answers that are errors, with the very texts the server gives.

use serde_json::Value;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Ref, Response, ResponseBuilder};

use flashdeal_domain::Invalid;

use crate::error::{Code, FieldError, Problem};

use super::examples::REQUEST_ID;
use super::operation::content;
use super::shapes;

/// A reason to refuse, under the name its example has.
pub(super) struct Refusal {
    pub(super) name: &'static str,
    pub(super) problem: Problem,
}

impl Refusal {
    fn example(&self) -> Value {
        serde_json::from_slice(&self.problem.body(REQUEST_ID)).unwrap_or_default()
    }
}

/// A broken field, told in the domain's words.
pub(super) fn field<T>(name: &str, refused: Result<T, Invalid>) -> FieldError {
    let message = refused.err().map_or("", |invalid| invalid.message());
    FieldError { field: name.to_owned(), message: message.to_owned() }
}

pub(super) fn too_large() -> Problem {
    Problem::new(Code::PayloadTooLarge, "The body may have at most 16 KiB.")
}

pub(super) fn not_json_type() -> Problem {
    Problem::new(Code::UnsupportedMediaType, "Send JSON, with the header Content-Type: application/json.")
}

pub(super) fn unauthorized() -> Problem {
    Problem::new(Code::Unauthorized, "This needs a token: Authorization: Bearer …")
}

/// The answers that many operations share word for word, under the names they have among the components.
pub(super) fn shared() -> Vec<(&'static str, Response)> {
    let one = |name, problem| answer(&[Refusal { name, problem }]);
    let no_key = Problem::new(Code::Unauthorized, "This needs a key: Authorization: Bearer …");
    let no_key = Refusal { name: "noKey", problem: no_key };
    vec![
        ("Unauthorized", answer(&[Refusal { name: "noToken", problem: unauthorized() }, no_key])),
        ("MethodNotAllowed", one("methodNotAllowed", Problem::method_not_allowed("GET, HEAD, POST"))),
        ("RouteNotFound", one("routeNotFound", crate::routes::no_route())),
        ("PayloadTooLarge", one("tooLarge", too_large())),
        ("UnsupportedMediaType", one("notJsonType", not_json_type())),
        ("RateLimited", one("limited", Problem::rate_limited(37))),
        ("Internal", one("internal", Problem::internal(""))),
        ("Unavailable", one("storeDown", Problem::unavailable(""))),
    ]
}

/// The shared answer that says just this, if there is one.
pub(super) fn shared_name(refusals: &[Refusal]) -> Option<&'static str> {
    let [only] = refusals else { return None };
    match only.problem.code {
        Code::Unauthorized => Some("Unauthorized"),
        Code::PayloadTooLarge => Some("PayloadTooLarge"),
        Code::UnsupportedMediaType => Some("UnsupportedMediaType"),
        Code::RateLimited => Some("RateLimited"),
        Code::Internal => Some("Internal"),
        Code::Unavailable if only.name == "storeDown" => Some("Unavailable"),
        _ => None,
    }
}

/// The answer of one status: its codes, each with an example.
pub(super) fn answer(refusals: &[Refusal]) -> Response {
    let mut codes: Vec<Code> = Vec::new();
    for refusal in refusals {
        if !codes.contains(&refusal.problem.code) {
            codes.push(refusal.problem.code);
        }
    }
    let names: Vec<_> = codes.iter().map(|code| code.name()).collect();
    let schema = shapes::of(&codes);
    let examples = refusals.iter().map(|refusal| (refusal.name, refusal.example()));
    let description = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ");
    let mut answer = ResponseBuilder::new()
        .description(description)
        .content("application/problem+json", content(schema, examples))
        .header_ref("X-Request-Id", header("X-Request-Id"));
    for code in codes {
        for name in headers_of(code) {
            answer = answer.header_ref(*name, header(name));
        }
    }
    answer.build()
}

fn headers_of(code: Code) -> &'static [&'static str] {
    match code {
        Code::Unauthorized => &["WWW-Authenticate"],
        Code::MethodNotAllowed => &["Allow"],
        Code::Unavailable | Code::SaleNotStarted => &["Retry-After"],
        Code::RateLimited => &["Retry-After", "RateLimit", "RateLimit-Policy"],
        _ => &[],
    }
}

/// A header that stands among the components.
pub(super) fn header(name: &str) -> Ref {
    Ref::new(format!("#/components/headers/{name}"))
}

/// The headers of answers.
pub(super) fn headers() -> Vec<(&'static str, Header)> {
    let header = |description: &str, schema: ObjectBuilder, example: &str| {
        HeaderBuilder::new()
            .schema(Some(schema))
            .description(Some(description))
            .example(Some(Value::String(example.to_owned())))
            .build()
    };
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let pattern = |pattern: &str| text().pattern(Some(pattern));
    vec![
        (
            "Location",
            header("Where what was made can be read.", text(), "/api/orders/019ab2c4-7d1e-7a44-8f03-5b6c7d8e9f10"),
        ),
        (
            "Idempotent-Replayed",
            header("This is the first answer again, not a new effect.", text().enum_values(Some(["true"])), "true"),
        ),
        (
            "RateLimit",
            header(
                "What is left of the budget (r) and the seconds until there is more of it (t). Absent without a limit.",
                pattern(r#"^"default";r=\d+;t=\d+$"#),
                "\"default\";r=99;t=900",
            ),
        ),
        (
            "RateLimit-Policy",
            header(
                "The budget (q) and its window in seconds (w). Absent without a limit.",
                pattern(r#"^"default";q=\d+;w=\d+$"#),
                "\"default\";q=100;w=900",
            ),
        ),
        ("Retry-After", header("Seconds to wait before the next try.", pattern(r"^\d+$"), "37")),
        (
            "X-Request-Id",
            header("The id under which the log knows this request.", pattern(r"^[A-Za-z0-9._-]{1,64}$"), REQUEST_ID),
        ),
        ("Allow", header("The methods that the path has.", text(), "GET, HEAD, POST")),
        ("WWW-Authenticate", header("What to authenticate with.", text(), "Bearer")),
    ]
}
