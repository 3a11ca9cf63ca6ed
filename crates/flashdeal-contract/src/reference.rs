//! The ports in memory: the specification as code, short enough to be read in one sitting. Handy wherever a test needs
//! a port and not a server.
//!
//! One lock around everything makes each call one instant. Nothing here is durable, and nothing is fast. The rules are in
//! `reference/books.rs` (the record) and `reference/gate.rs` (the gate); the rest is plumbing.

mod books;
mod clock;
mod feed;
mod gate;
mod ledger;
mod record;
mod waiting;

pub use clock::ManualClock;
pub use feed::Feed;
pub use ledger::Ledger;
pub use record::Record;
