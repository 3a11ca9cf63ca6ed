//! Group commit: many callers, one round trip.
//!
//! Callers [`submit`](Batcher::submit) one item each and get one answer each. The first caller on an idle lane goes out at
//! once, with those who came in the same turn of the scheduler: nobody waits for a timer. Whoever comes while a batch is on its
//! way waits for it to return and then shares the next one. So batches grow with the load and vanish without it.
//!
//! Lanes are per thread and per key: callers on one thread share a batch, which runs as a task on their own runtime, so that
//! waking them costs no hop to another thread. Where that hop is small beside the round trip, all threads may share the lanes
//! ([`Batcher::across_threads`]), also as tasks of a runtime that has nothing else to do ([`Batcher::on`]): answers then never wait
//! for a thread that is busy with its callers. Another runtime is woken once a batch, however many of its callers are in it. A
//! caller who stops waiting (a client that hung up) takes nobody else's
//! answer away: the batch is a task of its own.
//!
//! Everything is bounded: at most [`Limits::batch`] items a batch, at most [`Limits::queue`] items waiting on a lane, one
//! batch of a lane under way at a time. A full lane refuses with [`Rejected::Full`], having changed nothing.

mod mail;

use std::collections::HashMap;
use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use mail::{Mail, Sender};

/// Runs batches: one round trip for many items.
pub trait Run: Send + Sync + 'static {
    /// What the items of one batch have in common.
    type Key: Clone + Eq + Hash + Send + Sync + 'static;
    /// What one caller brings.
    type Item: Send + 'static;
    /// What one caller gets.
    type Answer: Send + 'static;

    /// Runs one batch and answers its items in their order. Items without an answer fail with [`Rejected::Lost`].
    /// Must end in bounded time.
    fn run(&self, key: &Self::Key, items: Vec<Self::Item>) -> impl Future<Output = Vec<Self::Answer>> + Send;
}

/// The bounds of a batcher.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most items in one batch; at least 1.
    pub batch: usize,
    /// The most items waiting on one lane, those under way not counted; at least 1.
    pub queue: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { batch: 512, queue: 8192 }
    }
}

/// Why an item has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejected {
    /// The lane's queue is full; the item was not run.
    Full,
    /// The batch ended without an answer for this item; whether it took effect is unknown.
    Lost,
}

/// Gathers callers into batches. Cheap to clone; clones share the lanes.
pub struct Batcher<R: Run> {
    shared: Arc<Shared<R>>,
}

impl<R: Run> Clone for Batcher<R> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<R: Run> Batcher<R> {
    /// A batcher that runs its batches with `runner`, with lanes per thread and key: for round trips so short that a hop to
    /// another thread would count.
    pub fn new(runner: R, limits: Limits) -> Self {
        Self::sharded(runner, limits, Sharding::ByThread, None)
    }

    /// A batcher whose lanes all threads share: for round trips that wait for a disk, and for keys of which the store can
    /// only serve one batch at a time anyway. The task of a lane runs on the thread that opened it.
    pub fn across_threads(runner: R, limits: Limits) -> Self {
        Self::sharded(runner, limits, Sharding::ByKey, None)
    }

    /// A batcher whose lanes all threads share, and whose batches run on `runtime`: for a far end that would stand idle while a
    /// thread of its callers comes to read its answer. When that runtime has ended, callers are told [`Rejected::Lost`].
    pub fn on(runtime: Handle, runner: R, limits: Limits) -> Self {
        Self::sharded(runner, limits, Sharding::ByKey, Some(runtime))
    }

    fn sharded(runner: R, limits: Limits, sharding: Sharding, runtime: Option<Handle>) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::new(HashMap::new())).collect();
        let limits = Limits { batch: limits.batch.max(1), queue: limits.queue.max(1) };
        Self { shared: Arc::new(Shared { runner, limits, sharding, runtime, shards }) }
    }

    /// The runner.
    #[must_use]
    pub fn runner(&self) -> &R {
        &self.shared.runner
    }

    /// Whether no batch of this lane is under way and nobody waits for one, among the lanes that this thread sees.
    #[must_use]
    pub fn is_idle(&self, key: &R::Key) -> bool {
        !self.shared.lanes(self.shard(key)).contains_key(key)
    }

    /// Submits one item and waits for its answer. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`Rejected`].
    pub async fn submit(&self, key: R::Key, item: R::Item) -> Result<R::Answer, Rejected> {
        let answer = self.enqueue(key, item)?;
        answer.await.map_err(|_| Rejected::Lost)
    }

    fn enqueue(&self, key: R::Key, item: R::Item) -> Result<oneshot::Receiver<R::Answer>, Rejected> {
        let (answer, receiver) = oneshot::channel();
        let runtime = Handle::current();
        let sender = Sender { home: runtime.id(), answer };
        let shard = self.shard(&key);
        let mut lanes = self.shared.lanes(shard);
        if let Some(lane) = lanes.get_mut(&key) {
            if lane.waiting.len() >= self.shared.limits.queue {
                return Err(Rejected::Full);
            }
            lane.waiting.push((item, sender));
            lane.know(runtime);
        } else {
            let home = self.shared.runtime.as_ref().unwrap_or(&runtime).clone();
            let mut lane = Lane { waiting: vec![(item, sender)], runtimes: vec![home.clone()] };
            lane.know(runtime);
            lanes.insert(key.clone(), lane);
            drop(lanes);
            let mail = Mail::from(home.id());
            let lane = OpenLane { shared: Arc::clone(&self.shared), shard, key, mail, closed: false };
            home.spawn(lane.drain());
        }
        Ok(receiver)
    }

    fn shard(&self, key: &R::Key) -> usize {
        match self.shared.sharding {
            Sharding::ByThread => shard_of_this_thread(),
            Sharding::ByKey => shard_of_key(key),
        }
    }
}

type Waiting<R> = Vec<(<R as Run>::Item, Sender<<R as Run>::Answer>)>;

/// A lane that stands in the map has a task that drains it.
struct Lane<R: Run> {
    /// Who waits for its next batch.
    waiting: Waiting<R>,
    /// Where its callers live, each once; the first is that of its task.
    runtimes: Vec<Handle>,
}

impl<R: Run> Lane<R> {
    fn know(&mut self, runtime: Handle) {
        if !self.runtimes.iter().any(|known| known.id() == runtime.id()) {
            self.runtimes.push(runtime);
        }
    }
}

type OpenLanes<R> = HashMap<<R as Run>::Key, Lane<R>>;

/// Where a caller's lane is kept: with those of its thread, or where every thread finds it.
#[derive(Debug, Clone, Copy)]
enum Sharding {
    ByThread,
    ByKey,
}

struct Shared<R: Run> {
    runner: R,
    limits: Limits,
    sharding: Sharding,
    /// Where lanes are drained, if not where they are opened.
    runtime: Option<Handle>,
    shards: Box<[Mutex<OpenLanes<R>>]>,
}

impl<R: Run> Shared<R> {
    fn lanes(&self, shard: usize) -> MutexGuard<'_, OpenLanes<R>> {
        // The index is always below SHARDS; a modulo made it so.
        #[expect(clippy::indexing_slicing, reason = "a shard is below SHARDS by construction")]
        // A lane's map has no invariant that a panic between two statements could break.
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A lane with a task that drains it. Dropping it (a panic in the runner, a runtime that ends) closes the lane, so that its
/// waiters fail and the next caller opens it anew.
struct OpenLane<R: Run> {
    shared: Arc<Shared<R>>,
    shard: usize,
    key: R::Key,
    mail: Mail<R::Answer>,
    closed: bool,
}

impl<R: Run> OpenLane<R> {
    async fn drain(mut self) {
        loop {
            // One turn of the scheduler for whoever is about to submit: no timer, and on an idle thread no wait.
            tokio::task::yield_now().await;
            let Some(batch) = self.next_batch() else { return };
            let (items, senders): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
            let answers = self.shared.runner.run(&self.key, items).await;
            self.mail.deliver(senders.into_iter().zip(answers));
        }
    }

    fn next_batch(&mut self) -> Option<Waiting<R>> {
        let mut lanes = self.shared.lanes(self.shard);
        let Lane { waiting, runtimes } = lanes.get_mut(&self.key)?;
        if waiting.is_empty() {
            lanes.remove(&self.key);
            self.closed = true;
            return None;
        }
        self.mail.know(runtimes);
        if waiting.len() <= self.shared.limits.batch {
            return Some(std::mem::take(waiting));
        }
        let rest = waiting.split_off(self.shared.limits.batch);
        Some(std::mem::replace(waiting, rest))
    }
}

impl<R: Run> Drop for OpenLane<R> {
    fn drop(&mut self) {
        // A lane closed in good order may have been opened again by now: that one is not ours to close.
        if !self.closed {
            self.shared.lanes(self.shard).remove(&self.key);
        }
    }
}

const SHARDS: usize = 64;

fn shard_of_this_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static ORDINAL: usize = NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS;
    }
    ORDINAL.with(|ordinal| *ordinal)
}

fn shard_of_key(key: &impl Hash) -> usize {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    usize::try_from(hasher.finish() >> 32).unwrap_or(0) % SHARDS
}

#[cfg(test)]
mod tests;
