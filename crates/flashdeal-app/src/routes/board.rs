//! The deal board at `/`: one page over the public API, embedded in the binary.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};

/// Only our own script, style and API: a product's name can never become code.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) async fn page() -> HttpResponse {
    asset("text/html; charset=utf-8", include_str!("../../assets/board/index.html"))
}

pub(super) async fn style() -> HttpResponse {
    asset("text/css; charset=utf-8", include_str!("../../assets/board/board.css"))
}

pub(super) async fn script() -> HttpResponse {
    asset("text/javascript; charset=utf-8", include_str!("../../assets/board/board.js"))
}

fn asset(content_type: &str, body: &'static str) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(content_type)
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        // Small, and replaced with the binary: asked for anew each time rather than stale after an update.
        .insert_header((CACHE_CONTROL, "no-cache"))
        .body(body)
}
