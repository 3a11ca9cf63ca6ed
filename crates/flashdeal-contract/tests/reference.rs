//! The suite against the reference implementation: what is specified can be done.

use std::sync::Arc;

use async_trait::async_trait;
use flashdeal_contract::{LedgerFixture, RecordFixture, RestartFixture, reference};
use flashdeal_domain::{ReservationLedger, StockRepository};

struct Fresh {
    record: Arc<reference::Record>,
    ledger: Arc<reference::Ledger>,
    clock: Arc<reference::ManualClock>,
}

async fn fresh() -> Fresh {
    let clock = Arc::new(reference::ManualClock::new());
    Fresh {
        record: Arc::new(reference::Record::new(clock.clone())),
        ledger: Arc::new(reference::Ledger::new(clock.clone())),
        clock,
    }
}

#[async_trait]
impl RecordFixture for Fresh {
    fn record(&self) -> Arc<dyn StockRepository> {
        self.record.clone()
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
flashdeal_contract::ledger_tests!(fresh);
flashdeal_contract::restart_tests!(fresh);
flashdeal_contract::sale_tests!(fresh);
