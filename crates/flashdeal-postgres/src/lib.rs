//! The record on PostgreSQL: [`StockRepository`](flashdeal_domain::StockRepository) through diesel-async.
//!
//! Every method is one statement to the server, most of them a call of a function from `migrations/postgres`, so none can be
//! left half done. Sales and voids that wait at the same time share one statement (`commit_batch`, `void_batch`).
//! The store is the [`OrderFeed`](flashdeal_domain::OrderFeed) and the [`WaitingList`](flashdeal_domain::WaitingList) of that record,
//! too.
//!
//! ```no_run
//! use flashdeal_postgres::{PostgresConfig, PostgresStore, run_pending_migrations};
//!
//! # async fn start() -> Result<(), Box<dyn std::error::Error>> {
//! let config = PostgresConfig::new("postgres://flashdeal@localhost/flashdeal");
//! run_pending_migrations(&config).await?;
//! let store = PostgresStore::connect(config).await?;
//! for warning in store.warnings() {
//!     eprintln!("warning: {warning}");
//! }
//! # Ok(())
//! # }
//! ```

mod batch;
mod books;
mod commits;
mod config;
mod connection;
mod door;
mod error;
mod feed;
mod migrations;
mod openings;
mod pool;
mod queries;
mod rows;
mod schema;
mod store;
mod survey;
mod tls;
mod voids;
mod waiting;

pub use config::PostgresConfig;
pub use error::ConnectError;
pub use migrations::{revert_all_migrations, run_pending_migrations};
pub use store::PostgresStore;
