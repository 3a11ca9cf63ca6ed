//! The suite against the reference implementation: what is specified can be done.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use flashdeal_contract::{FeedFixture, LedgerFixture, RecordFixture, RestartFixture, reference};
use flashdeal_domain::{OrderFeed, ReservationLedger, StockRepository, WaitingList};

struct Fresh {
    record: Arc<reference::Record>,
    feed: Arc<reference::Feed>,
    ledger: Arc<reference::Ledger>,
    clock: Arc<reference::ManualClock>,
}

async fn fresh() -> Fresh {
    let clock = Arc::new(reference::ManualClock::new());
    let record = Arc::new(reference::Record::new(clock.clone()));
    Fresh {
        feed: Arc::new(reference::Feed::new(record.clone(), clock.clone())),
        record,
        ledger: Arc::new(reference::Ledger::new(clock.clone())),
        clock,
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
impl FeedFixture for Fresh {
    fn feed(&self) -> Arc<dyn OrderFeed> {
        self.feed.clone()
    }

    async fn pass(&self, time: Duration) {
        self.clock.advance(i64::try_from(time.as_millis()).unwrap_or(i64::MAX));
    }
}

#[async_trait]
impl LedgerFixture for Fresh {
    fn ledger(&self) -> Arc<dyn ReservationLedger> {
        self.ledger.clone()
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
        self.ledger.restart();
    }
}

flashdeal_contract::record_tests!(fresh);
flashdeal_contract::waiting_tests!(fresh);
flashdeal_contract::feed_tests!(fresh);
flashdeal_contract::ledger_tests!(fresh);
flashdeal_contract::restart_tests!(fresh);
flashdeal_contract::sale_tests!(fresh);
