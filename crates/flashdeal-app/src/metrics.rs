//! Metrics: one recorder per process, and what the HTTP layer counts.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::Duration;

use actix_web::http::Method;
use metrics::{Counter, Histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// The process's metrics; cheap to clone.
#[derive(Clone)]
pub(crate) struct Metrics(&'static PrometheusHandle);

/// Seconds: from a tenth of a millisecond to the longest a request may take.
const LATENCY_BUCKETS: [f64; 14] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];
/// Callers in one round trip.
const BATCH_BUCKETS: [f64; 11] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];

impl Metrics {
    /// The recorder of this process, installed by the first who asks.
    pub(crate) fn install() -> anyhow::Result<Self> {
        static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
        if let Some(handle) = HANDLE.get() {
            return Ok(Self(handle));
        }
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &LATENCY_BUCKETS)?
            .set_buckets_for_metric(Matcher::Suffix("batch_size".to_owned()), &BATCH_BUCKETS)?
            .build_recorder();
        let handle = HANDLE.get_or_init(|| recorder.handle());
        // Two apps that start at the same moment in one process (tests do) share the first one's recorder.
        let _ = metrics::set_global_recorder(recorder);
        Ok(Self(handle))
    }

    /// Prometheus text.
    pub(crate) fn render(&self) -> String {
        self.0.render()
    }

    /// Folds what was observed into the buckets; call it every few seconds, so that memory stays bounded.
    pub(crate) fn upkeep(&self) {
        self.0.run_upkeep();
    }

    /// One answered request.
    #[expect(clippy::unused_self, reason = "proof that a recorder is installed")]
    pub(crate) fn request(&self, method: &Method, route: &'static str, status: u16, took: Duration) {
        SERIES.with_borrow_mut(|series| {
            let method = known(method);
            let (count, seconds) = series.entry((method, route, status)).or_insert_with(|| {
                let labels =
                    [("method", method.to_owned()), ("route", route.to_owned()), ("status", status.to_string())];
                let seconds = metrics::histogram!("flashdeal_http_request_duration_seconds", &labels[..2]);
                (metrics::counter!("flashdeal_http_requests_total", &labels), seconds)
            });
            count.increment(1);
            seconds.record(took);
        });
    }
}

type Series = HashMap<(&'static str, &'static str, u16), (Counter, Histogram)>;

thread_local! {
    /// Looked up once per worker and series, not once per request. Bounded: methods and routes are known, statuses few.
    static SERIES: RefCell<Series> = RefCell::default();
}

/// Methods a client makes up do not become label values.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}
