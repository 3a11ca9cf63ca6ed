//! Health, metrics and this document.

use serde_json::json;
use utoipa::openapi::path::HttpMethod;

use crate::error::Problem;

use super::operation::Described;
use super::schemas::{any_object, any_text, reference};

const TAG: &str = "operating";
const METRICS: &str = "\
# HELP flashdeal_http_requests_total Requests answered, by route template and status.
# TYPE flashdeal_http_requests_total counter
flashdeal_http_requests_total{method=\"POST\",route=\"/api/products/{id}/reserve\",status=\"201\"} 480
";

pub(super) fn operations() -> Vec<Described> {
    let live = Described::new(HttpMethod::Get, "/health/live", "isLive", TAG)
        .about("Is the process up?", "Asks no store.")
        .answer(200, "It is.", reference("Health"), [("live", json!({ "status": "live" }))], &[]);
    let ready = Described::new(HttpMethod::Get, "/health/ready", "isReady", TAG)
        .about("Should it get requests?", "Both stores can be asked, and the server is not on its way out.")
        .answer(200, "It should.", reference("Health"), [("ready", json!({ "status": "ready" }))], &[])
        .refuse("storeNamed", Problem::not_ready("Cannot be asked: redis.", &["redis"]))
        .refuse("stopping", Problem::not_ready("The server is stopping.", &[]));
    let metrics = Described::new(HttpMethod::Get, "/metrics", "metrics", TAG)
        .about("Metrics", "In the Prometheus text format, version 0.0.4.")
        .answer_in("text/plain", 200, "All metrics of this instance.", any_text(), [("some", json!(METRICS))], &[]);
    let document = Described::new(HttpMethod::Get, "/api/openapi.json", "openapi", TAG)
        .about("This document", "OpenAPI 3.1; `/docs` is a page to browse it.")
        .answer(200, "OpenAPI 3.1.", any_object(), [("begins", json!({ "openapi": "3.1.0" }))], &[]);
    vec![live, ready, metrics, document]
}
