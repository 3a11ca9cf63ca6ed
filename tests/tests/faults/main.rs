//! Faults: short storms of every kind, histories checked for linearizability, and the model's walks replayed against the stores.
//!
//! `cargo run -p flashdeal-tests --bin storm -- --help` has the long ones.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking, in its helpers too")]

mod checker;
mod histories;
mod kept;
mod plans;
mod replay;
mod storms;
