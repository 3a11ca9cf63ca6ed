//! What the contract's suite cannot ask of any store: PostgreSQL's own faults, its schema, and batches with a bad item in them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod batches;
mod faults;
mod feed;
mod ledger;
mod migrations;
mod settings;
mod support;
mod tls;
