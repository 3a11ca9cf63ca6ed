//! The connection of one thread.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deadpool_redis::redis::RedisError;
use tokio::time::Instant;

use super::maker::{Connection, Maker};
use crate::dice;

/// The shortest and the longest pause between two attempts to connect.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// The connection of one thread, made when it is first needed and replaced when it was lost.
#[derive(Default)]
pub(super) struct Line {
    live: Mutex<Option<Live>>,
    /// Held by whoever connects; the others wait for it rather than connect as well.
    connecting: tokio::sync::Mutex<Failures>,
}

struct Live {
    connection: Connection,
    lost: Arc<AtomicBool>,
}

#[derive(Default)]
struct Failures {
    in_a_row: u32,
    last: Option<(RedisError, Instant)>,
}

impl Line {
    /// The connection, made anew if need be.
    pub(super) async fn get(&self, maker: &Maker) -> Result<Connection, RedisError> {
        if let Some(connection) = self.connected() {
            return Ok(connection);
        }
        let mut failures = self.connecting.lock().await;
        if let Some(connection) = self.connected() {
            return Ok(connection);
        }
        if let Some((error, retry_at)) = &failures.last
            && Instant::now() < *retry_at
        {
            return Err(error.clone());
        }
        // If the caller's time is over before this ends, this stands as the failure.
        failures.failed(std::io::Error::from(std::io::ErrorKind::TimedOut).into());
        // Boxed, since it is large and seldom needed: every batch would carry it about.
        match Box::pin(maker.make()).await {
            Ok((connection, lost)) => {
                metrics::counter!("flashdeal_redis_connects_total").increment(1);
                *failures = Failures::default();
                *self.live() = Some(Live { connection: connection.clone(), lost });
                Ok(connection)
            }
            Err(error) => {
                metrics::counter!("flashdeal_redis_connect_failures_total").increment(1);
                failures.last_was(&error);
                Err(error)
            }
        }
    }

    /// The connection is of no use any more.
    pub(super) fn broke(&self) {
        if let Some(live) = self.live().as_ref()
            && let Connection::Single(_) = live.connection
        {
            live.lost.store(true, Ordering::Release);
        }
    }

    fn connected(&self) -> Option<Connection> {
        let live = self.live();
        let live = live.as_ref()?;
        (!live.lost.load(Ordering::Acquire)).then(|| live.connection.clone())
    }

    fn live(&self) -> MutexGuard<'_, Option<Live>> {
        // It holds one value that is replaced whole: no panic can leave it half way.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Failures {
    fn failed(&mut self, error: RedisError) {
        let (shortest, longest) = PAUSE;
        let pause = shortest.saturating_mul(1 << self.in_a_row.min(10)).min(longest);
        self.in_a_row = self.in_a_row.saturating_add(1);
        let half = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX) / 2;
        let jittered = Duration::from_millis(half.saturating_add(dice::below(half)));
        self.last = Some((error, Instant::now() + jittered));
    }

    fn last_was(&mut self, error: &RedisError) {
        if let Some((last, _)) = &mut self.last {
            *last = error.clone();
        }
    }
}
