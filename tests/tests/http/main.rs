//! The HTTP contract: one set of cases, asked of the embedded server, of two instances over PostgreSQL and Redis, and of two over
//! PostgreSQL and a Redis Cluster of three primaries.
//!
//! A case is an async function that gets a [`Mode`](shop::Mode) and opens a [`Shop`](shop::Shop) in it; `cases!` makes three tests
//! of it, `embedded::case`, `distributed::case` and `cluster::case`. With two instances the calls of a shop alternate between them.
//! Every answer of a shop is checked for what the contract says of all answers (see `reply.rs`), and an assertion that fails
//! prints the request and the answer.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]
#![expect(clippy::similar_names, reason = "a mode and what was made in it are not taken for each other")]

#[macro_use]
mod cases;

mod reply;
mod shop;

mod audits;
mod backups;
mod board;
mod bodies;
mod checkout;
mod cors;
mod crashes;
mod crowds;
mod docs;
mod encrypted;
mod examples;
mod exports;
mod failover;
mod fields;
mod health;
mod idempotency;
mod imports;
mod jwt;
mod keys;
mod languages;
mod lapses;
mod least_rights;
mod lists;
mod logs;
mod manifests;
mod money;
mod outages;
mod patch;
mod processes;
mod products;
mod rate_limit;
mod rate_limit_clients;
mod rehearsals;
mod request_lines;
mod reserve;
mod routing;
mod rust_client;
mod slow;
mod starting;
mod terms;
mod users;
mod waitlist;
mod webhooks;
