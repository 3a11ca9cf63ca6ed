//! Both ports in memory: the specification as code, short enough to be read in one sitting. Handy wherever a test needs
//! a port and not a server.
//!
//! One lock around everything makes each call one instant. Nothing here is durable, and nothing is fast.

mod clock;
mod fault;
mod ledger;
mod record;

pub use clock::ManualClock;
pub use fault::Fault;
pub use ledger::Ledger;
pub use record::Record;
