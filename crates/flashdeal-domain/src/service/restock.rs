//! Restock: an increase goes to the record and is adopted; a decrease goes through the gate first (protocol, "restock").

use std::pin::pin;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Either, select};

use crate::error::{SaleError, Shortage, StoreError};
use crate::ids::ProductId;
use crate::ports::{
    BeginOutcome, Caller, Change, ChangeOutcome, Finish, Hold, ReserveCall, ReserveOutcome, SaleEvent, Settlement,
    StockChange, Withdrawal,
};
use crate::product::{Product, ProductPatch, StockDelta};
use crate::stock::{Epoch, RecordState, StockLevel, Units};
use crate::text::UserId;

use super::FlashSale;

/// How often a fenced decrease begins anew.
const FENCED_ATTEMPTS: u32 = 8;

/// How long a lost answer of the record is waited for before each of the calls that settle it.
const RETRIES: [Duration; 4] =
    [Duration::from_millis(20), Duration::from_millis(60), Duration::from_millis(180), Duration::from_millis(540)];

impl FlashSale {
    /// Changes a product: all of the patch, or nothing of it. The gate is asked first: once the record has the change, no gate
    /// that fails makes it look as if there were none, since a repeat would change the stock twice.
    ///
    /// # Errors
    /// [`SaleError::ProductNotFound`]; [`SaleError::InsufficientStock`]: fewer units are available than are to be taken away
    /// (a held unit is never taken); [`SaleError::TooMuchStock`]; [`SaleError::EndBeforeStart`].
    pub async fn change_product(&self, id: ProductId, patch: ProductPatch) -> Result<(Product, StockLevel), SaleError> {
        let ProductPatch { name, description, price, add_stock, terms } = patch;
        let change = Change { name, description, price, stock: StockChange::None, terms };
        let before = self.status(id).await?;
        let product = match add_stock {
            Some(StockDelta::Withdraw(units)) if units > Units::ZERO => self.withdraw(id, change, units).await?,
            Some(StockDelta::Add(units)) if units > Units::ZERO => {
                let stock = StockChange::Add { id: self.mint_reservation(), units };
                self.change_and_adopt(id, Change { stock, ..change }).await?
            }
            _ => self.change_and_adopt(id, change).await?,
        };
        let level = self.within(self.policy.checkout_patience / 6, self.status(id)).await;
        let level = level.unwrap_or_else(|| StockLevel::new(product.total_stock, before.reserved()));
        Ok((Product { total_stock: level.total(), ..product }, level))
    }

    async fn change_and_adopt(&self, id: ProductId, change: Change) -> Result<Product, SaleError> {
        match self.change_in_record(id, change).await? {
            ChangeOutcome::Changed(product, record) => {
                // The change stands; a gate that cannot hear of it now adopts it within a second (reconcile).
                // Longer than a gate takes that somebody else has to reopen.
                self.within(self.policy.checkout_patience * 2 / 3, self.adopt_at_last(id, record)).await;
                Ok(product)
            }
            other => Err(refusal(&other)),
        }
    }

    /// What the gate says after a change that stands, if it says so in time: a gate that fails or hangs must not make the change
    /// look as if it had not been made.
    pub(super) async fn within<T>(
        &self,
        time: Duration,
        gate: impl Future<Output = Result<T, SaleError>>,
    ) -> Option<T> {
        match select(pin!(gate), self.ports.runtime.sleep(time)).await {
            Either::Left((answer, _)) => answer.ok(),
            Either::Right(_) => None,
        }
    }

    /// Tries until the gate shows the change: who is told of it before the patience for this ends sees it.
    pub(super) async fn adopt_at_last(&self, id: ProductId, record: RecordState) -> Result<(), SaleError> {
        let mut backoff = Duration::from_millis(10);
        while !self.adopt_change(id, record).await.unwrap_or(false) {
            self.ports.runtime.sleep(self.jitter(backoff)).await;
            backoff = (backoff * 2).min(Duration::from_millis(400));
        }
        Ok(())
    }

    /// Whether the gate shows the change. One under an older epoch than the record's is being reopened, perhaps with what the record
    /// said before this change: that is waited for, and looked at again. It may even have been opened so after the adoption, which
    /// another epoch's gate ignores; so it is the version that tells.
    async fn adopt_change(&self, id: ProductId, record: RecordState) -> Result<bool, SaleError> {
        self.through_gate(id, || self.ports.ledger.adopt(id, record)).await?;
        let views = self.ports.ledger.view(&[id], self.policy.settle_after).await?;
        match views.iter().find_map(|view| view.open) {
            Some((epoch, version)) if version < record.version => {
                if epoch < record.epoch {
                    self.reopen_after_fence(id, epoch).await?;
                }
                Ok(false)
            }
            // A gate without state is opened with what the record says by then.
            _ => Ok(true),
        }
    }

    /// Takes units out of the gate as a hold of nobody's, then out of the record. A crash in between leaves a paying hold,
    /// which the background settles like any other.
    async fn withdraw(&self, id: ProductId, change: Change, units: Units) -> Result<Product, SaleError> {
        let holder = UserId::withdrawal(&self.mint_reservation());
        for _ in 0..FENCED_ATTEMPTS {
            let (hold, epoch) = self.take_out_of_gate(id, &holder, units).await?;
            let withdrawal = Withdrawal { reservation: hold.reservation, epoch, units };
            let change = Change { stock: StockChange::Withdraw(withdrawal), ..change.clone() };
            let finish = |record: Option<RecordState>| Finish {
                product: id,
                user: holder.clone(),
                reservation: hold.reservation,
                record,
            };
            let outcome = match self.change_in_record(id, change).await {
                Ok(outcome) => outcome,
                Err(unknown @ StoreError::Unavailable { .. }) => return Err(unknown.into()),
                // Nothing was changed by this call; an earlier one whose answer was lost may have been made.
                Err(definite) => return self.give_back(finish(None)).await.ok().flatten().ok_or(definite.into()),
            };
            match outcome {
                ChangeOutcome::Changed(product, record) => {
                    let finishing = self.finish_at_last(finish(Some(record))).map(Ok);
                    self.within(self.policy.checkout_patience * 2 / 3, finishing).await;
                    return Ok(product);
                }
                ChangeOutcome::Fenced => {
                    self.ports.observer.observe(SaleEvent::Fenced);
                    self.reopen_after_fence(id, epoch).await?;
                }
                other => {
                    self.give_back(finish(None)).await?;
                    return Err(refusal(&other));
                }
            }
        }
        Err(StoreError::unavailable("gate", "it was reopened again and again during a change of stock").into())
    }

    /// Gives back what was taken out of the gate. The record is made to say first that it takes the units out no more, as an attempt
    /// that was lost may be on its way still; the product, if it took them out already.
    async fn give_back(&self, taken: Finish) -> Result<Option<Product>, StoreError> {
        let settled = self.ports.record.void(taken.product, taken.reservation, &taken.user).await?;
        let record = self.record_state(taken.product).await?;
        let id = taken.product;
        self.finish_quietly(Finish { record, ..taken }).await;
        match settled {
            Some(Settlement::Withdrawn) => self.ports.record.product(id).await,
            _ => Ok(None),
        }
    }

    async fn take_out_of_gate(&self, id: ProductId, holder: &UserId, units: Units) -> Result<(Hold, Epoch), SaleError> {
        let call = ReserveCall {
            product: id,
            user: holder.clone(),
            quantity: units,
            candidate: self.mint_reservation(),
            ttl: self.policy.hold_time,
            key: None,
            caller: Caller::Shop,
        };
        match self.reserve_call(call).await? {
            // In progress: our own hold, which survived a reopening.
            ReserveOutcome::Held { .. } | ReserveOutcome::Replayed(_) | ReserveOutcome::CheckoutInProgress => {}
            ReserveOutcome::Insufficient(level) => {
                let (available, shortage) = (level.available(), Shortage::of(level));
                return Err(SaleError::InsufficientStock { available, shortage });
            }
            ReserveOutcome::Refused(_) | ReserveOutcome::Queued(_) => {
                return Err(StoreError::failed("gate", "it bound the shop's own call by the terms of the sale").into());
            }
            ReserveOutcome::KeyReused => return Err(SaleError::IdempotencyKeyReused),
        }
        match self.through_gate(id, || self.ports.ledger.begin(id, holder, None)).await? {
            BeginOutcome::Paying { hold, epoch } => Ok((hold, epoch)),
            BeginOutcome::NoHold => Err(StoreError::unavailable("gate", "it lost the units to be withdrawn").into()),
        }
    }

    /// The ids in a change make a repeat harmless, so a lost answer is settled here.
    async fn change_in_record(&self, id: ProductId, change: Change) -> Result<ChangeOutcome, StoreError> {
        for pause in RETRIES {
            match self.ports.record.change_product(id, change.clone()).await {
                Err(StoreError::Unavailable { .. }) => self.ports.runtime.sleep(self.jitter(pause)).await,
                answer => return answer,
            }
        }
        self.ports.record.change_product(id, change).await
    }
}

fn refusal(outcome: &ChangeOutcome) -> SaleError {
    match outcome {
        ChangeOutcome::UnknownProduct => SaleError::ProductNotFound,
        ChangeOutcome::TooMuch => SaleError::TooMuchStock,
        ChangeOutcome::EndBeforeStart => SaleError::EndBeforeStart,
        ChangeOutcome::NoStock => SaleError::InsufficientStock { available: Units::ZERO, shortage: Shortage::AllHeld },
        ChangeOutcome::Changed(..) | ChangeOutcome::Fenced | ChangeOutcome::Void => {
            StoreError::unavailable("record", "the change of stock was voided while under way; try again").into()
        }
    }
}
