//! A span for each request, sent to an OpenTelemetry collector: OTLP over HTTP, protobuf.
//!
//! It goes by the variables that OpenTelemetry has made the custom: `OTEL_EXPORTER_OTLP_ENDPOINT` (without it nothing is sent),
//! `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER`. Spans wait in a bounded
//! queue and leave it in batches, from a thread of their own; those that do not fit are lost, and no request ever waits for them.

use std::env;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use actix_web::http::Method;
use anyhow::Context as _;
use opentelemetry::trace::{
    Span, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer,
    TracerProvider,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use rustls::crypto::ring;

use super::mark::{Mark, Trace};

/// How long the last spans may take to leave when the server stops.
const LAST_WORDS: Duration = Duration::from_secs(2);

static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// The spans of this process on their way out.
#[derive(Debug)]
pub struct Spans(SdkTracerProvider);

impl Spans {
    /// Starts to send spans, if a collector is named. Not to be called from asynchronous code.
    ///
    /// # Errors
    /// If what is named cannot be a collector.
    pub fn start() -> anyhow::Result<Option<Self>> {
        let named = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];
        if !named.iter().any(|name| env::var_os(name).is_some_and(|value| !value.is_empty())) {
            return Ok(None);
        }
        // One that is there already stays.
        let _ = ring::default_provider().install_default();
        let exporter = SpanExporter::builder().with_http().build();
        let exporter = exporter.with_context(|| format!("cannot send spans: look at {}", named.join(" and ")))?;
        let resource = Resource::builder();
        let resource = match env::var_os("OTEL_SERVICE_NAME") {
            Some(_) => resource,
            None => resource.with_service_name("flashdeal"),
        };
        let resource = resource.with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION"))).build();
        let provider = SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build();
        let _ = TRACER.set(provider.tracer("flashdeal"));
        Ok(Some(Self(provider)))
    }

    /// Sends what still waits, for two seconds at most. Not to be called from asynchronous code.
    pub fn stop(self) {
        if let Err(error) = self.0.shutdown_with_timeout(LAST_WORDS) {
            tracing::warn!(%error, "the last spans did not reach the collector");
        }
    }
}

/// One answered request.
pub(crate) fn record(mark: Mark, method: &Method, route: &'static str, status: u16, took: Duration) {
    let Some(tracer) = TRACER.get() else { return };
    let end = now();
    let attributes = [
        KeyValue::new("http.request.method", method.as_str().to_owned()),
        KeyValue::new("http.route", route),
        KeyValue::new("http.response.status_code", i64::from(status)),
        KeyValue::new("flashdeal.request_id", mark.id().to_owned()),
    ];
    let builder = SpanBuilder::from_name(format!("{method} {route}"))
        .with_kind(SpanKind::Server)
        .with_start_time(end.checked_sub(took).unwrap_or(end))
        .with_attributes(attributes);
    let parent = mark
        .trace()
        .and_then(caller)
        .map_or_else(Context::new, |caller| Context::new().with_remote_span_context(caller));
    let mut span = tracer.build_with_context(builder, &parent);
    if status >= 500 {
        span.set_status(Status::error(""));
    }
    span.end_with_timestamp(end);
}

/// The span of the caller, which is the parent of ours.
fn caller(trace: &Trace) -> Option<SpanContext> {
    let (id, parent) = (TraceId::from_hex(trace.id()).ok()?, SpanId::from_hex(trace.parent()).ok()?);
    let flags = if trace.is_sampled() { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED };
    Some(SpanContext::new(id, parent, flags, true, TraceState::NONE))
}

#[expect(clippy::disallowed_methods, reason = "a span tells when it was; decides nothing")]
fn now() -> SystemTime {
    SystemTime::now()
}
