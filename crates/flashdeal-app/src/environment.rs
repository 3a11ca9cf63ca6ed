//! The ambient things of the domain, for a real process: its clock, its ids, its tasks, its metrics.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flashdeal_domain::Timestamp;
use flashdeal_domain::ports::{Clock, IdSource, Observer, Runtime, SaleEvent};
use futures_util::future::BoxFuture;
use uuid::Uuid;

use crate::telemetry::mark::Mark;

/// The wall clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the server's clock is read")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// `UUIDv7` from the machine's clock and randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct RandomIds;

impl IdSource for RandomIds {
    #[expect(clippy::disallowed_methods, reason = "the one place where ids are minted")]
    fn next_id(&self) -> Uuid {
        Uuid::now_v7()
    }
}

/// The tokio runtime of whoever calls.
#[derive(Debug, Clone, Copy, Default)]
pub struct TokioRuntime;

impl Runtime for TokioRuntime {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        // What goes on for a request after its client hung up is still logged as its own.
        match Mark::current() {
            Some(mark) => drop(tokio::spawn(mark.over(task))),
            None => drop(tokio::spawn(task)),
        }
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// Counts what happens behind the scenes.
#[derive(Debug, Clone, Copy, Default)]
pub struct MeteredEvents;

impl Observer for MeteredEvents {
    fn observe(&self, event: SaleEvent) {
        let of_line = |event| metrics::counter!("flashdeal_waiting_list_total", "event" => event).increment(1);
        let event = match event {
            SaleEvent::JoinedLine => return of_line("joined"),
            SaleEvent::LeftLine => return of_line("left"),
            SaleEvent::Called => return of_line("called"),
            SaleEvent::TurnDropped => return of_line("dropped"),
            SaleEvent::Loaded => "loaded",
            SaleEvent::Reopened => "reopened",
            SaleEvent::Fenced => "fenced",
            SaleEvent::SettledSold => "settled_sold",
            SaleEvent::SettledVoid => "settled_void",
            SaleEvent::Reconciled => "reconciled",
            SaleEvent::CommitRetried => "commit_retried",
            SaleEvent::FinishDeferred => "finish_deferred",
        };
        metrics::counter!("flashdeal_sale_events_total", "event" => event).increment(1);
    }
}
