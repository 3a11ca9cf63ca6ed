//! Live stock: one feed per watched product, shared by all its watchers on this instance.
//!
//! A feed asks the gate, at most ten times a second, and only while somebody watches. So what is shown is what the gate says,
//! whichever instance changed it, and thousands of watchers cost the stores what one does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::web::Bytes;
use flashdeal_domain::{FlashSale, ProductId, SaleError, StockLevel};
use serde_json::json;
use tokio::sync::watch;

/// What watchers get: the event as it goes over the wire, and its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    /// Names the state, not the moment, so that it means the same on every instance.
    pub(crate) id: String,
    pub(crate) event: Bytes,
}

/// The feeds of one instance; cheap to clone.
#[derive(Clone)]
pub(crate) struct Feeds {
    sale: FlashSale,
    open: Arc<Mutex<HashMap<ProductId, watch::Receiver<Shown>>>>,
}

/// The shortest time between two looks at one product.
const EVERY: Duration = Duration::from_millis(100);
/// How many looks a second all feeds take together; with more products each is looked at less often.
const LOOKS_A_SECOND: usize = 2_000;
/// How many products one instance feeds.
const PRODUCTS: usize = 10_000;

impl Feeds {
    pub(crate) fn new(sale: FlashSale) -> Self {
        Self { sale, open: Arc::default() }
    }

    /// Watches a product.
    ///
    /// # Errors
    /// [`SaleError::ProductNotFound`], or what the gate says.
    pub(crate) async fn watch(&self, product: ProductId) -> Result<watch::Receiver<Shown>, SaleError> {
        if let Some(feed) = self.joined(product) {
            return Ok(feed);
        }
        let shown = show(product, self.sale.status(product).await?);
        let mut open = self.open();
        if let Some(feed) = open.get(&product).filter(|feed| feed.has_changed().is_ok()) {
            return Ok(feed.clone());
        }
        if open.len() >= PRODUCTS {
            return Err(flashdeal_domain::StoreError::Overloaded { store: "live stock" }.into());
        }
        let (sender, receiver) = watch::channel(shown);
        open.insert(product, receiver.clone());
        drop(open);
        tokio::spawn(self.clone().feed(product, sender));
        Ok(receiver)
    }

    /// A feed that is open already and still fed.
    fn joined(&self, product: ProductId) -> Option<watch::Receiver<Shown>> {
        self.open().get(&product).filter(|feed| feed.has_changed().is_ok()).cloned()
    }

    async fn feed(self, product: ProductId, sender: watch::Sender<Shown>) {
        loop {
            tokio::time::sleep(self.pause()).await;
            {
                // The map has one receiver; when it is the only one, nobody watches any more.
                let mut open = self.open();
                if sender.receiver_count() <= 1 {
                    open.remove(&product);
                    return;
                }
            }
            // A store that is down says nothing new; watchers keep what they have and the connection.
            if let Ok(level) = self.sale.status(product).await {
                let shown = show(product, level);
                sender.send_if_modified(|last| {
                    let changed = *last != shown;
                    if changed {
                        *last = shown;
                    }
                    changed
                });
            }
        }
    }

    fn pause(&self) -> Duration {
        let products = u32::try_from(self.open().len()).unwrap_or(u32::MAX);
        let fair = Duration::from_secs(1) * products / u32::try_from(LOOKS_A_SECOND).unwrap_or(1);
        fair.max(EVERY)
    }

    fn open(&self) -> MutexGuard<'_, HashMap<ProductId, watch::Receiver<Shown>>> {
        // The map has no invariant that a panic between two statements could break.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn show(product: ProductId, level: StockLevel) -> Shown {
    let (total, reserved) = (level.total().get(), level.reserved().get());
    let data = json!({
        "productId": product.to_string(),
        "totalStock": total,
        "reservedStock": reserved,
        "availableStock": level.available().get(),
    });
    let id = format!("{product}:{total}:{reserved}");
    let event = Bytes::from(format!("id: {id}\nevent: stock\ndata: {data}\n\n"));
    Shown { id, event }
}
