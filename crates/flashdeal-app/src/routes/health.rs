//! `/health/*` and `/metrics`: for balancers and operators.

use actix_web::{HttpResponse, web};
use flashdeal_domain::StoreError;
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
pub(super) async fn ready(state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    if state.is_draining() {
        return Err(Problem::not_ready("The server is stopping.", &[]));
    }
    match tokio::time::timeout(state.deadline, state.sale.ready()).await {
        Ok(Ok(())) => Ok(answer(OK, &json!({ "status": "ready" }))),
        Ok(Err(errors)) => {
            let stores: Vec<_> = errors.iter().map(StoreError::store).collect();
            for error in &errors {
                tracing::warn!(store = error.store(), %error, "not ready");
            }
            Err(Problem::not_ready(format!("Cannot be asked: {}.", stores.join(", ")), &stores))
        }
        Err(_) => Err(Problem::not_ready("The stores do not answer in time.", &["unknown"])),
    }
}

/// Prometheus text.
pub(super) async fn metrics(state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let mut text = state.metrics.render();
    state.products.render(&mut text);
    crate::metrics::process::render(&mut text);
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(text))
}
