//! What can go wrong, typed: the server's problem, no server, or no sense in its answer.

use std::fmt;
use std::time::Duration;

use flashdeal_domain::Timestamp;
use serde::Deserialize;

/// Why a call gave no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server answered with an error; the last of them, if the call was repeated.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// No answer came, or not in time. Of a reserve or checkout nothing is known: repeat it with the same key.
    #[error("no answer from the server in {attempts} attempts")]
    Unreachable {
        /// How many attempts were made.
        attempts: u32,
        /// What became of the last.
        source: reqwest::Error,
    },
    /// Live stock was asked for, and no answer began in time.
    #[error("the server did not begin to answer in {attempts} attempts")]
    Silent {
        /// How many attempts were made.
        attempts: u32,
    },
    /// An answer came that is not of the flashdeal API: is the base URL right?
    #[error("the answer (status {status}) is not one of the flashdeal API: {reason}")]
    Unreadable {
        /// Its HTTP status.
        status: u16,
        /// What is wrong with it.
        reason: String,
    },
}

impl Error {
    /// The `code` of the server's problem, if that is what it is.
    #[must_use]
    pub fn code(&self) -> Option<&Code> {
        match self {
            Self::Refused(problem) => Some(&problem.code),
            _ => None,
        }
    }
}

/// What the server said was wrong: `application/problem+json` (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// What it is called, to match on.
    pub code: Code,
    /// What it is and what to do, for people.
    pub detail: String,
    /// Every broken field of the request, if that is what is wrong.
    pub errors: Vec<FieldError>,
    /// The name under which the server's log knows this request. Empty if something in front of the server answered.
    pub request_id: String,
    /// How long the server asks to be left alone.
    pub retry_after: Option<Duration>,
    /// Of `insufficient_stock`: how many units there are.
    pub available_stock: Option<u32>,
    /// Of `insufficient_stock`: `sold_out`, `all_held`, or `waiting_list` (others wait: join them).
    pub reason: Option<String>,
    /// Of `sale_not_started`: when it does. [`Self::retry_after`] is how long that is by the server's clock, a day at most.
    pub starts_at: Option<Timestamp>,
    /// Of `sale_ended`: since when.
    pub ends_at: Option<Timestamp>,
    /// Of `limit_per_reservation`: the most units of one hold.
    pub max_per_reservation: Option<u32>,
}

impl Problem {
    /// Whether the units are not there now but may be soon: others hold them, and holds lapse.
    #[must_use]
    pub fn may_free_up(&self) -> bool {
        self.reason.as_deref() == Some("all_held")
    }

    /// From an answer with an error status.
    pub(crate) fn read(status: u16, retry_after: Option<Duration>, body: &[u8]) -> Self {
        let body: Body = serde_json::from_slice(body).unwrap_or_default();
        let instant = |text: Option<String>| text.and_then(|text| Timestamp::parse(&text).ok());
        let code = body.code.as_deref().map_or_else(|| Code::Other(String::new()), Code::parse);
        let detail = body.detail.or(body.title).unwrap_or_else(|| "no explanation came with it".to_owned());
        Self {
            status,
            code,
            detail,
            errors: body.errors,
            request_id: body.request_id.unwrap_or_default(),
            retry_after,
            available_stock: body.available_stock,
            reason: body.reason,
            starts_at: instant(body.starts_at),
            ends_at: instant(body.ends_at),
            max_per_reservation: body.max_per_reservation,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.status, self.code, self.detail)?;
        for FieldError { field, message } in &self.errors {
            write!(f, " {field} {message}.")?;
        }
        if self.request_id.is_empty() { Ok(()) } else { write!(f, " (request {})", self.request_id) }
    }
}

/// One broken field of a request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FieldError {
    /// Its name in JSON, such as `quantity`.
    pub field: String,
    /// What it must be.
    pub message: String,
}

/// The problem as it is on the wire; a body that is something else has none of it.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Body {
    code: Option<String>,
    title: Option<String>,
    detail: Option<String>,
    request_id: Option<String>,
    errors: Vec<FieldError>,
    available_stock: Option<u32>,
    reason: Option<String>,
    starts_at: Option<String>,
    ends_at: Option<String>,
    max_per_reservation: Option<u32>,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal),+ $(,)?) => {
        /// The `code` of a problem.
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$doc])* $variant,)+
            /// A code that this version of the client does not know; empty if there was none.
            Other(String),
        }

        impl Code {
            fn parse(text: &str) -> Self {
                match text {
                    $($text => Self::$variant,)+
                    other => Self::Other(other.to_owned()),
                }
            }

            /// The code as it is on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Other(text) => text,
                }
            }
        }
    };
}

codes! {
    /// 400: something in the request is wrong; [`Problem::errors`] says what.
    InvalidRequest = "invalid_request",
    /// 401: a token is missing, or not valid.
    Unauthorized = "unauthorized",
    /// 403: the token is not for this.
    Forbidden = "forbidden",
    /// 404: no product has this id.
    ProductNotFound = "product_not_found",
    /// 404: the user has no live hold, or not the one named.
    NoReservation = "no_reservation",
    /// 404: the user does not wait, and holds nothing.
    NotWaiting = "not_waiting",
    /// 404: no order has this id.
    OrderNotFound = "order_not_found",
    /// 404: the base URL is not that of the API.
    RouteNotFound = "route_not_found",
    /// 405: as above.
    MethodNotAllowed = "method_not_allowed",
    /// 409: not enough units are available; [`Problem::may_free_up`].
    InsufficientStock = "insufficient_stock",
    /// 409: the sale begins later: [`Problem::starts_at`], [`Problem::retry_after`]. The client does not wait for it.
    SaleNotStarted = "sale_not_started",
    /// 409: the sale is over, since [`Problem::ends_at`]; a hold from before can be lowered, paid for and given back.
    SaleEnded = "sale_ended",
    /// 409: more than [`Problem::max_per_reservation`].
    LimitPerReservation = "limit_per_reservation",
    /// 409: as many wait as may.
    WaitingListFull = "waiting_list_full",
    /// 409: the hold is being paid for by another request.
    CheckoutInProgress = "checkout_in_progress",
    /// 413: a body of more than 16 KiB.
    PayloadTooLarge = "payload_too_large",
    /// 415: a body that is not JSON.
    UnsupportedMediaType = "unsupported_media_type",
    /// 422: the key was used before with another body.
    IdempotencyKeyReused = "idempotency_key_reused",
    /// 429: too many requests from this address.
    RateLimited = "rate_limited",
    /// 503: a store is down or too slow.
    Unavailable = "unavailable",
    /// 500: a bug; the cause is in the server's log.
    Internal = "internal",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_have_all_that_the_server_said() {
        let body = br#"{"type":"about:blank","title":"Invalid request","status":400,"detail":"These fields need mending: quantity.",
            "code":"invalid_request","requestId":"r-1","errors":[{"field":"quantity","message":"must be 1 or more"}],"new":1}"#;
        let problem = Problem::read(400, None, body);
        assert_eq!((problem.code.clone(), problem.request_id.as_str()), (Code::InvalidRequest, "r-1"));
        assert_eq!(problem.errors[0].field, "quantity");
        let text = problem.to_string();
        assert!(text.contains("quantity must be 1 or more") && text.ends_with("(request r-1)"), "{text}");
    }

    #[test]
    fn a_shortage_says_whether_waiting_helps() {
        let read = |body: &str| Problem::read(409, None, body.as_bytes());
        let held = read(r#"{"code":"insufficient_stock","availableStock":2,"reason":"all_held"}"#);
        assert!(held.may_free_up() && held.available_stock == Some(2));
        assert!(!read(r#"{"code":"insufficient_stock","availableStock":0,"reason":"sold_out"}"#).may_free_up());
    }

    #[test]
    fn the_terms_that_stand_in_the_way_are_told() {
        let read = |body: &str| Problem::read(409, Some(Duration::from_secs(7)), body.as_bytes());
        let early = read(r#"{"code":"sale_not_started","startsAt":"2026-11-22T12:00:00.007Z"}"#);
        assert_eq!(
            (early.code, early.starts_at),
            (Code::SaleNotStarted, Some(Timestamp::from_millis(1_795_348_800_007)))
        );
        assert_eq!(early.retry_after, Some(Duration::from_secs(7)));
        let late = read(r#"{"code":"sale_ended","endsAt":"1970-01-01T00:00:00.001Z"}"#);
        assert_eq!((late.code, late.ends_at), (Code::SaleEnded, Some(Timestamp::from_millis(1))));
        let many = read(r#"{"code":"limit_per_reservation","maxPerReservation":5}"#);
        assert_eq!((many.code, many.max_per_reservation), (Code::LimitPerReservation, Some(5)));
        assert_eq!(read(r#"{"code":"sale_ended","endsAt":"noon"}"#).ends_at, None);
    }

    #[test]
    fn codes_of_tomorrow_and_pages_of_proxies_are_kept() {
        assert_eq!(Problem::read(418, None, br#"{"code":"teapot"}"#).code, Code::Other("teapot".to_owned()));
        let page = Problem::read(502, Some(Duration::from_secs(3)), b"<html>Bad gateway</html>");
        assert_eq!((page.code.as_str(), page.status, page.retry_after), ("", 502, Some(Duration::from_secs(3))));
    }
}
