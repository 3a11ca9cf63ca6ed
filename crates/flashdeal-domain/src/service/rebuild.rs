//! For operators: a gate is dropped and opened anew from the record, while the sale goes on.

use crate::error::{SaleError, StoreError};
use crate::ids::ProductId;
use crate::ports::LedgerError;
use crate::stock::StockLevel;

use super::FlashSale;
use super::opening::Cause;

/// What goes with a gate that is rebuilt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped {
    /// How many live holds.
    pub holds: u64,
    /// Their units.
    pub units: u64,
}

impl FlashSale {
    /// A page of the products that may have state in the gate, in the order of their ids: those after `after`, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn gates(&self, after: Option<ProductId>, limit: usize) -> Result<Vec<ProductId>, StoreError> {
        self.ports.ledger.products(after, limit).await
    }

    /// What [`FlashSale::rebuild`] would drop now.
    ///
    /// # Errors
    /// [`SaleError::ProductNotFound`].
    pub async fn live_holds(&self, product: ProductId) -> Result<Dropped, SaleError> {
        if self.record_state(product).await?.is_none() {
            return Err(SaleError::ProductNotFound);
        }
        match self.ports.ledger.books(product, self.policy.settle_after).await {
            Ok(books) => Ok(Dropped { holds: books.holds, units: books.held_units }),
            Err(LedgerError::Closed { .. }) => Ok(Dropped::default()),
            Err(LedgerError::Store(error)) => Err(error.into()),
        }
    }

    /// Drops the gate of a product, its live holds included, and opens it from the record under a new epoch; answers the level
    /// it then has. The sale goes on meanwhile: the new epoch fences every checkout that is under way, so that nothing is sold
    /// which the new gate promises to others; whoever loses their hold is told so at checkout.
    ///
    /// # Errors
    /// [`SaleError::ProductNotFound`]: nothing was dropped. [`SaleError::Unavailable`]: the gate may be dropped and not open
    /// yet; the next call on the product opens it.
    pub async fn rebuild(&self, product: ProductId) -> Result<StockLevel, SaleError> {
        if self.record_state(product).await?.is_none() {
            return Err(SaleError::ProductNotFound);
        }
        self.ports.ledger.forget(product).await?;
        self.open_gate(product, Cause::Distrusted).await?;
        self.status(product).await
    }
}
