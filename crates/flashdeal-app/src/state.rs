//! What every handler shares.

use std::sync::Arc;
use std::time::Duration;

use flashdeal_domain::{FlashSale, SaleError};

use tokio::sync::watch;

use crate::error::Problem;
use crate::live::Feeds;
use crate::metrics::Metrics;
use crate::metrics::products::Products;

/// Shared by all workers; cheap to clone.
#[derive(Clone)]
pub(crate) struct AppState {
    pub(crate) sale: FlashSale,
    pub(crate) metrics: Metrics,
    pub(crate) products: Products,
    pub(crate) deadline: Duration,
    pub(crate) feeds: Feeds,
    draining: Arc<watch::Sender<bool>>,
}

impl AppState {
    pub(crate) fn new(sale: FlashSale, metrics: Metrics, deadline: Duration) -> Self {
        let feeds = Feeds::new(sale.clone());
        Self {
            sale,
            metrics,
            products: Products::default(),
            deadline,
            feeds,
            draining: Arc::new(watch::Sender::new(false)),
        }
    }

    /// A use case within the request's deadline: a store that hangs is a 503, never a hang.
    pub(crate) async fn within<T>(&self, work: impl Future<Output = Result<T, SaleError>>) -> Result<T, Problem> {
        match tokio::time::timeout(self.deadline, work).await {
            Ok(done) => done.map_err(Problem::from),
            Err(_) => Err(Problem::unavailable(format_args!("no answer within {:?}", self.deadline))),
        }
    }

    /// From now on `/health/ready` says no, so that balancers look elsewhere.
    pub(crate) fn drain(&self) {
        self.draining.send_replace(true);
    }

    /// Tells when the server is on its way out.
    pub(crate) fn draining(&self) -> watch::Receiver<bool> {
        self.draining.subscribe()
    }

    pub(crate) fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }
}
