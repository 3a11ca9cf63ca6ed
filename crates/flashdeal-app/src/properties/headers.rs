//! Headers: request ids, content types, bearers, idempotency keys.

use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use actix_web::test::TestRequest;

use crate::access::bearer;
use crate::extract::{Broken, is_json};
use crate::middleware::request_id::id_of;
use crate::telemetry::mark::Trace;

use super::is_refusal;

/// What goes on from a header into an answer, the log or a store can forge nothing there.
pub(super) fn headers(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else { return };
    let mut headers = HeaderMap::new();
    headers.insert(HeaderName::from_static("x-request-id"), value.clone());
    headers.insert(AUTHORIZATION, value.clone());
    let id = id_of(&headers);
    let sane = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    assert!((1..=64).contains(&id.len()) && id.as_bytes().iter().all(sane), "{id:?}");
    let kept = (1..=64).contains(&data.len()) && data.iter().all(sane);
    assert_eq!(id == value, kept, "{value:?}");

    let text = value.to_str().unwrap_or("");
    if let Some(trace) = Trace::parse(text) {
        let trace = trace.id();
        assert!(trace.len() == 32 && trace.bytes().all(|byte| byte.is_ascii_hexdigit()), "{trace}");
        assert!(text.contains(&format!("-{trace}-")));
    }
    if let Some(token) = bearer(&headers) {
        let scheme = text.get(..6).unwrap_or("");
        assert!(scheme.eq_ignore_ascii_case("bearer") && text.contains(token), "{text:?}");
    }
    let typed = TestRequest::default().insert_header((CONTENT_TYPE, value.clone())).to_http_request();
    if is_json(&typed) {
        let essence = text.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
        assert!(essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json")));
    }
    let keyed = TestRequest::default().insert_header((HeaderName::from_static("idempotency-key"), value));
    let mut broken = Broken::default();
    match broken.idempotency_key(&keyed.to_http_request()) {
        Some(key) => assert!(key.as_str().as_bytes() == data && broken.is_empty()),
        None => is_refusal(&broken.into_problem()),
    }
}
