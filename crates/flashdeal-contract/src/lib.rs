//! The port contract as a test suite that every adapter runs.
//!
//! The docs of the ports in `flashdeal-domain` are the specification; every promise in them is a named case here. An
//! adapter's test says how to make a fresh store, and a macro makes one `#[test]` of each case, so that a broken promise
//! is named in the adapter's own output.
//!
//! | Macro | For | Asks of the fixture |
//! |---|---|---|
//! | [`record_tests!`] | a [`StockRepository`](flashdeal_domain::StockRepository) | [`RecordFixture`] |
//! | [`waiting_tests!`] | the [`WaitingList`](flashdeal_domain::WaitingList) of a record | [`RecordFixture`] |
//! | [`feed_tests!`] | the [`OrderFeed`](flashdeal_domain::OrderFeed) of a record | [`FeedFixture`] |
//! | [`ledger_tests!`] | a [`ReservationLedger`](flashdeal_domain::ReservationLedger) | [`LedgerFixture`] |
//! | [`restart_tests!`] | a ledger whose store can restart on its own | [`RestartFixture`] |
//! | [`sale_tests!`] | the two together | [`LedgerFixture`] |
//!
//! An adapter of one port takes the other from [`mod@reference`], the same specification as code: an adapter of the gate
//! alone answers [`RecordFixture::record`] with a [`reference::Record`]. The suites get every state of the record from
//! that record, never made up, so an adapter of both ports may keep them in one place.
//!
//! # Example
//!
//! In `tests/contract.rs` of an adapter (dev-dependencies: `flashdeal-contract`, `flashdeal-domain`, `async-trait`):
//!
//! ```
//! use std::sync::Arc;
//!
//! use async_trait::async_trait;
//! use flashdeal_contract::{LedgerFixture, RecordFixture, reference};
//! use flashdeal_domain::{ReservationLedger, StockRepository, WaitingList};
//!
//! /// One per case: a store of its own, ended when it is dropped.
//! struct Fresh {
//!     record: Arc<reference::Record>,
//!     ledger: Arc<dyn ReservationLedger>,
//!     clock: Arc<reference::ManualClock>,
//! }
//!
//! #[async_trait]
//! impl RecordFixture for Fresh {
//!     fn record(&self) -> Arc<dyn StockRepository> {
//!         self.record.clone()
//!     }
//!     fn waiting(&self) -> Arc<dyn WaitingList> {
//!         self.record.clone()
//!     }
//! }
//!
//! #[async_trait]
//! impl LedgerFixture for Fresh {
//!     fn ledger(&self) -> Arc<dyn ReservationLedger> {
//!         Arc::clone(&self.ledger)
//!     }
//!     async fn advance_clock(&self, by_ms: i64) {
//!         self.clock.advance(by_ms);
//!     }
//!     async fn run_clock(&self) {
//!         self.clock.run();
//!     }
//! }
//!
//! async fn fresh() -> Fresh {
//!     let clock = Arc::new(reference::ManualClock::new());
//!     Fresh {
//!         record: Arc::new(reference::Record::new(clock.clone())),
//!         ledger: Arc::new(reference::Ledger::new(clock.clone())),
//!         clock,
//!     }
//! }
//!
//! flashdeal_contract::record_tests!(fresh); // record::products::…
//! flashdeal_contract::waiting_tests!(fresh); // waiting::lines::…
//! flashdeal_contract::ledger_tests!(fresh); // ledger::deadlines::…
//! flashdeal_contract::sale_tests!(fresh); // sale::checkouts::…
//! # fn main() {}
//! ```

#![expect(clippy::missing_panics_doc, reason = "a case fails by panicking: that is all it does")]

mod fixture;
mod run;
mod suites;
mod support;

pub mod feed;
pub mod ledger;
pub mod mortal;
pub mod record;
pub mod reference;
pub mod restart;
pub mod sale;
pub mod waiting;

pub use fixture::{FeedFixture, LedgerFixture, RecordFixture, RestartFixture};
pub use run::{Case, run, run_bounded};
