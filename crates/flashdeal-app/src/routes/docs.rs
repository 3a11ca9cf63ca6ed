//! `/api/openapi.json` and `/docs`: the API's description and the page to browse it, all embedded in the binary.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue, LOCATION, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use utoipa_swagger_ui::{Config, serve};

use crate::error::Problem;

/// Nothing from elsewhere. Swagger UI writes styles into its elements and has images in its style sheet.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; \
                      img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Swagger UI's own page shows a phone a desk's width.
const INDEX: &str = include_str!("../../assets/docs/index.html");

static DOCUMENT: LazyLock<String> = LazyLock::new(crate::openapi::document);
static SWAGGER: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    let config = Config::from("/api/openapi.json").try_it_out_enabled(true).display_request_duration(true);
    Arc::new(config.doc_expansion("list").default_models_expand_depth(0).validator_url("none"))
});

/// OpenAPI 3.1.
pub(super) async fn document() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .insert_header((CACHE_CONTROL, "no-cache"))
        .body(DOCUMENT.as_str())
}

/// The page lives in a folder, so that its assets have relative names.
pub(super) async fn folder() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((LOCATION, HeaderValue::from_static("/docs/"))).finish()
}

/// A file of the page.
pub(super) async fn file(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let name = request.match_info().get("file").unwrap_or("");
    let (content_type, bytes) = if matches!(name, "" | "index.html") {
        ("text/html; charset=utf-8".to_owned(), Bytes::from_static(INDEX.as_bytes()))
    } else {
        let file = serve(name, Arc::clone(&SWAGGER)).map_err(Problem::internal)?.ok_or_else(super::no_route)?;
        let bytes = match file.bytes {
            Cow::Borrowed(embedded) => Bytes::from_static(embedded),
            Cow::Owned(configured) => Bytes::from(configured),
        };
        (file.content_type, bytes)
    };
    Ok(HttpResponse::Ok()
        .content_type(content_type)
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .body(bytes))
}
