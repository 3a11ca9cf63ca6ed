//! A rate limit that all instances share.

mod client;
mod clients;
mod counter;

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use flashdeal_batching::{Batcher, Limits, Rejected};
use flashdeal_domain::StoreError;
use tokio::time::{Instant, sleep};

use self::client::{Client, Local};
use self::clients::Clients;
use self::counter::Counter;
use crate::connections::Connections;
use crate::error::STORE;

/// How long admissions of one's own may stay unknown to the other instances.
const SETTLE_EVERY: Duration = Duration::from_millis(10);
/// Nothing is admitted without asking Redis when fewer requests than this are left.
const MARGIN: u64 = 5000;
/// The most clients in one call of the script, and the most that wait on one thread.
const BATCH: usize = 512;
const QUEUE: usize = 8192;

/// So many requests a window for each client, counted in Redis over all instances. Cheap to clone.
///
/// The window opens with a client's first request, and refused requests are not counted.
///
/// With a limit of up to 5000 the count is exact, over any number of instances: the request after the last allowed one is the
/// first refused. With a greater one a client who has more than 5000 requests left is let through at once, and what was let
/// through is told to Redis every 10 ms: the limit is overstepped only if all instances together admit more than 5000 requests
/// of one client within such a moment, and then by what they admit above that.
///
/// A client who was refused is refused without asking Redis until the window ends.
#[derive(Clone)]
pub struct SharedRateLimit {
    shared: Arc<Shared>,
}

/// Whether a request may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Whether it may.
    pub allowed: bool,
    /// How many more may, in this window.
    pub remaining: u64,
    /// When the window ends; all of it if it has just opened.
    pub reset_after: Duration,
    /// Whether it was decided without asking Redis.
    pub local: bool,
}

struct Shared {
    clients: Clients,
    counter: Batcher<Counter>,
    unsettled: Mutex<Vec<Arc<Client>>>,
    settling: AtomicBool,
}

impl SharedRateLimit {
    pub(crate) fn new(connections: Arc<Connections>, limit: u64, window: Duration) -> Self {
        let limits = Limits { batch: BATCH, queue: QUEUE };
        Self {
            shared: Arc::new(Shared {
                clients: Clients::default(),
                counter: Batcher::new(Counter::new(connections, limit, window), limits),
                unsettled: Mutex::default(),
                settling: AtomicBool::new(false),
            }),
        }
    }

    /// Asks for one request of a client. Must be called within a tokio runtime.
    ///
    /// A client is an address, or the first one of a block that counts as one. Each costs some memory here and in Redis until
    /// its window ends.
    ///
    /// # Errors
    /// [`StoreError`] if Redis had to be asked and could not be; then nobody has decided.
    pub async fn take(&self, client: IpAddr) -> Result<Decision, StoreError> {
        let now = Instant::now();
        let client = self.shared.clients.get(client, now);
        let limit = self.shared.counter.runner().limit();
        match client.decide(now, limit, MARGIN) {
            Local::Decided { decision, first_unsettled } => {
                if first_unsettled {
                    self.settle_later(client);
                }
                Ok(decision)
            }
            Local::Unknown => self.ask(client).await,
        }
    }

    async fn ask(&self, client: Arc<Client>) -> Result<Decision, StoreError> {
        let counter = &self.shared.counter;
        let lane = counter.runner().lane(&client);
        match counter.submit(lane, client).await {
            Ok(answer) => answer,
            Err(Rejected::Full) => Err(StoreError::Overloaded { store: STORE }),
            Err(Rejected::Lost) => Err(StoreError::unavailable(STORE, "the call was lost")),
        }
    }

    fn settle_later(&self, client: Arc<Client>) {
        self.shared.unsettled().push(client);
        if !self.shared.settling.swap(true, Ordering::AcqRel) {
            tokio::spawn(settle(Settling { shared: Arc::downgrade(&self.shared), ended: false }));
        }
    }
}

impl Shared {
    fn unsettled(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Client>>> {
        // A list has no invariant that a panic could break.
        self.unsettled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A settler at work. Dropping it (also when its runtime ends) lets the next caller start another.
struct Settling {
    shared: Weak<Shared>,
    ended: bool,
}

impl Drop for Settling {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade()
            && !self.ended
        {
            shared.settling.store(false, Ordering::Release);
        }
    }
}

/// Tells Redis what was admitted, as long as there is something to tell.
async fn settle(mut settling: Settling) {
    loop {
        sleep(SETTLE_EVERY).await;
        let Some(shared) = settling.shared.upgrade() else {
            return;
        };
        let clients = std::mem::take(&mut *shared.unsettled());
        for some in clients.chunks(BATCH) {
            shared.counter.runner().settle(some).await;
        }
        if !shared.unsettled().is_empty() {
            continue;
        }
        // Whoever pushes from now on starts another settler; whoever pushed just before counts on this one.
        shared.settling.store(false, Ordering::Release);
        let left_over = !shared.unsettled().is_empty();
        if !left_over || shared.settling.swap(true, Ordering::AcqRel) {
            settling.ended = true;
            return;
        }
    }
}
