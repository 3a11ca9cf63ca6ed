//! A shop of its own for each test: the server in one process, or two instances over a database and a Redis of their own.

mod call;
mod clock;
mod settled;
mod stores;
mod trade;

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use flashdeal_app::settings::{RawSettings, Settings};
use flashdeal_app::startup::{Environment, Running, start};
use flashdeal_tests::folder::Folder;
use flashdeal_tests::http::Http;
use flashdeal_tests::postgres::PrivatePostgres;
use tokio::runtime::Handle;
use tokio::task::block_in_place;
use tokio::time::sleep;
use tracing_subscriber::EnvFilter;

use stores::Stores;

pub(crate) use call::{Call, raw};
pub(crate) use clock::TestClock;
pub(crate) use settled::{PATIENCE, settled};
pub(crate) use stores::Gates;
pub(crate) use trade::{Level, checkout_path, reserve_path};

/// Which server a case is asked of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// One process, one file.
    Embedded,
    /// Two instances over PostgreSQL and Redis.
    Distributed,
    /// Two instances over PostgreSQL and a Redis Cluster.
    Cluster,
}

/// What differs from the usual shop, which has no rate limit and holds of ten minutes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) rate_limit: &'static str,
    pub(crate) trusted_proxies: &'static str,
    pub(crate) cors_origins: &'static str,
    pub(crate) reservation_ttl: &'static str,
    /// Clocks that stand still until they are moved.
    pub(crate) standing_clock: bool,
    /// A PostgreSQL that no other test uses, to be paused and killed, and a Redis that remembers what it acknowledged.
    pub(crate) own_stores: bool,
    /// Of each primary of a cluster; with any, the cluster is one that no other test uses.
    pub(crate) replicas: usize,
}

impl Plan {
    pub(crate) const USUAL: Self = Self {
        rate_limit: "off",
        trusted_proxies: "",
        cors_origins: "",
        reservation_ttl: "10m",
        standing_clock: false,
        own_stores: false,
        replicas: 0,
    };
}

impl Default for Plan {
    fn default() -> Self {
        Self::USUAL
    }
}

/// A running shop. Dropping it stops its servers in order.
pub(crate) struct Shop {
    instances: Vec<Instance>,
    turn: AtomicUsize,
    clock: TestClock,
    // Dropped after the instances, which write to them to the last.
    stores: Stores,
}

struct Instance {
    address: SocketAddr,
    http: Option<Http>,
    running: Option<Running>,
}

impl Shop {
    /// The usual shop.
    pub(crate) async fn open(mode: Mode) -> Self {
        Self::set_up(mode, Plan::default()).await
    }

    /// A shop with these settings.
    pub(crate) async fn set_up(mode: Mode, plan: Plan) -> Self {
        show_log();
        let mut settings = RawSettings {
            bind: "127.0.0.1:0".to_owned(),
            reservation_ttl: plan.reservation_ttl.to_owned(),
            rate_limit: plan.rate_limit.to_owned(),
            trusted_proxies: plan.trusted_proxies.to_owned(),
            cors_origins: plan.cors_origins.to_owned(),
            request_deadline: "2s".to_owned(),
            ..RawSettings::default()
        };
        let (stores, workers) = match mode {
            Mode::Embedded => {
                let folder = Folder::new("shop").unwrap();
                settings.data_dir = folder.path().join("data");
                (Stores::embedded(folder), ["2"].as_slice())
            }
            Mode::Distributed | Mode::Cluster => {
                let replicas = (mode == Mode::Cluster).then_some(plan.replicas);
                let (stores, database) = Stores::distributed(plan.own_stores, replicas).await;
                settings.database_url = Some(database.url());
                settings.redis_url = Some(stores.servers().gates.url());
                (stores, ["1", "1"].as_slice())
            }
        };
        let clock = if plan.standing_clock { TestClock::standing() } else { TestClock::running() };
        let mut instances = Vec::new();
        for workers in workers {
            let settings = RawSettings { workers: Some((*workers).to_owned()), ..settings.clone() };
            instances.push(Instance::start(&settings, clock.environment()).await);
        }
        Self { instances, turn: AtomicUsize::new(0), clock, stores }
    }

    /// A call of the instance whose turn it is.
    pub(crate) fn next_http(&self) -> Http {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        self.instances[turn % self.instances.len()].http.clone().unwrap()
    }

    /// One client per instance, whose calls come from this address of the loopback network.
    pub(crate) fn client_from(&self, from: &str) -> Vec<Http> {
        let from: IpAddr = from.parse().unwrap();
        self.addresses().into_iter().map(|address| Http::from_address(address, from).unwrap()).collect()
    }

    /// Where each instance listens.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.instances.iter().map(|instance| instance.address).collect()
    }

    /// The address of the instance whose turn it is.
    pub(crate) fn next_address(&self) -> SocketAddr {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        self.instances[turn % self.instances.len()].address
    }

    /// The Redis of a distributed shop.
    pub(crate) fn redis(&self) -> &Gates {
        &self.stores.servers().gates
    }

    /// The PostgreSQL of a distributed shop with its own stores.
    pub(crate) fn postgres(&self) -> &PrivatePostgres {
        self.stores.servers().own_postgres.as_ref().expect("this shop shares its PostgreSQL")
    }

    /// The clocks of the server and of the gates.
    pub(crate) fn clock(&self) -> &TestClock {
        &self.clock
    }

    /// Moves the clocks forward.
    pub(crate) async fn advance(&self, by: Duration) {
        self.move_clock(i64::try_from(by.as_millis()).unwrap()).await;
    }

    /// Moves the clocks by milliseconds, backwards if negative.
    pub(crate) async fn move_clock(&self, millis: i64) {
        self.clock.move_by(millis);
        if matches!(self.stores, Stores::Distributed(_)) {
            // Each call on the gate carries the time it was made at. One of the background that is still under way would, if it
            // came last, be a clock that steps back, and would rightly shorten the holds made since.
            sleep(Duration::from_millis(30)).await;
        }
    }
}

impl Instance {
    async fn start(settings: &RawSettings, environment: Environment) -> Self {
        let settings = Settings::parse(settings).unwrap();
        let running = start(&settings, environment).await.unwrap();
        let address = running.address();
        Self { address, http: Some(Http::new(address).unwrap()), running: Some(running) }
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        // The clients hang up first, else the servers wait for them.
        for instance in &mut self.instances {
            instance.http = None;
        }
        let running: Vec<Running> = self.instances.iter_mut().filter_map(|instance| instance.running.take()).collect();
        block_in_place(|| {
            Handle::current().block_on(async {
                for running in running {
                    running.stop().await.unwrap();
                }
            });
        });
    }
}

/// With `FLASHDEAL_LOG=warn` (or as the binary takes it) the shops tell what they would log.
fn show_log() {
    if let Ok(filter) = EnvFilter::try_from_env("FLASHDEAL_LOG") {
        // All shops of this process share one log; the first sets it up.
        let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
    }
}
