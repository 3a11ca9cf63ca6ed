//! The clocks of a shop, which tests move.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use flashdeal_app::environment::SystemClock;
use flashdeal_app::startup::Environment;
use flashdeal_domain::Timestamp;
use flashdeal_domain::ports::Clock;
use flashdeal_redis::LedgerClock;

/// The clock of the server and that of the gates, moved together.
#[derive(Clone)]
pub(crate) struct TestClock {
    server: Arc<ServerClock>,
    redis: Arc<LedgerClock>,
}

/// The machine's clock, moved, or one that stands still until it is moved.
#[derive(Debug)]
struct ServerClock {
    /// Where it stands, in milliseconds since 1970; `None` if it runs.
    stands: Option<i64>,
    /// Added to it, in milliseconds.
    moved: AtomicI64,
}

impl TestClock {
    /// Clocks that run like the machine's.
    pub(crate) fn running() -> Self {
        Self::new(None)
    }

    /// Clocks that stand still at the machine's time: what happens between two moves happens at one instant.
    pub(crate) fn standing() -> Self {
        Self::new(Some(SystemClock.now().as_millis()))
    }

    fn new(stands: Option<i64>) -> Self {
        let redis = stands.map_or_else(LedgerClock::new, LedgerClock::standing);
        Self { server: Arc::new(ServerClock { stands, moved: AtomicI64::new(0) }), redis: Arc::new(redis) }
    }

    pub(crate) fn environment(&self) -> Environment {
        let clock: Arc<dyn Clock> = self.server.clone();
        Environment { clock, redis_clock: Arc::clone(&self.redis) }
    }

    /// Milliseconds since 1970.
    pub(crate) fn millis(&self) -> i64 {
        self.server.now().as_millis()
    }

    /// Moves it by milliseconds, backwards if negative.
    pub(crate) fn move_by(&self, millis: i64) {
        self.server.moved.fetch_add(millis, Ordering::SeqCst);
        self.redis.advance(millis);
    }
}

impl Clock for ServerClock {
    fn now(&self) -> Timestamp {
        let now = self.stands.unwrap_or_else(|| SystemClock.now().as_millis());
        Timestamp::from_millis(now + self.moved.load(Ordering::SeqCst))
    }
}
