//! Errors on their way to the caller: each becomes a status, a `code` and a text (RFC 9457).

mod code;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError};
use flashdeal_domain::{SaleError, Shortage, StoreError, TermsRefusal};
use serde::Serialize;

pub(crate) use code::Code;

/// One broken field of a request.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct FieldError {
    pub(crate) field: String,
    pub(crate) message: String,
}

/// A store that cannot be asked.
#[derive(Debug, Clone, Serialize)]
struct FailingStore {
    store: &'static str,
}

/// An error on its way to the caller. The request id is put in by the middleware that knows it.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) code: Code,
    /// Shared, since a layer that looks at a problem gets one of its own.
    details: Arc<Details>,
}

#[derive(Debug, Clone, Default)]
struct Details {
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    shortage: Option<(u32, &'static str)>,
    /// The terms that stand in the way.
    terms: Option<TermsRefusal>,
    retry_after_s: Option<u64>,
    allow: Option<&'static str>,
    /// The stores that keep the server from being ready.
    failing: Vec<FailingStore>,
    /// For the log, never for the caller.
    cause: Option<String>,
    /// Headers a layer wants on the answer.
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::with(code, Details { detail: detail.into(), ..Details::default() })
    }

    fn with(code: Code, details: Details) -> Self {
        Self { code, details: Arc::new(details) }
    }

    /// Every broken field at once.
    pub(crate) fn invalid(errors: Vec<FieldError>) -> Self {
        let fields = errors.iter().map(|error| error.field.as_str()).collect::<Vec<_>>().join(", ");
        let detail = format!("These fields need mending: {fields}.").into();
        Self::with(Code::InvalidRequest, Details { detail, errors, ..Details::default() })
    }

    pub(crate) fn method_not_allowed(allow: &'static str) -> Self {
        let detail = format!("This path answers {allow}.").into();
        Self::with(Code::MethodNotAllowed, Details { detail, allow: Some(allow), ..Details::default() })
    }

    pub(crate) fn rate_limited(retry_after_s: u64) -> Self {
        let detail = format!("Too many requests from this client. Try again in {retry_after_s} s.").into();
        Self::with(Code::RateLimited, Details { detail, retry_after_s: Some(retry_after_s), ..Details::default() })
    }

    /// The server is up but should get no requests: these stores cannot be asked, or (none) it is on its way out.
    pub(crate) fn not_ready(detail: impl Into<Cow<'static, str>>, stores: &[&'static str]) -> Self {
        let failing = stores.iter().map(|store| FailingStore { store }).collect();
        let details = Details { detail: detail.into(), retry_after_s: Some(1), failing, ..Details::default() };
        Self::with(Code::Unavailable, details)
    }

    pub(crate) fn unavailable(cause: impl fmt::Display) -> Self {
        let detail =
            "A store is down or too slow. Repeat the same request: nothing was changed, or the repeat settles it.";
        let details = Details {
            detail: detail.into(),
            retry_after_s: Some(1),
            cause: Some(cause.to_string()),
            ..Details::default()
        };
        Self::with(Code::Unavailable, details)
    }

    /// For a request whose repeat would be another one: the caller must look before they repeat it.
    pub(crate) fn look_first(mut self) -> Self {
        if self.code == Code::Unavailable {
            let detail = "A store is down or too slow. It may have been done all the same: look at the product before you repeat \
                          the request.";
            Arc::make_mut(&mut self.details).detail = detail.into();
        }
        self
    }

    pub(crate) fn internal(cause: impl fmt::Display) -> Self {
        let detail = "Something went wrong on our side. Quote the requestId when you report it.".into();
        Self::with(Code::Internal, Details { detail, cause: Some(cause.to_string()), ..Details::default() })
    }

    fn insufficient(available: u32, shortage: Shortage) -> Self {
        let (reason, advice) = match shortage {
            Shortage::SoldOut => ("sold_out", "Nothing is left to sell."),
            Shortage::AllHeld => ("all_held", "The rest is held; holds may lapse, so a later try may succeed."),
            Shortage::WaitingList => {
                ("waiting_list", "Others wait for units, and it is their turn first: join the waiting list.")
            }
        };
        let units = if available == 1 { "unit is" } else { "units are" };
        let detail = format!("{available} {units} available. {advice}").into();
        Self::with(
            Code::InsufficientStock,
            Details { detail, shortage: Some((available, reason)), ..Details::default() },
        )
    }

    fn not_on_terms(refusal: TermsRefusal) -> Self {
        let terms = Some(refusal);
        match refusal {
            TermsRefusal::NotStarted { starts_at, starts_in } => {
                let detail = format!("The sale starts at {starts_at}.").into();
                let retry_after_s = Some(whole_seconds(starts_in).min(LONGEST_WAIT_S));
                Self::with(Code::SaleNotStarted, Details { detail, terms, retry_after_s, ..Details::default() })
            }
            TermsRefusal::Ended { ends_at } => {
                let detail =
                    format!("The sale ended at {ends_at}. A reservation made before can be paid for until it expires.")
                        .into();
                Self::with(Code::SaleEnded, Details { detail, terms, ..Details::default() })
            }
            TermsRefusal::OverLimit { max_per_reservation } => {
                let most = max_per_reservation.get();
                let units = if most == 1 { "unit" } else { "units" };
                let detail = format!("One reservation may have at most {most} {units}.").into();
                Self::with(Code::LimitPerReservation, Details { detail, terms, ..Details::default() })
            }
        }
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        Arc::make_mut(&mut self.details).headers.push((name, value));
        self
    }

    /// Why there is not enough stock, if that is the problem: the empty text otherwise.
    pub(crate) fn reason(&self) -> &'static str {
        self.details.shortage.map_or("", |(_, reason)| reason)
    }

    /// What is to be mended, for whoever sent no request.
    pub(crate) fn in_words(&self) -> String {
        if self.details.errors.is_empty() {
            return self.details.detail.to_string();
        }
        let errors = self.details.errors.iter().map(|FieldError { field, message }| format!("{field} {message}"));
        errors.collect::<Vec<_>>().join("; ")
    }

    /// What the log says of it.
    pub(crate) fn cause(&self) -> &str {
        self.details.cause.as_deref().unwrap_or(&self.details.detail)
    }

    /// The body of the answer.
    pub(crate) fn body(&self, request_id: &str) -> Vec<u8> {
        let (status, code, title) = self.code.row();
        let details = &self.details;
        let (starts_at, ends_at, max_per_reservation) = in_the_way(details.terms);
        let body = Body {
            r#type: "about:blank",
            title,
            status: status.as_u16(),
            detail: &details.detail,
            code,
            request_id,
            errors: &details.errors,
            failing: &details.failing,
            available_stock: details.shortage.map(|(available, _)| available),
            reason: details.shortage.map(|(_, reason)| reason),
            starts_at,
            ends_at,
            max_per_reservation,
        };
        let mut bytes = Vec::with_capacity(384);
        // Writing our own shapes into memory has no way to fail.
        let _ = serde_json::to_writer(&mut bytes, &body);
        bytes
    }

    /// The answer, with the id under which the log knows it.
    pub(crate) fn render(&self, request_id: &str) -> HttpResponse {
        let details = &self.details;
        let mut response = HttpResponse::build(self.code.status());
        response.insert_header((CONTENT_TYPE, PROBLEM));
        if let Some(seconds) = details.retry_after_s {
            response.insert_header((RETRY_AFTER, seconds));
        }
        if let Some(allow) = details.allow {
            response.insert_header((ALLOW, allow));
        }
        for header in &details.headers {
            response.insert_header(header.clone());
        }
        response.body(self.body(request_id))
    }
}

const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'static str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    errors: &'a [FieldError],
    #[serde(skip_serializing_if = "<[FailingStore]>::is_empty")]
    failing: &'a [FailingStore],
    #[serde(skip_serializing_if = "Option::is_none")]
    available_stock: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    starts_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_per_reservation: Option<u32>,
}

/// The one of the terms that stands in the way: start, end, limit.
fn in_the_way(refusal: Option<TermsRefusal>) -> (Option<String>, Option<String>, Option<u32>) {
    match refusal {
        None => (None, None, None),
        Some(TermsRefusal::NotStarted { starts_at, .. }) => (Some(starts_at.to_string()), None, None),
        Some(TermsRefusal::Ended { ends_at }) => (None, Some(ends_at.to_string()), None),
        Some(TermsRefusal::OverLimit { max_per_reservation }) => (None, None, Some(max_per_reservation.get())),
    }
}

/// What `Retry-After` says at most before a start: a day. Who comes back sooner than they must is told again.
const LONGEST_WAIT_S: u64 = 24 * 60 * 60;

/// Never less than it takes: whoever waits that long is not too early.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.details.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    /// Only a stand-in: the outermost middleware renders the problem with its request id.
    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.code.status())
    }
}

impl From<SaleError> for Problem {
    fn from(error: SaleError) -> Self {
        match error {
            SaleError::ProductNotFound => {
                Self::new(Code::ProductNotFound, "No product has this id. GET /api/products lists them.")
            }
            SaleError::NoReservation => Self::new(
                Code::NoReservation,
                "This user has no live reservation of this product (or not the one named). Reserve first.",
            ),
            SaleError::NotWaiting => Self::new(
                Code::NotWaiting,
                "This user does not wait for this product, and holds none of it. POST …/waitlist joins the waiting list.",
            ),
            SaleError::WaitingListFull => Self::new(
                Code::WaitingListFull,
                "As many wait for this product as may. Somebody has to leave or be called first.",
            ),
            SaleError::OrderNotFound => Self::new(Code::OrderNotFound, "No order has this id."),
            SaleError::InsufficientStock { available, shortage } => Self::insufficient(available.get(), shortage),
            SaleError::Terms(refusal) => Self::not_on_terms(refusal),
            SaleError::EndBeforeStart => Self::invalid(vec![FieldError {
                field: "endsAt".to_owned(),
                message: "must be later than startsAt".to_owned(),
            }]),
            SaleError::CheckoutInProgress => Self::new(
                Code::CheckoutInProgress,
                "This reservation is being paid for by another request. Repeat the checkout to learn its outcome.",
            ),
            SaleError::IdempotencyKeyReused => Self::new(
                Code::IdempotencyKeyReused,
                "This Idempotency-Key was used before with another body. Use a new key for a new request.",
            ),
            SaleError::TooMuchStock => Self::invalid(vec![FieldError {
                field: "addStock".to_owned(),
                message: "would take the stock above 1000000000 units".to_owned(),
            }]),
            SaleError::Unavailable(cause) => Self::unavailable(cause),
            SaleError::Internal(cause) => Self::internal(cause),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        SaleError::from(error).into()
    }
}

/// The problem behind an error; the framework's own errors become one too.
pub(crate) fn problem_of(error: &actix_web::Error) -> Problem {
    if let Some(problem) = error.as_error::<Problem>() {
        return problem.clone();
    }
    let status = error.as_response_error().status_code();
    if status.is_client_error() {
        let code = match status {
            StatusCode::PAYLOAD_TOO_LARGE => Code::PayloadTooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::UnsupportedMediaType,
            StatusCode::NOT_FOUND => Code::RouteNotFound,
            _ => Code::InvalidRequest,
        };
        return Problem::new(code, error.to_string());
    }
    Problem::internal(error)
}

/// Keeps headers that were put on an answer before it turned out to be an error.
pub(crate) fn copy_headers(from: &HeaderMap, to: &mut HeaderMap) {
    for (name, value) in from {
        if !to.contains_key(name) {
            to.insert(name.clone(), value.clone());
        }
    }
}
