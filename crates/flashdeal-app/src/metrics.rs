//! Metrics: one recorder per process, and what the HTTP layer counts.

pub(crate) mod audit;
mod names;
pub(crate) mod process;
pub(crate) mod products;

use std::cell::{OnceCell, RefCell};
use std::sync::OnceLock;
use std::time::Duration;

use actix_web::http::Method;
use hashbrown::HashMap;
use metrics::{Counter, Histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// The process's metrics; cheap to clone.
#[derive(Clone)]
pub(crate) struct Metrics(&'static PrometheusHandle);

/// Seconds: from a tenth of a millisecond to the longest a request may take.
const LATENCY_BUCKETS: [f64; 14] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];
/// Seconds: of others' servers, up to the longest a delivery may take.
const DELIVERY_BUCKETS: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
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
            .set_buckets_for_metric(Matcher::Full("flashdeal_webhook_delivery_seconds".to_owned()), &DELIVERY_BUCKETS)?
            .set_buckets_for_metric(Matcher::Suffix("batch_size".to_owned()), &BATCH_BUCKETS)?
            .build_recorder();
        let handle = HANDLE.get_or_init(|| recorder.handle());
        // Two apps that start at the same moment in one process (tests do) share the first one's recorder.
        let _ = metrics::set_global_recorder(recorder);
        names::describe();
        Ok(Self(handle))
    }

    /// Tells which build this is.
    #[expect(clippy::unused_self, reason = "proof that a recorder is installed")]
    pub(crate) fn serving(&self, mode: &'static str) {
        metrics::gauge!("flashdeal_build_info", "version" => env!("CARGO_PKG_VERSION"), "mode" => mode).set(1.0);
    }

    /// Prometheus text, without the gauges of the [products](products::Products).
    pub(crate) fn render(&self) -> String {
        self.0.render()
    }

    /// Folds what was observed into the buckets; call it every few seconds, so that memory stays bounded.
    pub(crate) fn upkeep(&self) {
        self.0.run_upkeep();
    }

    /// One refused request: an error, by its `code`, and its `reason` if it has one.
    #[expect(clippy::unused_self, reason = "proof that a recorder is installed")]
    pub(crate) fn refused(&self, route: &'static str, code: &'static str, reason: &'static str) {
        REFUSALS.with_borrow_mut(|refusals| {
            let count = refusals.entry((route, code, reason)).or_insert_with(
                || metrics::counter!("flashdeal_refusals_total", "route" => route, "code" => code, "reason" => reason),
            );
            count.increment(1);
        });
    }

    /// One order that a buyer was answered with for the first time.
    #[expect(clippy::unused_self, reason = "proof that a recorder is installed")]
    pub(crate) fn sold(&self, units: u32) {
        SALES.with(|sales| {
            let (orders, sold) = sales.get_or_init(|| {
                (metrics::counter!("flashdeal_orders_total"), metrics::counter!("flashdeal_units_sold_total"))
            });
            orders.increment(1);
            sold.increment(units.into());
        });
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

/// What a refusal is counted under: route, code and reason.
type Refusals = HashMap<(&'static str, &'static str, &'static str), Counter>;
type Series = HashMap<(&'static str, &'static str, u16), (Counter, Histogram)>;

thread_local! {
    /// Looked up once per worker and series, not once per request. Bounded: methods and routes are known, statuses few.
    static SERIES: RefCell<Series> = RefCell::default();
    static REFUSALS: RefCell<Refusals> = RefCell::default();
    static SALES: OnceCell<(Counter, Counter)> = const { OnceCell::new() };
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
