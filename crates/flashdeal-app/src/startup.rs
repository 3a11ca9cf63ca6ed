//! From settings to a running server, and back down again. `main` and the tests come through here alike.

mod operator;
mod order_book;
mod readers;
mod stores;
mod usher;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use anyhow::Context;
use flashdeal_domain::ports::{Clock, IdSource, Ports, Runtime};
use flashdeal_domain::{FlashSale, Policy, Tick};
use tokio::task::JoinHandle;

use crate::access::{Bearers, Lock, TokenRules};
use crate::connections::{Connections, most_per_worker};
use crate::environment::{MeteredEvents, RandomIds, SystemClock, TokioRuntime};
use crate::metrics::Metrics;
use crate::metrics::audit::look_at_books;
use crate::metrics::products::Products;
use crate::middleware::cors::cors;
use crate::middleware::rate_limit::{Limiter, rate_limit};
use crate::middleware::request_id::request_id;
use crate::routes;
use crate::settings::{Auth, Settings};
use crate::state::AppState;
use crate::webhooks::Deliveries;

use stores::Stores;

pub use operator::Operator;
pub use order_book::OrderBook;
pub use readers::Readers;

/// What tests replace; [`Environment::default`] is the real thing.
#[derive(Clone)]
pub struct Environment {
    /// The server's clock, and in embedded mode the ledger's.
    pub clock: Arc<dyn Clock>,
    /// In distributed mode the ledger's clock: that of Redis, unless a test moves it.
    pub redis_clock: Arc<flashdeal_redis::LedgerClock>,
}

impl Default for Environment {
    fn default() -> Self {
        Self { clock: Arc::new(SystemClock), redis_clock: Arc::default() }
    }
}

/// A server that runs.
pub struct Running {
    address: SocketAddr,
    mode: &'static str,
    warnings: Vec<String>,
    state: AppState,
    server: ServerHandle,
    serving: JoinHandle<std::io::Result<()>>,
    background: Vec<JoinHandle<()>>,
    webhooks: Option<Deliveries>,
    stores: Stores,
}

/// How long connections may finish what they are at when the server stops. With the rest below ten seconds in all.
const DRAIN: Duration = Duration::from_secs(5);

/// Opens the stores, applies pending migrations, and serves.
///
/// # Errors
/// With a chain that says what could not be opened and what to do about it.
pub async fn start(settings: &Settings, environment: Environment) -> anyhow::Result<Running> {
    let metrics = Metrics::install().context("cannot install the metrics recorder")?;
    let stores = Stores::open(settings, &environment).await?;
    let mut warnings = stores.warnings().await;
    warnings.extend(settings.warnings());
    let sale = sale_over(settings, &stores, &environment);
    let state = AppState::new(sale.clone(), metrics.clone(), settings.request_deadline);
    let limiter = limiter(settings, &stores, &environment)?;
    let lock = lock(&settings.auth)?;
    let connections = Connections::default();
    let ids: Arc<dyn IdSource> = Arc::new(RandomIds);
    if let Some(webhooks) = &settings.webhooks {
        webhooks.begin(&stores.feed(), &environment.clock, &ids).await;
    }
    let (server, address) = serve(settings, state.clone(), limiter.clone(), lock, connections.clone())?;
    let handle = server.handle();
    let told = settings.webhooks.as_ref().map(|webhooks| webhooks.start(&stores.feed(), &environment.clock, &ids));
    let webhooks = told.transpose().context("cannot set up the client of webhooks")?;
    metrics.serving(stores.mode());
    let background = vec![
        tokio::spawn(connections.watch()),
        tokio::spawn(look_after(sale.clone())),
        tokio::spawn(usher::call_in_turn(sale.clone(), state.draining())),
        tokio::spawn(look_at_books(sale.clone())),
        tokio::spawn(look_at_products(sale, state.products.clone())),
        tokio::spawn(every(Duration::from_secs(5), move || metrics.upkeep())),
        tokio::spawn(every(Duration::from_secs(10), move || limiter.forget_idle())),
    ];
    let serving = tokio::spawn(server);
    let mode = stores.mode();
    Ok(Running { address, mode, warnings, state, server: handle, serving, background, webhooks, stores })
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// "embedded" or "distributed".
    #[must_use]
    pub fn mode(&self) -> &'static str {
        self.mode
    }

    /// What is at risk with the stores as they are configured, a sentence each.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// From now on `/health/ready` says no, streams of events end, no delivery of a webhook begins, and nobody is called off a
    /// waiting list; everything else is served as before.
    pub fn drain(&self) {
        self.state.drain();
        if let Some(webhooks) = &self.webhooks {
            webhooks.stop();
        }
    }

    /// Not ready, drain, close. Within ten seconds, whatever the clients do.
    ///
    /// # Errors
    /// If serving ended by an error before.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.drain();
        let webhooks = self.webhooks.take();
        let told = async {
            if let Some(webhooks) = webhooks {
                webhooks.ended().await;
            }
        };
        tokio::join!(self.server.stop(true), told);
        for task in &self.background {
            task.abort();
        }
        self.serving.await.context("the server's task ended badly")?.context("serving ended by an error")?;
        tokio::time::timeout(Duration::from_secs(2), self.stores.close())
            .await
            .context("closing the stores took too long")
    }
}

/// The use cases over the stores.
fn sale_over(settings: &Settings, stores: &Stores, environment: &Environment) -> FlashSale {
    let runtime: Arc<dyn Runtime> = Arc::new(TokioRuntime);
    let ports = Ports {
        record: stores.record(),
        ledger: stores.ledger(),
        waiting: stores.waiting(),
        clock: Arc::clone(&environment.clock),
        ids: Arc::new(RandomIds),
        runtime,
        observer: Arc::new(MeteredEvents),
    };
    let policy = Policy { hold_time: settings.hold_time, ..Policy::default() };
    FlashSale::new(ports, policy)
}

fn limiter(settings: &Settings, stores: &Stores, environment: &Environment) -> anyhow::Result<Limiter> {
    let proxies = settings.trusted_proxies.clone();
    let Some(budget) = settings.budget else { return Ok(Limiter::off(proxies)) };
    let shared = stores.shared_rate_limit(budget).map(|shared| (shared, Arc::clone(&environment.clock)));
    Limiter::new(budget, proxies, shared)
}

fn lock(auth: &Auth) -> anyhow::Result<Lock> {
    let bearers = match auth {
        Auth::None => return Ok(Lock::None),
        Auth::Keys(keys) => Bearers { keys: keys.clone(), tokens: None },
        Auth::Jwt { algorithm, key, audience, keys } => {
            let rules = TokenRules::load(*algorithm, key, audience).context("cannot use the key for tokens")?;
            Bearers { keys: keys.clone(), tokens: Some(rules) }
        }
    };
    Ok(Lock::Bearers(Arc::new(bearers)))
}

fn serve(
    settings: &Settings,
    state: AppState,
    limiter: Limiter,
    lock: Lock,
    connections: Connections,
) -> anyhow::Result<(actix_web::dev::Server, SocketAddr)> {
    let (state, limiter, lock) = (web::Data::new(state), web::Data::new(limiter), web::Data::new(lock));
    let origins = settings.cors_origins.clone();
    let app = move || {
        App::new()
            .app_data(state.clone())
            .app_data(limiter.clone())
            .app_data(lock.clone())
            .wrap(from_fn(request_id))
            .configure(|config| routes::unlimited(config, cors(&origins)))
            .service(
                web::scope("/api")
                    .wrap(from_fn(rate_limit))
                    .wrap(cors(&origins))
                    .configure(routes::api)
                    .default_service(web::to(routes::not_found)),
            )
            .configure(routes::outside)
            .default_service(web::to(routes::not_found))
    };
    let server = HttpServer::new(app)
        .workers(settings.workers.get())
        .max_connections(most_per_worker(settings.workers))
        .on_connect(move |io, data| connections.opened(io, data))
        .client_request_timeout(Duration::from_secs(5))
        .shutdown_timeout(DRAIN.as_secs())
        .disable_signals()
        .bind(settings.bind)
        .with_context(|| {
            format!("cannot listen on {}: is the port taken, or the address not of this machine?", settings.bind)
        })?;
    let address = server.addrs().first().copied().context("the server listens nowhere")?;
    Ok((server.run(), address))
}

/// The background of the protocol: settle and reconcile, every second, jittered so that instances do not march in step.
async fn look_after(sale: FlashSale) {
    let mut last = Tick::default();
    let mut failing = false;
    loop {
        let jitter = u64::from(uuid_low_bits() % 200);
        tokio::time::sleep(Duration::from_millis(900 + jitter)).await;
        match sale.tick(last).await {
            Ok(tick) => {
                if failing {
                    tracing::info!("the stores answer again");
                }
                failing = false;
                last = tick;
            }
            Err(error) => {
                // Said once per outage: an outage is long, a log is read.
                if !failing {
                    tracing::warn!(%error, "the background cannot reach a store; it goes on trying");
                }
                failing = true;
            }
        }
    }
}

pub(super) fn uuid_low_bits() -> u8 {
    use flashdeal_domain::ports::IdSource;
    RandomIds.next_id().as_bytes().last().copied().unwrap_or_default()
}

/// Looks at the products used last, for their gauges.
async fn look_at_products(sale: FlashSale, products: Products) {
    loop {
        tokio::time::sleep(Duration::from_secs(5)).await;
        products.look(&sale).await;
    }
}

async fn every(period: Duration, work: impl Fn() + Send + 'static) {
    loop {
        tokio::time::sleep(period).await;
        work();
    }
}
