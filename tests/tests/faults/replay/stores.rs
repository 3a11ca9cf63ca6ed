//! The stores that the walks are replayed against. The gate's clock stands still where it can, so that no leave to open it lapses
//! on a busy machine.

use std::sync::Arc;
use std::time::Duration;

use flashdeal_contract::reference;
use flashdeal_domain::{ProductId, ReservationLedger, StockRepository};
use flashdeal_embedded::EmbeddedStore;
use flashdeal_postgres::{PostgresConfig, PostgresStore, run_pending_migrations};
use flashdeal_redis::{LedgerClock, RedisConfig, RedisStore};
use flashdeal_tests::folder::Folder;
use flashdeal_tests::postgres::PrivatePostgres;
use flashdeal_tests::redis::{PrivateRedis, RedisOptions};

/// A record and a gate.
pub(super) struct Stores {
    pub(super) record: Arc<dyn StockRepository>,
    pub(super) ledger: Arc<dyn ReservationLedger>,
    /// One transaction settles a hold and ends it, where both ports are one store: there is nothing in between to compare.
    pub(super) ends_holds_when_settled: bool,
}

impl Stores {
    /// The gate forgets a product, and whatever leave to open it there was.
    pub(super) async fn flush(&self, product: ProductId) {
        self.ledger.forget(product).await.unwrap();
        // A leave that nobody will use ends the one before it.
        self.ledger.claim_opening(product).await.unwrap();
    }
}

pub(super) fn reference() -> Stores {
    let clock = Arc::new(reference::ManualClock::new());
    Stores {
        record: Arc::new(reference::Record::new(clock.clone())),
        ledger: Arc::new(reference::Ledger::new(clock)),
        ends_holds_when_settled: false,
    }
}

pub(super) fn embedded() -> (Folder, Stores) {
    let folder = Folder::new("walks").unwrap();
    let store = Arc::new(EmbeddedStore::open(folder.path(), Arc::new(reference::ManualClock::new())).unwrap());
    (folder, Stores { record: store.clone(), ledger: store, ends_holds_when_settled: true })
}

pub(super) async fn distributed() -> (PrivateRedis, Stores) {
    let postgres = PrivatePostgres::shared().await.unwrap();
    let migrate = async |url: String| Ok(run_pending_migrations(&PostgresConfig::new(url)).await?);
    let database = postgres.fresh_database("walks", migrate).await.unwrap();
    let mut config = PostgresConfig::new(database.url());
    config.call_timeout = Duration::from_secs(10);
    let redis = PrivateRedis::start(RedisOptions::default()).await.unwrap();
    let clock = Arc::new(LedgerClock::standing(1_795_348_800_000));
    let gate = RedisConfig::parse(&redis.url()).unwrap().with_time_limit(Duration::from_secs(10)).with_clock(clock);
    let stores = Stores {
        record: Arc::new(PostgresStore::connect(config).await.unwrap()),
        ledger: Arc::new(RedisStore::connect(gate).await.unwrap().ledger()),
        ends_holds_when_settled: false,
    };
    (redis, stores)
}
