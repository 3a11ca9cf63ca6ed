//! Reserve, read and release a hold.

use crate::error::{SaleError, Shortage};
use crate::ids::ProductId;
use crate::ports::{Caller, Finish, Hold, ReleaseOutcome, ReserveCall, ReserveOutcome, Settlement};
use crate::reservation::Reservation;
use crate::stock::Quantity;
use crate::text::{IdempotencyKey, UserId};

use super::FlashSale;

/// A wish to hold units.
#[derive(Debug, Clone)]
pub struct ReserveRequest {
    /// Of what.
    pub product: ProductId,
    /// By whom.
    pub user: UserId,
    /// How many they want to hold in all.
    pub quantity: Quantity,
    /// Makes a delayed duplicate harmless; see [`FlashSale::reserve`].
    pub key: Option<IdempotencyKey>,
}

/// What a reserve answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reserved {
    /// The hold.
    pub reservation: Reservation,
    /// Whether this call made it; else the user held already and the hold now has this quantity.
    pub created: bool,
    /// Whether this is the first answer to the same idempotency key again. The hold may have ended since.
    pub replayed: bool,
}

impl FlashSale {
    /// Holds units for a user, or sets the quantity of the hold they have. It never extends the hold.
    ///
    /// # Errors
    /// [`SaleError::ProductNotFound`]; [`SaleError::InsufficientStock`], [`SaleError::Terms`]: the hold they had stands as it was;
    /// [`SaleError::CheckoutInProgress`]; [`SaleError::IdempotencyKeyReused`]: the same key came with another quantity.
    pub async fn reserve(&self, request: ReserveRequest) -> Result<Reserved, SaleError> {
        let ReserveRequest { product, user, quantity, key } = request;
        let call = ReserveCall {
            product,
            user: user.clone(),
            quantity: quantity.into(),
            candidate: self.mint_reservation(),
            ttl: self.policy.hold_time,
            key,
            caller: Caller::Buyer,
        };
        let (hold, created, replayed) = match self.reserve_call(call).await? {
            ReserveOutcome::Held { hold, created } => (hold, created, false),
            ReserveOutcome::Replayed(hold) => (hold, false, true),
            ReserveOutcome::Refused(refusal) => return Err(SaleError::Terms(refusal)),
            ReserveOutcome::KeyReused => return Err(SaleError::IdempotencyKeyReused),
            ReserveOutcome::CheckoutInProgress => return Err(SaleError::CheckoutInProgress),
            ReserveOutcome::Insufficient(level) => {
                let (available, shortage) = (level.available(), Shortage::of(level));
                return Err(SaleError::InsufficientStock { available, shortage });
            }
            ReserveOutcome::Queued(level) => {
                let (available, shortage) = (level.available(), Shortage::behind_others(level));
                return Err(SaleError::InsufficientStock { available, shortage });
            }
        };
        Ok(Reserved { reservation: reservation(product, user, hold), created, replayed })
    }

    /// The user's live hold.
    ///
    /// # Errors
    /// [`SaleError::ProductNotFound`], [`SaleError::NoReservation`].
    pub async fn hold(&self, product: ProductId, user: &UserId) -> Result<Reservation, SaleError> {
        let hold = self.through_gate(product, || self.ports.ledger.hold(product, user)).await?;
        hold.map(|hold| reservation(product, user.clone(), hold)).ok_or(SaleError::NoReservation)
    }

    /// Ends the user's hold; its units are free at once. A hold that is being paid for is voided in the record first, so
    /// that it is either released or sold, never both.
    ///
    /// # Errors
    /// [`SaleError::ProductNotFound`]; [`SaleError::NoReservation`], also when a checkout won the race.
    pub async fn release(&self, product: ProductId, user: &UserId) -> Result<Reservation, SaleError> {
        match self.through_gate(product, || self.ports.ledger.release(product, user)).await? {
            ReleaseOutcome::Released(hold) => Ok(reservation(product, user.clone(), hold)),
            ReleaseOutcome::NoHold => Err(SaleError::NoReservation),
            ReleaseOutcome::Paying(hold) => self.release_paying(product, user, hold).await,
        }
    }

    async fn release_paying(&self, product: ProductId, user: &UserId, hold: Hold) -> Result<Reservation, SaleError> {
        let settled = self.ports.record.void(product, hold.reservation, user).await?;
        let settled = settled.ok_or(SaleError::ProductNotFound)?;
        // If a checkout won, the total it left must reach the gate in the same step that frees the units there: else somebody
        // is promised a unit that is gone.
        let record = self.record_state(product).await?;
        let finish = Finish { product, user: user.clone(), reservation: hold.reservation, record };
        self.through_gate(product, || self.ports.ledger.finish(finish.clone())).await?;
        match settled {
            Settlement::Void => Ok(reservation(product, user.clone(), hold)),
            Settlement::Sold(_) | Settlement::Withdrawn => Err(SaleError::NoReservation),
        }
    }

    /// One reserve, through a gate that may first have to be opened.
    pub(super) async fn reserve_call(&self, call: ReserveCall) -> Result<ReserveOutcome, SaleError> {
        self.through_gate(call.product, || self.ports.ledger.reserve(call.clone())).await
    }
}

pub(super) fn reservation(product: ProductId, user: UserId, hold: Hold) -> Reservation {
    Reservation { id: hold.reservation, product, user, quantity: hold.quantity, expires_at: hold.expires_at }
}
