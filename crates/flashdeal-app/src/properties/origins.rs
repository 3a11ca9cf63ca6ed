//! Origins whose pages may call the API.

use actix_web::http::header::HeaderValue;

use crate::middleware::cors::Origins;
use crate::settings::parse_origins;

use super::{lines, text};

/// What is taken is an origin as browsers write it: it stays as it is, and may stand in a header.
pub(super) fn origins(data: &[u8]) {
    let ([written], _) = lines(data);
    let Ok(Origins::These(origins)) = parse_origins(text(written)) else { return };
    for origin in &origins {
        assert!(origin.is_ascii() && HeaderValue::from_str(origin).is_ok(), "{origin:?}");
        assert!(!origin.contains([',', ' ', '*', '@', '?', '#']), "{origin:?}");
        let after_scheme = origin.strip_prefix("https://").or(origin.strip_prefix("http://"));
        assert!(after_scheme.is_some_and(|host| !host.is_empty() && !host.contains('/')), "{origin:?}");
    }
    let again = origins.join(",");
    assert_eq!(parse_origins(&again), Ok(Origins::These(origins)), "{written:?} is {again}");
}
