//! The ports: what a store, a clock and a runtime must do for [`FlashSale`](crate::FlashSale).
//!
//! The docs of each port are its whole specification: an adapter author needs nothing else. The suite in
//! `flashdeal-contract` tests every promise written here.

pub mod books;
pub mod environment;
pub mod feed;
pub mod record;
pub mod reservation;
pub mod waiting;

use std::sync::Arc;

pub use books::{GateBooks, RecordBooks};
pub use environment::{Clock, IdSource, Observer, Runtime, SaleEvent, Unobserved};
pub use feed::{FeedPage, LeaseToken, OrderFeed, Position, Reader, Standing};
pub use record::{
    Change, ChangeOutcome, CheckoutKey, Commit, KeyedOrder, Sale, Settlement, StockChange, StockRepository, Withdrawal,
};
pub use reservation::{
    BeginOutcome, Caller, Finish, GateView, Hold, LedgerError, OpeningToken, PayingHold, ReleaseOutcome,
    ReservationLedger, ReserveCall, ReserveOutcome,
};
pub use waiting::{JoinOutcome, Place, Waiting, WaitingList, Wish};

/// Everything a [`FlashSale`](crate::FlashSale) is wired from.
#[derive(Clone)]
pub struct Ports {
    /// The record.
    pub record: Arc<dyn StockRepository>,
    /// The gate.
    pub ledger: Arc<dyn ReservationLedger>,
    /// The waiting lists of that record.
    pub waiting: Arc<dyn WaitingList>,
    /// The server's clock: dates products; never decides a hold.
    pub clock: Arc<dyn Clock>,
    /// Where ids come from.
    pub ids: Arc<dyn IdSource>,
    /// Where tasks run and timers tick.
    pub runtime: Arc<dyn Runtime>,
    /// Who is told what happened behind the scenes.
    pub observer: Arc<dyn Observer>,
}
