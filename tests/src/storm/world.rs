//! The servers of a storm, each instance with proxies of its own in front of both stores.

use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::sync::{Mutex, RwLock};

use crate::http::Http;
use crate::postgres::{Database, PostgresOptions, PrivatePostgres};
use crate::process::{AppOptions, AppProcess};
use crate::proxy::Proxy;
use crate::redis::{PrivateRedis, RedisOptions, url};

use super::options::Options;

/// One instance of the application and its ways to the stores.
#[derive(Debug)]
pub struct Instance {
    /// The process.
    pub app: AppProcess,
    /// Its way to PostgreSQL.
    pub postgres: Proxy,
    /// Its way to Redis.
    pub redis: Proxy,
    /// A client of it.
    pub http: Http,
    /// Held while it is killed or frozen, so that no two faults do so at once.
    pub busy: Mutex<()>,
}

/// All servers. Dropping it ends them.
#[derive(Debug)]
pub struct World {
    /// The instances.
    pub instances: Vec<Instance>,
    /// The record's server.
    pub postgres: PrivatePostgres,
    /// The record.
    pub database: Database,
    /// Held while PostgreSQL is killed or frozen.
    pub postgres_busy: Mutex<()>,
    /// The gate's server; another one after a promotion.
    redis: RwLock<Arc<PrivateRedis>>,
    /// Held while Redis is killed, frozen or replaced.
    pub redis_busy: Mutex<()>,
}

impl World {
    /// Starts everything.
    ///
    /// # Errors
    ///
    /// When a server is not installed or does not start.
    pub async fn start(options: &Options) -> Result<Self> {
        let redis = RedisOptions { persistence: options.persistence, ..RedisOptions::default() };
        let postgres = PostgresOptions { fsync: true, ..PostgresOptions::default() };
        let (postgres, redis) = tokio::try_join!(PrivatePostgres::start(postgres), PrivateRedis::start(redis))?;
        let database = postgres.empty_database().await?;
        let mut instances = Vec::new();
        // One after the other: the first one migrates.
        for _ in 0..options.instances {
            instances.push(Instance::start(options, &postgres, &database, &redis).await?);
        }
        Ok(Self {
            instances,
            postgres,
            database,
            postgres_busy: Mutex::default(),
            redis: RwLock::new(Arc::new(redis)),
            redis_busy: Mutex::default(),
        })
    }

    /// The gate's server of now.
    pub async fn redis(&self) -> Arc<PrivateRedis> {
        Arc::clone(&*self.redis.read().await)
    }

    /// Another server takes the gate's place: all instances are led to it.
    pub async fn replace_redis(&self, redis: PrivateRedis) {
        for instance in &self.instances {
            instance.redis.lead_to(redis.addr());
            instance.redis.cut_all();
        }
        *self.redis.write().await = Arc::new(redis);
    }

    /// The instance that a choice falls on.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn chosen(&self, choice: u64) -> Result<(usize, &Instance)> {
        let count = u64::try_from(self.instances.len())?;
        let index = usize::try_from(choice.checked_rem(count).context("there is no instance")?)?;
        Ok((index, self.instances.get(index).context("there is no such instance")?))
    }

    /// Makes everything run and reachable again.
    ///
    /// # Errors
    ///
    /// When a server does not start.
    pub async fn heal(&self) -> Result<()> {
        let redis = self.redis().await;
        if redis.pid().is_none() {
            redis.restart().await?;
        }
        redis.resume();
        if self.postgres.pid().is_none() {
            self.postgres.restart().await?;
        }
        self.postgres.resume();
        for instance in &self.instances {
            for proxy in [&instance.postgres, &instance.redis] {
                proxy.calm().await?;
            }
            if instance.app.pid().is_none() {
                instance.app.restart().await?;
            }
            instance.app.resume();
        }
        Ok(())
    }
}

impl Instance {
    async fn start(
        options: &Options,
        postgres: &PrivatePostgres,
        database: &Database,
        redis: &PrivateRedis,
    ) -> Result<Self> {
        let to_postgres = Proxy::start(postgres.addr()).await?;
        let to_redis = Proxy::start(redis.addr()).await?;
        let app = AppProcess::start(
            AppOptions::new(&options.binary)
                .env("DATABASE_URL", &database.url_through(to_postgres.addr()))
                .env("REDIS_URL", &url(to_redis.addr()))
                .env("FLASHDEAL_RESERVATION_TTL", &format!("{}ms", options.ttl.as_millis()))
                .env("FLASHDEAL_REQUEST_DEADLINE", &format!("{}ms", options.deadline.as_millis()))
                .env("FLASHDEAL_RATE_LIMIT", "off")
                .env("FLASHDEAL_WORKERS", "1"),
        )
        .await?;
        let http = app.http()?;
        Ok(Self { app, postgres: to_postgres, redis: to_redis, http, busy: Mutex::default() })
    }
}
