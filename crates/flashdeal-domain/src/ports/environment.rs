//! The ambient things: time, randomness, tasks. Passed in, so that the domain has none of its own and tests move them.

use std::time::Duration;

use futures_util::future::BoxFuture;
use uuid::Uuid;

use crate::time::Timestamp;

/// The wall clock.
pub trait Clock: Send + Sync {
    /// Now. May step backwards, as wall clocks do.
    fn now(&self) -> Timestamp;
}

/// Where ids come from.
pub trait IdSource: Send + Sync {
    /// A new `UUIDv7`, never given out before, by any instance.
    fn next_id(&self) -> Uuid;
}

/// Where work that must outlive its caller runs.
pub trait Runtime: Send + Sync {
    /// Runs `task` to its end, whatever becomes of the caller. At shutdown the app waits for such tasks, bounded.
    fn spawn(&self, task: BoxFuture<'static, ()>);

    /// Ready after `duration`.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// What happens behind the scenes of a sale; for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaleEvent {
    /// A gate without state was loaded from the record.
    Loaded,
    /// A gate that may have lost memory was reopened under a new epoch.
    Reopened,
    /// The record refused a commit because its epoch was old.
    Fenced,
    /// The background found a sold hold still in the gate and ended it.
    SettledSold,
    /// The background voided a checkout that died half way.
    SettledVoid,
    /// The background adopted a newer state of the record.
    Reconciled,
    /// A commit's answer was lost and the same call was made again.
    CommitRetried,
    /// A sale stood, but the gate did not acknowledge its end in time; the background will end it.
    FinishDeferred,
    /// Somebody joined a waiting list.
    JoinedLine,
    /// Somebody left a waiting list.
    LeftLine,
    /// Somebody who waited was called: units are held for them.
    Called,
    /// Somebody who waited was taken off the list, since the sale is over.
    TurnDropped,
}

/// Is told of every [`SaleEvent`]. Must return at once.
pub trait Observer: Send + Sync {
    /// `event` happened, once.
    fn observe(&self, event: SaleEvent);
}

/// An observer who does not look.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn observe(&self, _event: SaleEvent) {}
}
