//! The gate and the shared rate limit on Redis 7.0 or later.
//!
//! [`RedisStore::connect`] gives a [`RedisLedger`], which is the [`ReservationLedger`](flashdeal_domain::ReservationLedger) of
//! the domain. One server, a Redis Cluster and sentinels all serve; see [`RedisConfig::parse`].
//!
//! How it works, from the outside in:
//!
//! - `ledger`: each method of the port is an operation, submitted to a batcher that all threads share;
//! - `thread`: what runs the batches, so that Redis never waits for a thread that is busy with callers;
//! - `gate`: a batch is one call of one script (`scripts/gate/*.lua`) on that thread's connection;
//! - `connections`: one pipelined connection a thread, which reconnects by itself; `pool`: the rest.
//!
//! # Example
//!
//! ```no_run
//! use flashdeal_domain::ReservationLedger;
//! use flashdeal_redis::{RedisConfig, RedisStore};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let store = RedisStore::connect(RedisConfig::parse("redis://127.0.0.1:6379")?).await?;
//! for sentence in store.warnings().await {
//!     eprintln!("{sentence}");
//! }
//! store.ledger().ping().await?;
//! # Ok(())
//! # }
//! ```

mod books;
mod clock;
mod config;
mod connections;
mod dice;
mod error;
mod gate;
mod keys;
mod ledger;
mod pool;
mod rate_limit;
mod refused;
mod registry;
mod tally;
mod thread;
mod warnings;

use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::cmd;

pub use self::clock::LedgerClock;
pub use self::config::RedisConfig;
use self::connections::Connections;
pub use self::error::ConnectError;
use self::gate::Gate;
pub use self::ledger::RedisLedger;
use self::pool::Pool;
pub use self::rate_limit::{Decision, SharedRateLimit};

/// A Redis that was reached once. Cheap to clone.
#[derive(Clone)]
pub struct RedisStore {
    ledger: RedisLedger,
    connections: Arc<Connections>,
    pool: Arc<Pool>,
}

impl RedisStore {
    /// Connects, and makes sure that Redis answers. From then on it recovers by itself from whatever happens to Redis.
    ///
    /// # Errors
    /// [`ConnectError::Unreachable`] if Redis does not answer within the configured time limit; [`ConnectError::Thread`].
    pub async fn connect(config: RedisConfig) -> Result<Self, ConnectError> {
        let connections = Arc::new(Connections::new(&config)?);
        let pool = Arc::new(Pool::new(&config)?);
        let reached = pool.query::<()>(&cmd("PING")).await;
        reached.map_err(|cause| ConnectError::Unreachable {
            address: config.address(),
            advice: error::advice(config.encrypts(), &cause),
            cause,
        })?;
        let gate = Gate::new(Arc::clone(&connections), Arc::clone(&config.clock));
        let ledger = RedisLedger::new(gate, Arc::clone(&connections), Arc::clone(&pool))?;
        Ok(Self { ledger, connections, pool })
    }

    /// The gate.
    #[must_use]
    pub fn ledger(&self) -> RedisLedger {
        self.ledger.clone()
    }

    /// A limit of `limit` requests in each `window` (at least a millisecond) for each client, shared by all instances on this
    /// Redis that count with the same numbers.
    #[must_use]
    pub fn rate_limit(&self, limit: u64, window: Duration) -> SharedRateLimit {
        SharedRateLimit::new(Arc::clone(&self.connections), limit, window)
    }

    /// Sentences for an operator, one for each setting of Redis that puts a promise at risk. None if they are as they should be
    /// or cannot be read.
    pub async fn warnings(&self) -> Vec<String> {
        warnings::warnings(&self.pool).await
    }
}
