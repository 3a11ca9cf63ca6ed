//! The port contract, both ports in one file.

#![expect(clippy::unwrap_used, reason = "it fails by panicking")]

#[path = "support/store.rs"]
mod support;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use flashdeal_contract::{FeedFixture, LedgerFixture, RecordFixture, reference};
use flashdeal_domain::{OrderFeed, ReservationLedger, StockRepository, WaitingList};
use flashdeal_embedded::EmbeddedStore;

use support::Folder;

/// One per case: a store in a folder of its own, which goes with it.
struct Fresh {
    store: EmbeddedStore,
    clock: Arc<reference::ManualClock>,
    _folder: Folder,
}

#[async_trait]
impl RecordFixture for Fresh {
    fn record(&self) -> Arc<dyn StockRepository> {
        Arc::new(self.store.clone())
    }

    fn waiting(&self) -> Arc<dyn WaitingList> {
        Arc::new(self.store.clone())
    }
}

#[async_trait]
impl FeedFixture for Fresh {
    fn feed(&self) -> Arc<dyn OrderFeed> {
        Arc::new(self.store.clone())
    }

    async fn pass(&self, time: Duration) {
        self.clock.advance(i64::try_from(time.as_millis()).unwrap());
    }
}

#[async_trait]
impl LedgerFixture for Fresh {
    fn ledger(&self) -> Arc<dyn ReservationLedger> {
        Arc::new(self.store.clone())
    }

    async fn advance_clock(&self, by_ms: i64) {
        self.clock.advance(by_ms);
    }

    async fn run_clock(&self) {
        self.clock.run();
    }
}

async fn fresh() -> Fresh {
    let folder = Folder::new();
    let clock = Arc::new(reference::ManualClock::new());
    let store = EmbeddedStore::open(folder.path(), clock.clone()).unwrap();
    Fresh { store, clock, _folder: folder }
}

flashdeal_contract::record_tests!(fresh);
flashdeal_contract::waiting_tests!(fresh);
flashdeal_contract::feed_tests!(fresh);
flashdeal_contract::ledger_tests!(fresh);
flashdeal_contract::sale_tests!(fresh);
