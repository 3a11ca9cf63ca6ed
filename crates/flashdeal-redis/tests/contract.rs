//! The port's contract, every case on a Redis of its own, with two instances, as the user with no more rights than it needs that
//! `docker/redis/users.acl` makes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use flashdeal_contract::{LedgerFixture, RecordFixture, RestartFixture, reference};
use flashdeal_domain::{ReservationLedger, StockRepository, WaitingList};
use flashdeal_redis::{LedgerClock, RedisConfig, RedisStore};
use flashdeal_tests::deploy::{REDIS_USER, redis_settings};
use flashdeal_tests::folder::Folder;
use flashdeal_tests::redis::{PrivateRedis, RedisOptions};

/// When the clock stands still, it stands here: 2026-11-22T12:00:00Z.
const NOON: i64 = 1_795_348_800_000;

struct Fresh {
    server: PrivateRedis,
    clock: Arc<LedgerClock>,
    record: Arc<reference::Record>,
    first: RedisStore,
    second: RedisStore,
    _settings: Folder,
}

async fn fresh() -> Fresh {
    let folder = Folder::new("settings").unwrap();
    let mut settings = redis_settings(&folder).unwrap();
    // Killing the server loses nothing either way, since the kernel keeps what was written; a slow disk is nobody's business here.
    settings.push(("appendfsync".to_owned(), "no".to_owned()));
    let server = PrivateRedis::start(RedisOptions { settings, ..RedisOptions::default() }).await.unwrap();
    let url = server.url().replace("://", &format!("://{REDIS_USER}@"));
    let clock = Arc::new(LedgerClock::standing(NOON));
    let connect = async || {
        let config = RedisConfig::parse(&url).unwrap();
        let config = config.with_time_limit(Duration::from_secs(5)).with_clock(Arc::clone(&clock));
        RedisStore::connect(config).await.unwrap()
    };
    let (first, second) = (connect().await, connect().await);
    Fresh {
        record: Arc::new(reference::Record::new(Arc::new(reference::ManualClock::new()))),
        server,
        clock,
        first,
        second,
        _settings: folder,
    }
}

#[async_trait]
impl RecordFixture for Fresh {
    fn record(&self) -> Arc<dyn StockRepository> {
        self.record.clone()
    }

    fn waiting(&self) -> Arc<dyn WaitingList> {
        self.record.clone()
    }
}

#[async_trait]
impl LedgerFixture for Fresh {
    fn ledger(&self) -> Arc<dyn ReservationLedger> {
        Arc::new(self.first.ledger())
    }

    fn second_ledger(&self) -> Arc<dyn ReservationLedger> {
        Arc::new(self.second.ledger())
    }

    async fn advance_clock(&self, by_ms: i64) {
        self.clock.advance(by_ms);
    }

    async fn run_clock(&self) {
        self.clock.run();
    }
}

#[async_trait]
impl RestartFixture for Fresh {
    async fn restart_store(&self) {
        self.server.kill9().await.unwrap();
        self.server.restart().await.unwrap();
        for store in [&self.first, &self.second] {
            while store.ledger().ping().await.is_err() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

flashdeal_contract::ledger_tests!(fresh);
flashdeal_contract::restart_tests!(fresh);
flashdeal_contract::sale_tests!(fresh);
