//! Errors: only what a caller can act on, and the cause beside it.

use std::error::Error;
use std::sync::Arc;

use crate::stock::{StockLevel, Units};
use crate::terms::TermsRefusal;

/// A value that was refused, with the sentence that says what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(&'static str);

impl Invalid {
    /// From a sentence such as "must be an integer from 1 to 100".
    #[must_use]
    pub const fn new(allowed: &'static str) -> Self {
        Self(allowed)
    }

    /// The sentence.
    #[must_use]
    pub const fn message(&self) -> &'static str {
        self.0
    }
}

/// A store could not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The store cannot be reached, lost the connection or was too slow. Whether the call took effect is *unknown*;
    /// repeating the same call is always safe and settles it.
    #[error("{store} cannot be reached or is too slow: {source}")]
    Unavailable {
        /// Which store, for the log and for readiness.
        store: &'static str,
        /// Why.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The adapter's own queue is full. Nothing was changed.
    #[error("{store} has too many calls waiting; nothing was changed")]
    Overloaded {
        /// Which store.
        store: &'static str,
    },
    /// The store answered, definitely, that this call failed. Nothing was changed, and repeating it will not help.
    #[error("{store} refused a call: {source}")]
    Failed {
        /// Which store.
        store: &'static str,
        /// Why.
        source: Arc<dyn Error + Send + Sync>,
    },
}

impl StoreError {
    /// An [`StoreError::Unavailable`] with its cause.
    pub fn unavailable(store: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable { store, source: Arc::from(source.into()) }
    }

    /// A [`StoreError::Failed`] with its cause.
    pub fn failed(store: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failed { store, source: Arc::from(source.into()) }
    }

    /// Which store it was.
    #[must_use]
    pub const fn store(&self) -> &'static str {
        match self {
            Self::Unavailable { store, .. } | Self::Overloaded { store } | Self::Failed { store, .. } => store,
        }
    }
}

/// Why a quantity could not be reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortage {
    /// Nothing is left to sell.
    SoldOut,
    /// Something is left, but others hold it; holds may still lapse, so a retry is worth it.
    AllHeld,
    /// Others wait for what there is and for what comes free: it is their turn first. Who wants units stands in line.
    WaitingList,
}

impl Shortage {
    /// The reason for a product at this level.
    #[must_use]
    pub fn of(level: StockLevel) -> Self {
        if level.total() == Units::ZERO { Self::SoldOut } else { Self::AllHeld }
    }

    /// The reason for one who is not next in line for a product at this level.
    #[must_use]
    pub fn behind_others(level: StockLevel) -> Self {
        if level.total() == Units::ZERO { Self::SoldOut } else { Self::WaitingList }
    }
}

/// What a use case answers when it cannot do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SaleError {
    /// No product has this id.
    #[error("no product has this id")]
    ProductNotFound,
    /// The user has no live hold on this product (or not the one named).
    #[error("the user has no live reservation of this product")]
    NoReservation,
    /// The user does not wait for this product.
    #[error("the user does not wait for this product")]
    NotWaiting,
    /// No more can wait for this product. Nothing was changed.
    #[error("the waiting list is full")]
    WaitingListFull,
    /// No order has this id.
    #[error("no order has this id")]
    OrderNotFound,
    /// The units are not there. Nothing was changed.
    #[error("only {available} units are available", available = available.get())]
    InsufficientStock {
        /// What could have been reserved.
        available: Units,
        /// Whether a retry is worth it.
        shortage: Shortage,
    },
    /// The terms of the sale do not allow it. Nothing was changed; a hold the user has stands as it was.
    #[error("the terms of the sale do not allow it")]
    Terms(TermsRefusal),
    /// The end of the sale would not be later than its start. Nothing was changed.
    #[error("the sale would not end later than it starts")]
    EndBeforeStart,
    /// The hold is being paid for by another request.
    #[error("the reservation is being paid for by another request")]
    CheckoutInProgress,
    /// The idempotency key was used before with another body.
    #[error("this idempotency key was used before with another request body")]
    IdempotencyKeyReused,
    /// An increase would take the stock above [`Units::MAX`]. Nothing was changed.
    #[error("the stock would rise above 1000000000 units")]
    TooMuchStock,
    /// A store is down, too slow or overloaded. Nothing was changed, or repeating the same request settles it.
    #[error(transparent)]
    Unavailable(StoreError),
    /// A store refused a call for a reason no caller can mend.
    #[error(transparent)]
    Internal(StoreError),
}

impl From<StoreError> for SaleError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Failed { .. } => Self::Internal(error),
            StoreError::Unavailable { .. } | StoreError::Overloaded { .. } => Self::Unavailable(error),
        }
    }
}
