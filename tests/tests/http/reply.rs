//! What came back, with the request it came back to.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use flashdeal_tests::http::Answer;
use serde_json::Value;
use serde_json::value::RawValue;
use uuid::Uuid;

/// The fields of a hold.
pub(crate) const HOLD: [&str; 5] = ["reservationId", "productId", "userId", "quantity", "expiresAt"];
/// The fields of an order.
pub(crate) const ORDER: [&str; 8] =
    ["orderId", "reservationId", "productId", "userId", "quantity", "unitPrice", "total", "createdAt"];
/// The fields of a product.
pub(crate) const PRODUCT: [&str; 6] = ["id", "name", "description", "price", "totalStock", "createdAt"];
/// The fields that every problem has.
const PROBLEM: [&str; 6] = ["type", "title", "status", "detail", "code", "requestId"];
/// The fields that some problems have.
const PROBLEM_EXTRAS: [&str; 7] =
    ["errors", "availableStock", "reason", "failing", "startsAt", "endsAt", "maxPerReservation"];

/// An answer and the request it answers.
#[derive(Debug)]
pub(crate) struct Reply {
    request: String,
    answer: Answer,
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "--- asked ---\n{}\n--- answered ---\n{}", self.request, self.answer.status)?;
        for (name, value) in &self.answer.headers {
            writeln!(f, "{name}: {}", String::from_utf8_lossy(value.as_bytes()))?;
        }
        write!(f, "\n{}\n---", self.answer.text)
    }
}

impl Reply {
    /// Checks what the contract says of every answer.
    #[track_caller]
    pub(crate) fn new(request: String, answer: Answer) -> Self {
        let reply = Self { request, answer };
        reply.check(reply.header("x-request-id").is_some_and(|id| !id.is_empty()), "every answer has one x-request-id");
        reply.check(reply.status() != 500, "nothing that a caller does is an internal error");
        if reply.status() >= 400 && !reply.is_of("HEAD") {
            reply.check_problem();
        } else if (200..300).contains(&reply.status()) && reply.request.contains(" /api/") && !reply.is_of("OPTIONS") {
            reply.check(reply.header("content-type") == Some("application/json"), "a good answer is application/json");
        }
        reply
    }

    #[track_caller]
    fn check_problem(&self) {
        self.check(self.header("content-type") == Some("application/problem+json"), "an error is problem+json");
        let names: BTreeSet<&str> = self.names();
        self.check(PROBLEM.iter().all(|name| names.contains(name)), "a problem has all of its fields");
        let known = |name: &&str| PROBLEM.contains(name) || PROBLEM_EXTRAS.contains(name);
        self.check(names.iter().all(known), "a problem has no field that the contract does not name");
        let json = self.json();
        self.check(json["status"] == self.status(), "`status` is the status");
        self.check(json["requestId"].as_str() == self.header("x-request-id"), "`requestId` is the x-request-id");
        for name in ["type", "title", "detail", "code"] {
            self.check(json[name].as_str().is_some_and(|text| !text.is_empty()), "a problem's texts say something");
        }
        let required = match self.status() {
            405 => Some("allow"),
            429 | 503 => Some("retry-after"),
            409 if self.code() == Some("sale_not_started") => Some("retry-after"),
            _ => None,
        };
        if let Some(name) = required {
            self.check(self.header(name).is_some(), &format!("a {} has {name}", self.status()));
        }
        let shortage = self.code() == Some("insufficient_stock");
        let told = json["availableStock"].is_u64()
            && matches!(json["reason"].as_str(), Some("sold_out" | "all_held" | "waiting_list"));
        self.check(told == shortage, "availableStock and a reason belong to insufficient_stock, and to it alone");
        for (term, code) in
            [("startsAt", "sale_not_started"), ("endsAt", "sale_ended"), ("maxPerReservation", "limit_per_reservation")]
        {
            let told = names.contains(term);
            self.check(told == (self.code() == Some(code)), &format!("{term} belongs to {code}, and to it alone"));
        }
    }

    fn is_of(&self, method: &str) -> bool {
        self.request.starts_with(method)
    }

    pub(crate) fn status(&self) -> u16 {
        self.answer.status
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.answer.header(name)
    }

    /// How often a header is there.
    pub(crate) fn header_count(&self, name: &str) -> usize {
        self.answer.headers.get_all(name).iter().count()
    }

    pub(crate) fn body(&self) -> &str {
        &self.answer.text
    }

    pub(crate) fn json(&self) -> &Value {
        &self.answer.json
    }

    pub(crate) fn code(&self) -> Option<&str> {
        self.answer.code()
    }

    /// The names of the fields of the body.
    pub(crate) fn names(&self) -> BTreeSet<&str> {
        self.json().as_object().map(|object| object.keys().map(String::as_str).collect()).unwrap_or_default()
    }

    /// Fails, unless the status is this one.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        self.check(self.status() == status, &format!("the status is {status}"));
        self
    }

    /// Fails, unless it is this error.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> Self {
        self.check(self.status() == status && self.code() == Some(code), &format!("this is a {status} {code}"));
        self
    }

    /// Fails, unless it is a validation error that names exactly these fields, each once.
    #[track_caller]
    pub(crate) fn invalid(self, fields: &[&str]) -> Self {
        let reply = self.refused(400, "invalid_request");
        let errors = reply.json()["errors"].as_array().cloned().unwrap_or_default();
        let mut named: Vec<&str> = errors.iter().filter_map(|error| error["field"].as_str()).collect();
        named.sort_unstable();
        let mut wanted = fields.to_vec();
        wanted.sort_unstable();
        reply.check(named == wanted, &format!("exactly these fields are broken: {wanted:?}"));
        let told = |error: &Value| {
            error.as_object().is_some_and(|error| error.len() == 2)
                && error["message"].as_str().is_some_and(|message| !message.is_empty())
        };
        reply.check(errors.iter().all(told), "each says what is wrong, and nothing else");
        reply
    }

    /// Fails, unless the body has these fields and no other.
    #[track_caller]
    pub(crate) fn has_exactly(self, names: &[&str]) -> Self {
        let wanted: BTreeSet<&str> = names.iter().copied().collect();
        self.check(self.names() == wanted, &format!("the body has exactly the fields {wanted:?}"));
        self
    }

    /// The text of a field.
    #[track_caller]
    pub(crate) fn text(&self, name: &str) -> String {
        let text = self.json()[name].as_str().map(str::to_owned);
        self.check(text.is_some(), &format!("{name} is a string"));
        text.unwrap_or_default()
    }

    /// The integer of a field.
    #[track_caller]
    pub(crate) fn count(&self, name: &str) -> u64 {
        let count = self.json()[name].as_u64();
        self.check(count.is_some(), &format!("{name} is an integer"));
        count.unwrap_or_default()
    }

    /// The instant of a field, in milliseconds, after a look at how it is written.
    #[track_caller]
    pub(crate) fn millis(&self, name: &str) -> i64 {
        let text = self.text(name);
        let written = text.len() == 24 && text.as_bytes()[19] == b'.' && text.ends_with('Z');
        self.check(written, &format!("{name} is RFC 3339 in UTC with milliseconds"));
        let instant = text.parse::<jiff::Timestamp>().ok();
        self.check(instant.is_some(), &format!("{name} is an instant"));
        instant.map_or(0, jiff::Timestamp::as_millisecond)
    }

    /// The id of a field, after a look at whether it is a `UUIDv7`.
    #[track_caller]
    pub(crate) fn id(&self, name: &str) -> String {
        let text = self.text(name);
        let version = Uuid::try_parse(&text).ok().map(|id| id.get_version_num());
        let plain = text.len() == 36 && text == text.to_lowercase();
        self.check(version == Some(7) && plain, &format!("{name} is a UUIDv7"));
        text
    }

    /// The money of a field in hundredths, from the very digits of the body: it must be a number, not a string.
    #[track_caller]
    pub(crate) fn cents(&self, name: &str) -> u128 {
        let fields = serde_json::from_str::<HashMap<String, Box<RawValue>>>(self.body()).unwrap_or_default();
        let cents = fields.get(name).and_then(|raw| cents(raw.get()));
        self.check(cents.is_some(), &format!("{name} is a number with at most two decimals"));
        cents.unwrap_or_default()
    }

    /// Fails with the request and the answer, unless `holds`.
    #[track_caller]
    pub(crate) fn check(&self, holds: bool, promise: &str) {
        assert!(holds, "broken: {promise}\n{self}");
    }
}

/// `19.9` is 1990.
pub(crate) fn cents(number: &str) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || fraction.len() > 2 || !digits(whole) || !digits(fraction) {
        return None;
    }
    format!("{whole}{fraction:0<2}").parse().ok()
}
