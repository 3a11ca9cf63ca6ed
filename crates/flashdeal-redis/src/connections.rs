//! The connections of the hot path: one for each thread that calls, shared by everything it asks, reconnecting by itself. The batches
//! of the gate have a thread to themselves; the others count requests for the rate limit, and look after the gate.
//!
//! Calls of one thread are pipelined on one connection whose replies arrive on the same thread, so that no answer hops between
//! threads. A connection that broke is replaced by the next call; while that fails, further calls fail at once until a jittered
//! pause is over, so that a Redis that comes back is not stormed.

mod line;
mod maker;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use deadpool_redis::redis::{Cmd, RedisError, Value};
use flashdeal_domain::StoreError;
use tokio::time::{sleep, timeout};

use self::line::Line;
use self::maker::Maker;
use crate::config::RedisConfig;
use crate::error::{self, ConnectError, STORE};

/// More threads than this share connections.
const LINES: usize = 64;
/// The pause before a node of a cluster is asked again that refused a call because slots are on the move.
const REDIRECT_PAUSE: Duration = Duration::from_millis(20);

/// A call took longer than the adapter's own limit.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("no answer within {0:?}")]
pub(crate) struct TooSlow(Duration);

pub(crate) struct Connections {
    lines: Box<[Line]>,
    maker: Maker,
    limit: Duration,
}

impl Connections {
    /// Prepares the connections; the first of each thread is made by its first call.
    pub(crate) fn new(config: &RedisConfig) -> Result<Self, ConnectError> {
        Ok(Self {
            lines: (0..LINES).map(|_| Line::default()).collect(),
            maker: Maker::new(&config.topology)?,
            limit: config.time_limit,
        })
    }

    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }

    pub(crate) fn is_cluster(&self) -> bool {
        self.maker.is_cluster()
    }

    /// Sends one command on this thread's connection.
    ///
    /// `NOSCRIPT` is the caller's to mend. A call is never repeated here unless Redis said that it did nothing.
    pub(crate) async fn call(&self, command: &Cmd) -> Result<Result<Value, RedisError>, StoreError> {
        let Some(line) = self.lines.get(line_of_this_thread()) else {
            return Err(StoreError::failed(STORE, "no such line"));
        };
        if let Ok(result) = timeout(self.limit, self.call_on(line, command)).await {
            return Ok(result);
        }
        // Perhaps nobody is at the other end any more; a new connection finds out.
        line.broke();
        Err(StoreError::unavailable(STORE, TooSlow(self.limit)))
    }

    async fn call_on(&self, line: &Line, command: &Cmd) -> Result<Value, RedisError> {
        loop {
            let result = match line.get(&self.maker).await {
                Ok(mut connection) => connection.call(command).await,
                Err(error) => Err(error),
            };
            let Err(problem) = &result else {
                return result;
            };
            if self.is_cluster() && error::is_wrong_node(problem) {
                // The client has taken the hint and asks for the slots anew; the caller's time limit ends this.
                sleep(REDIRECT_PAUSE).await;
                continue;
            }
            if problem.is_unrecoverable_error() || error::is_wrong_node(problem) {
                line.broke();
            }
            return result;
        }
    }
}

fn line_of_this_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static ORDINAL: usize = NEXT.fetch_add(1, Ordering::Relaxed) % LINES;
    }
    ORDINAL.with(|ordinal| *ordinal)
}
