//! The port's contract, every case on a database of its own, as the role that can only sell which `docker/postgres` makes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use flashdeal_contract::{FeedFixture, RecordFixture};
use flashdeal_domain::{OrderFeed, StockRepository, WaitingList};
use flashdeal_postgres::{PostgresConfig, PostgresStore, run_pending_migrations};
use flashdeal_tests::deploy::{APP, MIGRATOR, as_role, grant, make_roles};
use flashdeal_tests::postgres::PrivatePostgres;

/// Two instances on one database.
struct Fresh {
    first: Arc<PostgresStore>,
    second: Arc<PostgresStore>,
}

#[async_trait]
impl RecordFixture for Fresh {
    fn record(&self) -> Arc<dyn StockRepository> {
        self.first.clone()
    }

    fn waiting(&self) -> Arc<dyn WaitingList> {
        self.first.clone()
    }

    fn second_record(&self) -> Arc<dyn StockRepository> {
        self.second.clone()
    }

    fn second_waiting(&self) -> Arc<dyn WaitingList> {
        self.second.clone()
    }
}

#[async_trait]
impl FeedFixture for Fresh {
    fn feed(&self) -> Arc<dyn OrderFeed> {
        self.first.clone()
    }

    fn second_feed(&self) -> Arc<dyn OrderFeed> {
        self.second.clone()
    }

    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

async fn fresh() -> Fresh {
    let server = PrivatePostgres::shared().await.unwrap();
    let prepare = async |url: String| {
        make_roles(&url)?;
        let migrator = as_role(&url, MIGRATOR);
        run_pending_migrations(&PostgresConfig::new(&migrator)).await?;
        grant(&migrator)
    };
    let url = server.fresh_database("migrated", prepare).await.unwrap().url();
    let mut config = PostgresConfig::new(as_role(&url, APP));
    // The cases run side by side, each with two instances.
    config.max_connections = 4;
    config.call_timeout = Duration::from_secs(10);
    Fresh {
        first: Arc::new(PostgresStore::connect(config.clone()).await.unwrap()),
        second: Arc::new(PostgresStore::connect(config).await.unwrap()),
    }
}

flashdeal_contract::record_tests!(fresh);
flashdeal_contract::waiting_tests!(fresh);
flashdeal_contract::feed_tests!(fresh);
