//! `/health/*` and `/metrics`: for balancers and operators.

use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::{HttpResponse, web};
use serde_json::json;

use crate::error::Problem;
use crate::json::answer;
use crate::state::AppState;

use super::OK;

/// The process is up.
pub(super) async fn live() -> HttpResponse {
    answer(OK, &json!({ "status": "live" }))
}

/// The stores can be asked, and the server is not on its way out.
pub(super) async fn ready(state: web::Data<AppState>) -> HttpResponse {
    if state.is_draining() {
        return not_ready(&json!({ "status": "draining" }));
    }
    match tokio::time::timeout(state.deadline, state.sale.ready()).await {
        Ok(Ok(())) => answer(OK, &json!({ "status": "ready" })),
        Ok(Err(errors)) => {
            let failing: Vec<_> = errors.iter().map(|error| json!({ "store": error.store() })).collect();
            for error in &errors {
                tracing::warn!(store = error.store(), %error, "not ready");
            }
            not_ready(&json!({ "status": "unavailable", "failing": failing }))
        }
        Err(_) => not_ready(&json!({ "status": "unavailable", "failing": [{ "store": "unknown" }] })),
    }
}

/// Prometheus text.
pub(super) async fn metrics(state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(state.metrics.render()))
}

fn not_ready(body: &serde_json::Value) -> HttpResponse {
    let mut response = answer(StatusCode::SERVICE_UNAVAILABLE, body);
    response.headers_mut().insert(RETRY_AFTER, actix_web::http::header::HeaderValue::from_static("1"));
    response
}
