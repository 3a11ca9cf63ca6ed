//! The rate limit: so many requests per window and client over `/api/*`.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web;
use flashdeal_domain::ports::Clock;
use flashdeal_redis::SharedRateLimit;
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::error::Problem;

use super::client_ip::TrustedProxies;

/// So many requests per window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// How many: 1 to 4 294 967 295.
    pub requests: NonZeroU32,
    /// In how long: at least one second.
    pub window: Duration,
}

/// What the limiter says of one request.
#[derive(Debug, Clone, Copy)]
struct Verdict {
    allowed: bool,
    remaining: u64,
    /// Until there is more of the budget, at the latest; for a refused request, until it is worth trying again.
    reset: Duration,
}

/// Counts requests; shared by all workers.
#[derive(Clone)]
pub(crate) struct Limiter {
    proxies: Arc<TrustedProxies>,
    counters: Option<Arc<Counters>>,
}

struct Counters {
    policy: HeaderValue,
    by_redis: Decisions,
    in_process: Decisions,
    local: Local,
    shared: Option<Shared>,
}

impl Limiter {
    /// No limit at all.
    pub(crate) fn off(proxies: TrustedProxies) -> Self {
        Self { proxies: Arc::new(proxies), counters: None }
    }

    /// Counts in process, or with `shared` in Redis, and in process while Redis cannot be asked.
    pub(crate) fn new(
        budget: Budget,
        proxies: TrustedProxies,
        shared: Option<(SharedRateLimit, Arc<dyn Clock>)>,
    ) -> anyhow::Result<Self> {
        let policy = format!("\"default\";q={};w={}", budget.requests, budget.window.as_secs());
        let counters = Counters {
            policy: HeaderValue::try_from(policy)?,
            by_redis: Decisions::new("redis"),
            in_process: Decisions::new("process"),
            local: Local::new(budget),
            shared: shared.map(|(counter, clock)| Shared { counter, clock, down_until_ms: AtomicI64::new(0) }),
        };
        Ok(Self { proxies: Arc::new(proxies), counters: Some(Arc::new(counters)) })
    }

    /// Forgets clients whose budget is whole again, so that the memory is bounded by the clients of one window.
    pub(crate) fn forget_idle(&self) {
        if let Some(counters) = &self.counters {
            counters.local.0.retain_recent();
            counters.local.0.shrink_to_fit();
        }
    }
}

impl Counters {
    async fn take(&self, client: IpAddr) -> Verdict {
        let shared = match &self.shared {
            Some(shared) => shared.take(client).await,
            None => None,
        };
        match shared {
            Some(verdict) => self.by_redis.count(verdict),
            // Never open, never closed to everyone: until Redis answers again each instance counts for itself.
            None => self.in_process.count(self.local.take(client)),
        }
    }
}

/// What was decided, by who counted.
struct Decisions {
    allowed: metrics::Counter,
    refused: metrics::Counter,
}

impl Decisions {
    fn new(counted: &'static str) -> Self {
        let of = |decision: &'static str| metrics::counter!("flashdeal_rate_limit_decisions_total", "decision" => decision, "counted" => counted);
        Self { allowed: of("allowed"), refused: of("refused") }
    }

    fn count(&self, verdict: Verdict) -> Verdict {
        let decision = if verdict.allowed { &self.allowed } else { &self.refused };
        decision.increment(1);
        verdict
    }
}

/// Counted by governor: a burst of the whole budget, refilled evenly over the window.
struct Local(RateLimiter<IpAddr, DashMapStateStore<IpAddr>, DefaultClock, StateInformationMiddleware>);

impl Local {
    fn new(budget: Budget) -> Self {
        let refill = budget.window.checked_div(budget.requests.get()).unwrap_or_default();
        let refill = refill.max(Duration::from_nanos(1));
        let quota = Quota::with_period(refill).unwrap_or(Quota::per_second(budget.requests));
        Self(RateLimiter::dashmap(quota.allow_burst(budget.requests)).with_middleware())
    }

    fn take(&self, client: IpAddr) -> Verdict {
        match self.0.check_key(&client) {
            Ok(state) => {
                // One request's worth comes back every so often, however much is used.
                let reset = state.quota().replenish_interval();
                Verdict { allowed: true, remaining: state.remaining_burst_capacity().into(), reset }
            }
            Err(until) => {
                let reset = until.wait_time_from(DefaultClock::default().now());
                Verdict { allowed: false, remaining: 0, reset }
            }
        }
    }
}

/// Counted in Redis, for all instances. After a failure it is left alone for a moment, so that requests do not queue up
/// behind a store that is down.
struct Shared {
    counter: SharedRateLimit,
    clock: Arc<dyn Clock>,
    down_until_ms: AtomicI64,
}

/// How long Redis is left alone after a failure.
const LEFT_ALONE_MS: i64 = 1_000;
/// How long a request waits for its count.
const PATIENCE: Duration = Duration::from_millis(300);

impl Shared {
    async fn take(&self, client: IpAddr) -> Option<Verdict> {
        let down_until = self.down_until_ms.load(Ordering::Relaxed);
        if down_until > 0 && self.clock.now().as_millis() < down_until {
            return None;
        }
        let taken = tokio::time::timeout(PATIENCE, self.counter.take(client)).await;
        let Ok(Ok(decision)) = taken else {
            self.down_until_ms.store(self.clock.now().as_millis() + LEFT_ALONE_MS, Ordering::Relaxed);
            return None;
        };
        if down_until > 0 {
            self.down_until_ms.store(0, Ordering::Relaxed);
        }
        Some(Verdict { allowed: decision.allowed, remaining: decision.remaining, reset: decision.reset_after })
    }
}

/// The middleware over `/api/*`.
pub(crate) async fn rate_limit<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let limiter = request.app_data::<web::Data<Limiter>>().cloned();
    let Some(limiter) = limiter else { return pass(request, next).await };
    let Some(counters) = &limiter.counters else { return pass(request, next).await };
    let verdict = counters.take(limiter.proxies.client_of(&request)).await;
    let seconds = whole_seconds(verdict.reset);
    if !verdict.allowed {
        let refused = Problem::rate_limited(seconds)
            .with_header(POLICY, counters.policy.clone())
            .with_header(STATE, state(verdict.remaining, seconds));
        return Ok(request.error_response(refused).map_into_right_body());
    }
    let mut response = next.call(request).await?.map_into_left_body();
    response.headers_mut().insert(POLICY, counters.policy.clone());
    response.headers_mut().insert(STATE, state(verdict.remaining, seconds));
    Ok(response)
}

async fn pass<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    Ok(next.call(request).await?.map_into_left_body())
}

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STATE: HeaderName = HeaderName::from_static("ratelimit");

/// The `RateLimit` field: what remains, and the seconds until there is more (draft-ietf-httpapi-ratelimit-headers-10, `t`).
fn state(remaining: u64, seconds: u64) -> HeaderValue {
    let mut digits = itoa::Buffer::new();
    let mut text = String::with_capacity(48);
    text.push_str("\"default\";r=");
    text.push_str(digits.format(remaining));
    text.push_str(";t=");
    text.push_str(digits.format(seconds));
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}

/// Rounded up: a client that waits this long is not refused for being a moment early.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
