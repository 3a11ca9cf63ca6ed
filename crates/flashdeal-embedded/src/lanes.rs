//! Between callers and threads: callers of one async thread travel together, one message there and one wake-up back.

use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use diesel::sqlite::SqliteConnection;
use flashdeal_batching::{Rejected, Run};
use flashdeal_domain::StoreError;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::error::{closed, overloaded, too_slow};
use crate::record::RecordCall;
use crate::shared::{RecordBatch, Shared};

/// The longest any call waits.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a lane that has no answer means for a caller.
pub(crate) fn rejected(why: Rejected) -> StoreError {
    match why {
        Rejected::Full => overloaded(),
        Rejected::Lost => closed(),
    }
}

async fn patiently<T>(told: oneshot::Receiver<T>) -> Result<T, StoreError> {
    match timeout(PATIENCE, told).await {
        Ok(Ok(answer)) => Ok(answer),
        // Dropped untold: the writer could not write, or ended.
        Ok(Err(_)) => Err(crate::error::stalled()),
        Err(_) => Err(too_slow()),
    }
}

/// Callers who wait for effects to be durable.
pub(crate) struct Durable(pub(crate) Arc<Shared>);

impl Run for Durable {
    type Key = ();
    type Item = u64;
    type Answer = Result<(), StoreError>;

    async fn run(&self, _key: &(), effects: Vec<u64>) -> Vec<Self::Answer> {
        let last = effects.iter().copied().max().unwrap_or(0);
        let durable = match self.0.when_durable(last) {
            Ok(told) => patiently(told).await,
            Err(error) => Err(error),
        };
        vec![durable; effects.len()]
    }
}

/// Callers of the record.
pub(crate) struct Records(pub(crate) Arc<Shared>);

impl Run for Records {
    type Key = ();
    type Item = RecordCall;
    type Answer = Result<(), StoreError>;

    async fn run(&self, _key: &(), calls: Vec<RecordCall>) -> Vec<Self::Answer> {
        let count = calls.len();
        let (answer, answered) = oneshot::channel();
        let answers = match self.0.submit(RecordBatch { calls, answer }) {
            Ok(()) => patiently(answered).await,
            Err(error) => Err(error),
        };
        answers.unwrap_or_else(|error| vec![Err(error); count])
    }
}

/// A read; it puts its answer where its caller looks.
pub(crate) type Read = Box<dyn FnOnce(&mut SqliteConnection) + Send>;

/// Reads by one thread.
pub(crate) struct ReadBatch {
    pub(crate) reads: Vec<Read>,
    pub(crate) answer: oneshot::Sender<()>,
}

/// Callers who read the record. The sender goes when the store is closed; with it the reader ends.
pub(crate) struct Reads(pub(crate) Arc<Mutex<Option<SyncSender<ReadBatch>>>>);

impl Reads {
    fn send(&self, batch: ReadBatch) -> Result<(), StoreError> {
        let sender = self.0.lock().map_err(|_| closed())?;
        match sender.as_ref().ok_or_else(closed)?.try_send(batch) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => Err(overloaded()),
            Err(TrySendError::Disconnected(_)) => Err(closed()),
        }
    }
}

impl Run for Reads {
    type Key = ();
    type Item = Read;
    type Answer = Result<(), StoreError>;

    async fn run(&self, _key: &(), reads: Vec<Read>) -> Vec<Self::Answer> {
        let count = reads.len();
        let (answer, answered) = oneshot::channel();
        let done = match self.send(ReadBatch { reads, answer }) {
            Ok(()) => patiently(answered).await,
            Err(error) => Err(error),
        };
        vec![done; count]
    }
}
