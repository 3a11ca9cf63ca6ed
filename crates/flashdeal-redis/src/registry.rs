//! Which products may have state in the gate. It lies in another slot than the gates, so plain commands keep it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deadpool_redis::redis::{cmd, pipe};
use flashdeal_batching::{Batcher, Limits, Rejected, Run};
use flashdeal_domain::{ProductId, StoreError};
use tokio::time::Instant;

use crate::error::STORE;
use crate::keys;
use crate::pool::Pool;

/// Products this process remembers having registered.
const MOST_REMEMBERED: usize = 65_536;
/// How often they are registered again, in case the registry alone was lost.
const AGAIN_AFTER: Duration = Duration::from_secs(10);
/// Products in one command.
const CHUNK: usize = 1000;

pub(crate) struct Registry {
    pool: Arc<Pool>,
    adding: Batcher<Adding>,
    remembered: Mutex<Remembered>,
}

#[derive(Default)]
struct Remembered {
    products: HashSet<ProductId>,
    registered_at: Option<Instant>,
}

impl Registry {
    pub(crate) fn new(pool: Arc<Pool>) -> Self {
        let limits = Limits { batch: CHUNK, ..Limits::default() };
        let adding = Batcher::across_threads(Adding(Arc::clone(&pool)), limits);
        Self { pool, adding, remembered: Mutex::default() }
    }

    pub(crate) async fn add(&self, product: ProductId) -> Result<(), StoreError> {
        self.remember(product);
        match self.adding.submit((), product).await {
            Ok(added) => added,
            Err(Rejected::Full) => Err(StoreError::Overloaded { store: STORE }),
            Err(Rejected::Lost) => {
                Err(StoreError::unavailable(STORE, "the command was lost with the others of its batch"))
            }
        }
    }

    /// A product that is in use will be registered again, should it be missing.
    pub(crate) fn remember(&self, product: ProductId) {
        let mut remembered = self.remembered();
        if remembered.products.len() < MOST_REMEMBERED {
            remembered.products.insert(product);
        }
    }

    /// The products after `after` in the order of their ids.
    pub(crate) async fn page(&self, after: Option<ProductId>, limit: usize) -> Result<Vec<ProductId>, StoreError> {
        if after.is_none() {
            self.register_again().await?;
        }
        let from = after.map_or_else(|| "-".to_owned(), |product| format!("({product}"));
        let mut command = cmd("ZRANGEBYLEX");
        command.arg(keys::PRODUCTS).arg(from).arg("+");
        command.arg("LIMIT").arg(0).arg(limit);
        let ids: Vec<String> = self.pool.query(&command).await?;
        // Anything that is no id was put there by somebody else.
        Ok(ids.iter().filter_map(|id| ProductId::parse(id).ok()).collect())
    }

    /// Takes out products that were found without state.
    pub(crate) async fn remove(&self, products: &[ProductId]) -> Result<(), StoreError> {
        {
            let mut remembered = self.remembered();
            for product in products {
                remembered.products.remove(product);
            }
        }
        for chunk in products.chunks(CHUNK) {
            let mut command = cmd("ZREM");
            command.arg(keys::PRODUCTS);
            for product in chunk {
                command.arg(product.to_string());
            }
            self.pool.query::<()>(&command).await?;
        }
        // Whoever opened one in this very moment wrote its state first and registers it afterwards, or had registered it
        // before it was taken out just now: that shows here.
        for product in products {
            let mut exists = cmd("EXISTS");
            exists.arg(keys::gate(*product).as_slice());
            if self.pool.query::<bool>(&exists).await? {
                self.add(*product).await?;
            }
        }
        Ok(())
    }

    /// Drops every key of a product's gate.
    pub(crate) async fn forget(&self, product: ProductId) -> Result<(), StoreError> {
        let mut command = cmd("UNLINK");
        command.arg(keys::gate(product).as_slice());
        for part in ["due:0", "due:1", "paying", "opening"] {
            command.arg(keys::of(product, part));
        }
        self.pool.query(&command).await
    }

    async fn register_again(&self) -> Result<(), StoreError> {
        let products: Vec<ProductId> = {
            let mut remembered = self.remembered();
            let now = Instant::now();
            let due = remembered.registered_at.is_none_or(|at| now.duration_since(at) >= AGAIN_AFTER);
            if !due {
                return Ok(());
            }
            remembered.registered_at = Some(now);
            remembered.products.iter().copied().collect()
        };
        add_all(&self.pool, &products).await
    }

    fn remembered(&self) -> MutexGuard<'_, Remembered> {
        // A set of ids has no invariant that a panic could break.
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gathers those who register a product, as the many do that are opened at the beginning of a sale.
struct Adding(Arc<Pool>);

impl Run for Adding {
    type Key = ();
    type Item = ProductId;
    type Answer = Result<(), StoreError>;

    async fn run(&self, (): &(), products: Vec<ProductId>) -> Vec<Self::Answer> {
        let added = add_all(&self.0, &products).await;
        vec![added; products.len()]
    }
}

async fn add_all(pool: &Pool, products: &[ProductId]) -> Result<(), StoreError> {
    if products.is_empty() {
        return Ok(());
    }
    let mut commands = pipe();
    for chunk in products.chunks(CHUNK) {
        let command = commands.cmd("ZADD").arg(keys::PRODUCTS);
        for product in chunk {
            command.arg(0).arg(product.to_string());
        }
    }
    pool.send_all(&commands).await
}
