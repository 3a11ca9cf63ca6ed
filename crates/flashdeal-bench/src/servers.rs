//! What is measured: the server in either mode and the two baselines, each a process of its own with stores of its own.

use std::env;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use flashdeal_tests::postgres::{Database, PrivatePostgres};
use flashdeal_tests::process::{AppOptions, AppProcess};
use flashdeal_tests::redis::{Persistence, PrivateRedis, RedisOptions};

use crate::load::{Plan, drive};
use crate::numbers::float;
use crate::scripts::Creates;
use crate::shop::Shop;

/// What answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Parses the same JSON and answers a body of the same size; knows nothing.
    Echo,
    /// The same handler with one Redis script per request through a pool.
    Script,
    /// The server on PostgreSQL and Redis.
    Distributed,
    /// The server on one file.
    Embedded,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Echo => "bare echo",
            Self::Script => "script per request",
            Self::Distributed => "distributed",
            Self::Embedded => "embedded",
        }
    }
}

/// The products of the baselines, which do not make their own.
const BASELINE_PRODUCT: &str = "0198a000-0000-7000-8000-000000000001";
/// A budget that no load uses up, counted all the same.
const RATE_LIMIT: &str = "4000000000/15m";

/// How servers are started.
#[derive(Debug)]
pub(crate) struct Setting {
    pub(crate) binary: PathBuf,
    pub(crate) workers: usize,
    pub(crate) postgres: PrivatePostgres,
    pub(crate) connections: usize,
}

/// What one server has of its own.
#[derive(Debug, Clone)]
pub(crate) struct Wants {
    pub(crate) kind: Kind,
    pub(crate) persistence: Persistence,
    /// The hold time, if not the default.
    pub(crate) hold_time: Option<String>,
}

impl Wants {
    /// Stores as the promises need them, and the default hold time.
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind, persistence: Persistence::Always, hold_time: None }
    }
}

/// A server that runs. Dropping it ends it and its Redis.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) kind: Kind,
    pub(crate) app: AppProcess,
    pub(crate) redis: Option<PrivateRedis>,
    pub(crate) database: Option<Database>,
}

impl Setting {
    /// Starts a server with empty stores.
    ///
    /// # Errors
    /// When it or a store does not start.
    pub(crate) async fn start(&self, wants: &Wants) -> Result<Target> {
        let redis = match wants.kind {
            Kind::Script | Kind::Distributed => {
                let options = RedisOptions { persistence: wants.persistence, ..RedisOptions::default() };
                Some(PrivateRedis::start(options).await?)
            }
            Kind::Echo | Kind::Embedded => None,
        };
        let database = match wants.kind {
            Kind::Distributed => Some(self.postgres.empty_database().await?),
            _ => None,
        };
        let options = self.options(wants, redis.as_ref(), database.as_ref(), None)?;
        Ok(Target { kind: wants.kind, app: AppProcess::start(options).await?, redis, database })
    }

    /// The program and its settings. `data_dir`: where an embedded server keeps its file, if not in its own folder.
    ///
    /// # Errors
    /// When this program cannot find itself.
    pub(crate) fn options(
        &self,
        wants: &Wants,
        redis: Option<&PrivateRedis>,
        database: Option<&Database>,
        data_dir: Option<&str>,
    ) -> Result<AppOptions> {
        let mut options = match wants.kind {
            Kind::Echo | Kind::Script => {
                AppOptions::new(env::current_exe().context("cannot find this program")?).arg("baseline")
            }
            Kind::Distributed | Kind::Embedded => AppOptions::new(&self.binary).env("FLASHDEAL_RATE_LIMIT", RATE_LIMIT),
        };
        options = options.env("FLASHDEAL_WORKERS", &self.workers.to_string());
        if let Some(hold_time) = &wants.hold_time {
            options = options.env("FLASHDEAL_RESERVATION_TTL", hold_time);
        }
        if let Some(redis) = redis {
            options = options.env("REDIS_URL", &redis.url());
        }
        if let Some(database) = database {
            options = options.env("DATABASE_URL", &database.url());
        }
        if let Some(data_dir) = data_dir {
            options = options.env("FLASHDEAL_DATA_DIR", data_dir);
        }
        Ok(options)
    }

    /// A shop of new products on a server, each with so much stock.
    ///
    /// # Errors
    /// When they cannot be made.
    pub(crate) async fn shop(&self, target: &Target, products: usize, stock: u64) -> Result<Shop> {
        let id = BASELINE_PRODUCT.to_owned();
        match target.kind {
            Kind::Echo => Ok(Shop::with(std::iter::repeat_n(id, products), stock)),
            Kind::Script => {
                ensure!(products == 1, "the script baseline has one product");
                let redis = target.redis.as_ref().context("a script needs Redis")?;
                redis.flush().await?;
                redis.command(&["HSET", &format!("{{{id}}}"), "total", &stock.to_string(), "reserved", "0"]).await?;
                Ok(Shop::with([id], stock))
            }
            Kind::Distributed | Kind::Embedded => {
                let mut shop = Shop::default();
                let plan = Plan::until_done(self.connections.min(products));
                drive(target.addr(), plan, &mut Creates { shop: &mut shop, left: products, stock })?;
                ensure!(shop.accounts.len() == products, "not every product was created");
                Ok(shop)
            }
        }
    }
}

impl Target {
    pub(crate) fn addr(&self) -> SocketAddr {
        self.app.addr()
    }

    /// The most memory its process has had so far, in bytes.
    ///
    /// # Errors
    /// When it is gone.
    pub(crate) fn peak_memory(&self) -> Result<u64> {
        let pid = self.app.pid().context("the server is gone")?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("the server is gone")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().context("a VmHWM that is no number")?;
        Ok(kib * 1024)
    }

    /// What its Redis uses, in bytes; `None` without a Redis.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub(crate) async fn redis_memory(&self) -> Result<Option<f64>> {
        let Some(redis) = &self.redis else { return Ok(None) };
        let info = redis.command(&["INFO", "memory"]).await?;
        let line = info.text().and_then(|info| info.lines().find_map(|line| line.strip_prefix("used_memory:")));
        let bytes: u64 = line.context("no used_memory")?.trim().parse().context("a used_memory that is no number")?;
        Ok(Some(float(bytes)))
    }
}
