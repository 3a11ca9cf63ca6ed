//! What an adapter's test brings: a fresh store per case, and power over its clock.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use flashdeal_domain::{OrderFeed, ReservationLedger, StockRepository, WaitingList};

/// A fresh record: empty, and seen by no other case. Dropped when the case ends.
#[async_trait]
pub trait RecordFixture: Send + Sync {
    /// The record. An adapter of the gate alone answers with a [`reference::Record`](crate::reference::Record).
    fn record(&self) -> Arc<dyn StockRepository>;

    /// The waiting lists of that record.
    fn waiting(&self) -> Arc<dyn WaitingList>;

    /// Another instance of the adapter on the same store, as another server has one. The same object where a store has
    /// only one server.
    fn second_record(&self) -> Arc<dyn StockRepository> {
        self.record()
    }

    /// The waiting lists of [`RecordFixture::second_record`].
    fn second_waiting(&self) -> Arc<dyn WaitingList> {
        self.waiting()
    }
}

/// A fresh record with the feed of its orders.
#[async_trait]
pub trait FeedFixture: RecordFixture {
    /// The feed.
    fn feed(&self) -> Arc<dyn OrderFeed>;

    /// Another instance of the adapter on the same store, as another server has one.
    fn second_feed(&self) -> Arc<dyn OrderFeed> {
        self.feed()
    }

    /// Lets at least this much time pass by the store's clock.
    async fn pass(&self, time: Duration);
}

/// A fresh gate, and the record behind it.
///
/// Its clock stands still unless it is moved, so that a case can stand one millisecond before a deadline and at it.
#[async_trait]
pub trait LedgerFixture: RecordFixture {
    /// The gate. An adapter of the record alone answers with a [`reference::Ledger`](crate::reference::Ledger).
    fn ledger(&self) -> Arc<dyn ReservationLedger>;

    /// Another instance of the adapter on the same store, as another server has one.
    fn second_ledger(&self) -> Arc<dyn ReservationLedger> {
        self.ledger()
    }

    /// Moves the ledger's clock by exactly this many milliseconds, backwards if negative.
    async fn advance_clock(&self, by_ms: i64);

    /// Lets the ledger's clock run with real time from now on; it may jump to do so. Called on a gate without holds.
    async fn run_clock(&self);
}

/// A gate whose store can be restarted under it.
#[async_trait]
pub trait RestartFixture: LedgerFixture {
    /// Restarts the gate's store: another run of it, with the memory it had. Answers when calls can reach it again.
    async fn restart_store(&self);
}
