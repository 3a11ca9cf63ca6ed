//! The outermost layer: every request gets an id, every error its shape, every answer is counted.

use std::time::{Duration, Instant};

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web;
use flashdeal_domain::ports::IdSource;
use uuid::Uuid;

use crate::connections::Answering;
use crate::environment::RandomIds;
use crate::error::{Problem, copy_headers, problem_of};
use crate::state::AppState;
use crate::telemetry::mark::Mark;

/// Names the route a request matched; set on each resource.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RouteName(pub(crate) &'static str);

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The middleware around everything.
pub(crate) async fn request_id<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let begun = now();
    let _answering = Answering::begin(request.request());
    let id = id_of(request.headers());
    let mark = Mark::new(&id, request.headers());
    let state = request.app_data::<web::Data<AppState>>().cloned();
    let response = match mark.over(next.call(request)).await {
        Ok(response) => response,
        Err(error) => {
            // No layer of ours ends so; what does, still gets the shape of a problem.
            let problem = problem_of(&error);
            let rendered = problem.render(id.to_str().unwrap_or(""));
            return Err(InternalError::from_response(problem, rendered).into());
        }
    };
    let problem = response.response().error().map(problem_of);
    let refusal = problem.as_ref().map(|problem| (problem.code.name(), problem.reason()));
    let mut response = match problem {
        None => response.map_into_left_body(),
        Some(problem) => {
            let mut rendered = mark.over_sync(|| shape(&problem, &id, response.request()));
            copy_headers(response.headers(), rendered.headers_mut());
            response.into_response(rendered).map_into_right_body()
        }
    };
    let (took, status) = (begun.elapsed(), response.status().as_u16());
    let request = response.request();
    let route = request.app_data::<RouteName>().map_or("unmatched", |name| name.0);
    if let Some(state) = state {
        state.metrics.request(request.method(), route, status, took);
        if let Some((code, reason)) = refusal {
            state.metrics.refused(route, code, reason);
        }
    }
    tell(mark, request, route, status, took);
    response.headers_mut().insert(X_REQUEST_ID, id);
    Ok(response)
}

/// The answer for a problem; what is our fault is logged.
fn shape(problem: &Problem, id: &HeaderValue, request: &actix_web::HttpRequest) -> actix_web::HttpResponse {
    let id = id.to_str().unwrap_or("");
    let status = problem.code.status();
    if status.is_server_error() {
        let (method, path, cause, code) = (request.method(), request.path(), problem.cause(), problem.code.name());
        // Debug formatting escapes control characters: a path cannot forge a line of the log.
        if status == actix_web::http::StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(%method, ?path, code, ?cause, "request failed");
        } else {
            tracing::warn!(%method, ?path, code, ?cause, "request failed");
        }
    }
    problem.render(id)
}

/// A line for each request, for whoever wants one, and a span for the collector, if there is one.
fn tell(mark: Mark, request: &actix_web::HttpRequest, route: &'static str, status: u16, took: Duration) {
    if tracing::enabled!(target: "flashdeal_app::requests", tracing::Level::DEBUG) {
        let (method, path, took_ms) = (request.method(), request.path(), took.as_secs_f64() * 1000.0);
        mark.over_sync(
            || tracing::debug!(target: "flashdeal_app::requests", %method, ?path, route, status, took_ms, "answered"),
        );
    }
    #[cfg(feature = "otlp")]
    crate::telemetry::otlp::record(mark, request.method(), route, status, took);
}

/// The id a proxy gave, if it is a sane one; else a new one.
pub(crate) fn id_of(headers: &HeaderMap) -> HeaderValue {
    if let Some(given) = headers.get(X_REQUEST_ID).filter(|given| is_sane(given.as_bytes())) {
        return given.clone();
    }
    let mut text = Uuid::encode_buffer();
    let text = RandomIds.next_id().as_hyphenated().encode_lower(&mut text);
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("none"))
}

fn is_sane(id: &[u8]) -> bool {
    (1..=64).contains(&id.len()) && id.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

#[expect(clippy::disallowed_methods, reason = "times requests for the metrics; decides nothing")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sane_id_is_taken_over() {
        assert!(is_sane(b"req-1_2.A"));
        for bad in [&b""[..], b"a b", b"a\"b", &[b'a'; 65]] {
            assert!(!is_sane(bad));
        }
    }
}
