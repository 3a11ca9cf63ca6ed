//! The checkout protocol as a state machine, and a checker that searches all of it.
//!
//! Everything has the name it has in the design and in the ports: [`record`] is what `StockRepository` does
//! (`commit_batch`, `void_batch`, `open_epoch`), [`gate`] what `ReservationLedger` does (`reserve`, `begin`, `finish`,
//! `release`, `adopt`, `claim_opening`, `open`), [`checkout`] the program of one attempt, [`background`] load and reopen,
//! settle, reconcile and restock, [`faults`] time and the loss of memory. [`promises`] are the properties; [`rules`] are the
//! switches that show what each rule of the protocol is for.
//!
//! A [`Step`] is one call of a port, or a fault. The checker takes them in every order ([`report::search`]). Model and code
//! are tied by [`walk::walks`]: random walks with what each step must answer, to be replayed against the adapters.
//!
//! What it leaves out: prices, names, idempotency keys and the terms of a sale, which promise no stock; a record that forgets, since nothing
//! survives that; batches of more than one sale, which the record does one by one under one lock.

pub mod background;
pub mod checkout;
pub mod config;
pub mod faults;
pub mod gate;
pub mod ids;
pub mod model;
pub mod promises;
pub mod record;
pub mod report;
pub mod rules;
pub mod state;
pub mod step;
pub mod symmetry;
pub mod walk;

pub use config::{Budget, Config};
pub use model::Protocol;
pub use rules::Rules;
pub use state::State;
pub use step::{Answer, Step};
pub use walk::{Expected, walks};
