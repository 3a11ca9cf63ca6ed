//! Which adapters stand behind the ports: embedded, or PostgreSQL and Redis.

use std::sync::Arc;

use anyhow::Context;
use flashdeal_domain::{OrderFeed, ReservationLedger, StockRepository, WaitingList};
use flashdeal_embedded::EmbeddedStore;
use flashdeal_postgres::{PostgresConfig, PostgresStore};
use flashdeal_redis::{RedisConfig, RedisStore, SharedRateLimit};

use crate::middleware::rate_limit::Budget;
use crate::settings::{Mode, Settings};

use super::Environment;

/// The stores of one server.
pub(super) enum Stores {
    Embedded(EmbeddedStore),
    Distributed { postgres: PostgresStore, redis: RedisStore },
}

impl Stores {
    /// Opens them, with their schemas brought up to date.
    pub(super) async fn open(settings: &Settings, environment: &Environment) -> anyhow::Result<Self> {
        match &settings.mode {
            Mode::Embedded { data_dir } => {
                let store = EmbeddedStore::open(data_dir, Arc::clone(&environment.clock))
                    .with_context(|| format!("cannot open the embedded store in {}", data_dir.display()))?;
                Ok(Self::Embedded(store))
            }
            Mode::Distributed { database_url, redis_url } => {
                let config = PostgresConfig::new(database_url);
                flashdeal_postgres::run_pending_migrations(&config).await.context(
                    "cannot bring PostgreSQL's schema up to date (`flashdeal migrate` does, as a role that may change it)",
                )?;
                let postgres = PostgresStore::connect(config).await.context("cannot connect to PostgreSQL")?;
                let config = RedisConfig::parse(redis_url)
                    .context("REDIS_URL cannot be used")?
                    .with_clock(Arc::clone(&environment.redis_clock));
                let redis = Box::pin(RedisStore::connect(config)).await?;
                Ok(Self::Distributed { postgres, redis })
            }
        }
    }

    pub(super) fn mode(&self) -> &'static str {
        match self {
            Self::Embedded(_) => "embedded",
            Self::Distributed { .. } => "distributed",
        }
    }

    pub(super) fn record(&self) -> Arc<dyn StockRepository> {
        match self {
            Self::Embedded(store) => Arc::new(store.clone()),
            Self::Distributed { postgres, .. } => Arc::new(postgres.clone()),
        }
    }

    pub(super) fn feed(&self) -> Arc<dyn OrderFeed> {
        match self {
            Self::Embedded(store) => Arc::new(store.clone()),
            Self::Distributed { postgres, .. } => Arc::new(postgres.clone()),
        }
    }

    pub(super) fn waiting(&self) -> Arc<dyn WaitingList> {
        match self {
            Self::Embedded(store) => Arc::new(store.clone()),
            Self::Distributed { postgres, .. } => Arc::new(postgres.clone()),
        }
    }

    pub(super) fn ledger(&self) -> Arc<dyn ReservationLedger> {
        match self {
            Self::Embedded(store) => Arc::new(store.clone()),
            Self::Distributed { redis, .. } => Arc::new(redis.ledger()),
        }
    }

    /// The count that all instances share, where there is one.
    pub(super) fn shared_rate_limit(&self, budget: Budget) -> Option<SharedRateLimit> {
        match self {
            Self::Embedded(_) => None,
            Self::Distributed { redis, .. } => Some(redis.rate_limit(budget.requests.get().into(), budget.window)),
        }
    }

    /// What is at risk with the stores as they are configured.
    pub(super) async fn warnings(&self) -> Vec<String> {
        match self {
            Self::Embedded(_) => Vec::new(),
            Self::Distributed { postgres, redis } => {
                let mut warnings = postgres.warnings().to_vec();
                warnings.extend(Box::pin(redis.warnings()).await);
                warnings
            }
        }
    }

    /// Everything acknowledged is on disk already; this leaves the files tidy.
    pub(super) async fn close(self) {
        if let Self::Embedded(store) = self {
            store.close().await;
        }
    }
}
