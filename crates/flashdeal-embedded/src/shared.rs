//! What the callers and the writer share: the book, the calls to the record that wait, and how far the file is.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use flashdeal_domain::StoreError;
use flashdeal_domain::ports::Clock;
use tokio::sync::oneshot;

use crate::book::{Book, Effect};
use crate::error::{closed, overloaded, stalled};
use crate::record::RecordCall;
use crate::tally::Tally;

/// The most effects that may wait for the file.
const BACKLOG: usize = 8192;
/// The most calls to the record in one transaction, but for the last batch among them.
const CALLS: usize = 1024;
/// The most batches of calls to the record that may wait: each is one thread's, and a thread has one at a time.
const BATCHES: usize = 256;
/// How many entries that are over are swept away with one transaction: a fraction of a millisecond's work.
const SWEEP: usize = 1024;
/// How long until the file is tried again after it could not be written.
const RETRY: Duration = Duration::from_millis(200);

/// Calls to the record by one thread, and where their answers go.
pub(crate) struct RecordBatch {
    pub(crate) calls: Vec<RecordCall>,
    pub(crate) answer: oneshot::Sender<Vec<Result<(), StoreError>>>,
}

/// What the writer writes next, in one transaction.
pub(crate) struct Work {
    pub(crate) effects: Vec<Effect>,
    /// The number of the last of them.
    pub(crate) through: u64,
    pub(crate) batches: Vec<RecordBatch>,
}

/// Whether the writer writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// The file could not be written; it is tried again and again.
    Stalled,
    /// Writes what waits, then ends.
    Closing,
    Closed,
}

/// All of it under one lock, held for about a microsecond a call.
pub(crate) struct State {
    pub(crate) book: Book,
    phase: Phase,
    batches: VecDeque<RecordBatch>,
    /// Who waits until the file has everything up to an effect.
    waiters: Vec<(u64, oneshot::Sender<()>)>,
    /// The writer sleeps until it is told of work.
    asleep: bool,
}

/// See the [module](self).
pub(crate) struct Shared {
    state: Mutex<State>,
    work: Condvar,
    /// The number of the last effect that the file has.
    durable: AtomicU64,
    clock: Arc<dyn Clock>,
}

impl Shared {
    pub(crate) fn new(book: Book, clock: Arc<dyn Clock>) -> Self {
        let (batches, waiters) = (VecDeque::new(), Vec::new());
        Self {
            durable: AtomicU64::new(0),
            state: Mutex::new(State { book, phase: Phase::Open, batches, waiters, asleep: false }),
            work: Condvar::new(),
            clock,
        }
    }

    /// A poisoned lock means that a book may be half changed: nothing more is answered from it.
    fn lock(&self) -> Result<MutexGuard<'_, State>, StoreError> {
        self.state.lock().map_err(|_| closed())
    }

    /// Now, in milliseconds.
    pub(crate) fn now(&self) -> i64 {
        self.clock.now().as_millis()
    }

    /// One call at the gates that may change the file, at one instant.
    pub(crate) fn change_gates<T>(&self, call: impl FnOnce(&mut Book) -> T) -> Result<T, StoreError> {
        let state = self.lock()?;
        match state.phase {
            Phase::Stalled => Err(stalled()),
            _ if state.book.log.len() >= BACKLOG => Err(overloaded()),
            _ => self.at_gates(state, call),
        }
    }

    /// One call at the gates that only looks, or whose change is memory's alone.
    pub(crate) fn look_at_gates<T>(&self, call: impl FnOnce(&mut Book) -> T) -> Result<T, StoreError> {
        self.at_gates(self.lock()?, call)
    }

    /// The clock is read under the lock, so that time never seems to step back because two callers overtook each other.
    fn at_gates<T>(
        &self,
        mut state: MutexGuard<'_, State>,
        call: impl FnOnce(&mut Book) -> T,
    ) -> Result<T, StoreError> {
        if matches!(state.phase, Phase::Closing | Phase::Closed) {
            return Err(closed());
        }
        state.book.come_to(self.now());
        let answer = call(&mut state.book);
        if state.book.log.len() > 0 || state.book.unswept() {
            self.wake(state);
        }
        Ok(answer)
    }

    /// Gives the record a batch of calls; `Err` with them if it takes none.
    pub(crate) fn submit(&self, batch: RecordBatch) -> Result<(), StoreError> {
        let mut state = self.lock()?;
        if matches!(state.phase, Phase::Closing | Phase::Closed) {
            return Err(closed());
        }
        if state.batches.len() >= BATCHES {
            return Err(overloaded());
        }
        state.batches.push_back(batch);
        self.wake(state);
        Ok(())
    }

    fn wake(&self, mut state: MutexGuard<'_, State>) {
        let asleep = std::mem::take(&mut state.asleep);
        drop(state);
        if asleep {
            self.work.notify_one();
        }
    }

    /// Whether the file has everything up to this effect.
    pub(crate) fn is_durable(&self, effect: u64) -> bool {
        self.durable.load(Ordering::Acquire) >= effect
    }

    /// Told when the file has everything up to this effect; dropped untold when it cannot be written.
    pub(crate) fn when_durable(&self, effect: u64) -> Result<oneshot::Receiver<()>, StoreError> {
        let (teller, told) = oneshot::channel();
        let mut state = self.lock()?;
        match state.phase {
            _ if self.is_durable(effect) => drop(teller.send(())),
            Phase::Open | Phase::Closing => state.waiters.push((effect, teller)),
            Phase::Stalled => return Err(stalled()),
            Phase::Closed => return Err(closed()),
        }
        Ok(told)
    }

    /// Whether calls are answered.
    pub(crate) fn health(&self) -> Result<(), StoreError> {
        match self.lock()?.phase {
            Phase::Open => Ok(()),
            Phase::Stalled => Err(stalled()),
            Phase::Closing | Phase::Closed => Err(closed()),
        }
    }

    /// Writes what waits, then ends the writer.
    pub(crate) fn close(&self) {
        if let Ok(mut state) = self.lock() {
            if state.phase != Phase::Closed {
                state.phase = Phase::Closing;
            }
            self.wake(state);
        }
    }
}

/// The writer's side.
impl Shared {
    /// Waits for work and takes all of it; `None` at the end. With `unwritten` effects of an earlier try it does not wait for
    /// more than [`RETRY`], and at the end it gives up.
    pub(crate) fn next_work(&self, unwritten: bool) -> Option<Work> {
        let mut state = self.lock().ok()?;
        loop {
            state.book.sweep(SWEEP);
            if state.book.log.len() > 0 || !state.batches.is_empty() {
                return Some(state.take());
            }
            if state.phase == Phase::Closing {
                return None;
            }
            state.asleep = true;
            if unwritten {
                state = self.work.wait_timeout(state, RETRY).ok()?.0;
                state.asleep = false;
                return (state.phase != Phase::Closing).then(|| state.take());
            }
            state = self.work.wait(state).ok()?;
        }
    }

    /// The file has everything up to `through`, and what these calls did.
    /// Answers what happened at the gates since it was last asked.
    pub(crate) fn written(&self, through: u64, batches: &[RecordBatch]) -> Tally {
        let Ok(mut state) = self.lock() else { return Tally::default() };
        if state.phase == Phase::Stalled {
            state.phase = Phase::Open;
        }
        for call in batches.iter().flat_map(|batch| &batch.calls) {
            call.settle(&mut state.book);
        }
        self.durable.store(through, Ordering::Release);
        let (told, waiting) =
            std::mem::take(&mut state.waiters).into_iter().partition(|(effect, _)| *effect <= through);
        state.waiters = waiting;
        let tally = state.book.tally.take();
        drop(state);
        for (_, teller) in Vec::<(u64, oneshot::Sender<()>)>::from_iter(told) {
            // Whoever stopped waiting has nothing to be told.
            let _ = teller.send(());
        }
        tally
    }

    /// The file could not be written: whoever waits is told so by being dropped.
    pub(crate) fn not_written(&self) {
        if let Ok(mut state) = self.lock() {
            if state.phase == Phase::Open {
                state.phase = Phase::Stalled;
            }
            state.waiters.clear();
        }
    }

    /// The writer ends, in whatever way.
    pub(crate) fn ended(&self) {
        // A poisoned lock is taken all the same: those who wait must be let go.
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        state.phase = Phase::Closed;
        state.waiters.clear();
        state.batches.clear();
    }
}

impl State {
    fn take(&mut self) -> Work {
        let mut batches = Vec::new();
        let mut calls = 0;
        while calls < CALLS
            && let Some(mut batch) = self.batches.pop_front()
        {
            calls += batch.calls.len();
            // Whatever made these holds is among the effects taken in the same breath.
            batch.calls.iter_mut().for_each(|call| call.look_up(&self.book));
            batches.push(batch);
        }
        Work { through: self.book.log.last(), effects: self.book.log.take(), batches }
    }
}
