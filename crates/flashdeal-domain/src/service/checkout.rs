//! Checkout: begin at the gate, commit in the record, finish at the gate (protocol, "Checkout").

use std::pin::pin;
use std::time::Duration;

use futures_channel::oneshot;
use futures_util::FutureExt;
use futures_util::future::{Either, select};

use crate::error::{SaleError, Shortage, StoreError};
use crate::ids::{OrderId, ProductId, ReservationId};
use crate::order::Order;
use crate::ports::record::CheckoutKey;
use crate::ports::{BeginOutcome, Commit, Finish, Hold, SaleEvent, Settlement};
use crate::stock::{Epoch, RecordState, StockLevel, Units};
use crate::text::{IdempotencyKey, UserId};

use super::FlashSale;

/// A wish to buy what one holds.
#[derive(Debug, Clone)]
pub struct CheckoutRequest {
    /// Of what.
    pub product: ProductId,
    /// By whom.
    pub user: UserId,
    /// Exactly this hold, or the one they have. Naming it makes a repeat answer the same order.
    pub named: Option<ReservationId>,
    /// Makes a repeat answer the same order too.
    pub key: Option<IdempotencyKey>,
}

/// What a checkout answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedOut {
    /// The order; durable.
    pub order: Order,
    /// Whether this call wrote it; else it is the same order again.
    pub created: bool,
    /// Whether it was found by its idempotency key.
    pub replayed: bool,
}

/// How often a fenced checkout begins anew: each time the gate was reopened meanwhile. Seldom more than once; where a store is
/// slow and a crowd meets two instances that both reopen, it can be a few times, and the policy's patience ends it before this.
const FENCED_ATTEMPTS: u32 = 16;

impl FlashSale {
    /// Sells all of the user's hold once, or changes nothing. Repeats, concurrent doubles and lost answers never sell twice.
    /// The sale goes on when the caller stops waiting.
    ///
    /// # Errors
    /// [`SaleError::ProductNotFound`]; [`SaleError::NoReservation`]; [`SaleError::IdempotencyKeyReused`]: the same key came
    /// with another body; [`SaleError::InsufficientStock`]: the gate lost its memory and the units were sold to others
    /// meanwhile (the hold is over).
    pub async fn checkout(&self, request: CheckoutRequest) -> Result<CheckedOut, SaleError> {
        let (answer, answered) = oneshot::channel();
        let sale = self.clone();
        let attempt = async move { sale.attempt(request, answer).await };
        self.ports.runtime.spawn(attempt.boxed());
        answered.await.unwrap_or_else(|_| Err(StoreError::unavailable("checkout", "the attempt was cut off").into()))
    }

    /// One attempt, bounded by the policy's patience; answers as soon as the outcome is known and the gate agrees.
    async fn attempt(self, request: CheckoutRequest, answer: oneshot::Sender<Result<CheckedOut, SaleError>>) {
        let patience = self.ports.runtime.sleep(self.policy.checkout_patience);
        let sold = match select(self.sell(&request).boxed(), patience).await {
            Either::Left((sold, _)) => sold,
            Either::Right(_) => Err(StoreError::unavailable("checkout", "it took too long").into()),
        };
        match sold {
            Ok((checked_out, Some(finish))) => self.finish_then_answer(finish, checked_out, answer).await,
            // Nobody may be left to hear it; the outcome stands all the same.
            Ok((checked_out, None)) => drop(answer.send(Ok(checked_out))),
            Err(error) => drop(answer.send(Err(error))),
        }
    }

    /// Steps 1 and 2: begin and commit. With the order comes what is left to tell the gate, if anything.
    async fn sell(&self, request: &CheckoutRequest) -> Result<(CheckedOut, Option<Finish>), SaleError> {
        if let Some(replayed) = self.replay(request).await? {
            return Ok((replayed, None));
        }
        let (product, user) = (request.product, &request.user);
        for _ in 0..FENCED_ATTEMPTS {
            let begin = || self.ports.ledger.begin(product, user, request.named);
            let (hold, epoch) = match self.through_gate(product, begin).await? {
                BeginOutcome::Paying { hold, epoch } => (hold, epoch),
                BeginOutcome::NoHold => return Ok((self.sold_before(request).await?, None)),
            };
            match self.commit(request, hold, epoch).await? {
                Commit::Sold { order, earlier, record } => {
                    let finish = self.finish_of(request, hold, Some(record));
                    return Ok((CheckedOut { order, created: !earlier, replayed: false }, Some(finish)));
                }
                Commit::Fenced => {
                    self.ports.observer.observe(SaleEvent::Fenced);
                    self.reopen_after_fence(product, epoch).await?;
                }
                Commit::Void => {
                    let record = self.record_state(product).await?;
                    self.finish_quietly(self.finish_of(request, hold, record)).await;
                    return Err(SaleError::NoReservation);
                }
                Commit::NoStock { .. } => return self.refuse(request, hold).await,
                // The hold stays paying: another checkout, with a key of its own, can still sell it.
                Commit::KeyReused => return Err(SaleError::IdempotencyKeyReused),
                Commit::UnknownProduct => return Err(SaleError::ProductNotFound),
            }
        }
        Err(StoreError::unavailable("gate", "it was reopened again and again during a checkout").into())
    }

    /// Step 2. A lost connection is *unknown*: the same call again, until the attempt's patience ends.
    async fn commit(&self, request: &CheckoutRequest, hold: Hold, epoch: Epoch) -> Result<Commit, StoreError> {
        let key = request.key.clone().map(|key| CheckoutKey { key, named: request.named });
        let sale = crate::ports::Sale {
            order: OrderId::from_uuid(self.ports.ids.next_id()),
            product: request.product,
            reservation: hold.reservation,
            epoch,
            quantity: hold.quantity,
            user: request.user.clone(),
            key,
        };
        let mut backoff = Duration::from_millis(20);
        loop {
            match self.ports.record.commit(sale.clone()).await {
                // The order id is this checkout's own: an order that has it was written by one of these calls, whichever answer
                // was lost on its way.
                Ok(Commit::Sold { order, earlier, record }) => {
                    let earlier = earlier && order.id != sale.order;
                    return Ok(Commit::Sold { order, earlier, record });
                }
                Err(StoreError::Unavailable { .. }) => {
                    self.ports.observer.observe(SaleEvent::CommitRetried);
                    self.ports.runtime.sleep(self.jitter(backoff)).await;
                    backoff = (backoff * 2).min(Duration::from_millis(400));
                }
                answer => return answer,
            }
        }
    }

    /// Step 3. The buyer waits for the gate, so that what they read next agrees, but not for long: the sale stands.
    async fn finish_then_answer(
        &self,
        finish: Finish,
        sold: CheckedOut,
        answer: oneshot::Sender<Result<CheckedOut, SaleError>>,
    ) {
        let finishing = self.finish_at_last(finish).boxed();
        let patience = self.ports.runtime.sleep(self.policy.finish_patience);
        match select(finishing, patience).await {
            Either::Left(_) => drop(answer.send(Ok(sold))),
            Either::Right(((), finishing)) => {
                self.ports.observer.observe(SaleEvent::FinishDeferred);
                drop(answer.send(Ok(sold)));
                finishing.await;
            }
        }
    }

    /// A finish that is tried until the gate acknowledges it: a buyer who is answered before their patience ends was answered with
    /// the gate's leave. After the patience of a checkout it is the background's to mend.
    pub(super) async fn finish_at_last(&self, finish: Finish) {
        let finished = || self.through_gate(finish.product, || self.ports.ledger.finish(finish.clone()));
        if finished().await.is_ok() {
            return;
        }
        let trying = async {
            let mut backoff = Duration::from_millis(10);
            while finished().await.is_err() {
                self.ports.runtime.sleep(self.jitter(backoff)).await;
                backoff = (backoff * 2).min(Duration::from_millis(400));
            }
        };
        select(pin!(trying), self.ports.runtime.sleep(self.policy.checkout_patience)).await;
    }

    /// A finish whose failure is the background's to mend.
    pub(super) async fn finish_quietly(&self, finish: Finish) {
        if self.ports.ledger.finish(finish).await.is_err() {
            self.ports.observer.observe(SaleEvent::FinishDeferred);
        }
    }

    /// The order that the same key made before, if any. Asked first, so that an old key never sells a new hold.
    async fn replay(&self, request: &CheckoutRequest) -> Result<Option<CheckedOut>, SaleError> {
        let Some(key) = &request.key else { return Ok(None) };
        match self.ports.record.keyed_order(request.product, &request.user, key).await? {
            Some(found) if found.named == request.named => {
                Ok(Some(CheckedOut { order: found.order, created: false, replayed: true }))
            }
            Some(_) => Err(SaleError::IdempotencyKeyReused),
            None => Ok(None),
        }
    }

    /// No live hold: what was named may have been sold before.
    async fn sold_before(&self, request: &CheckoutRequest) -> Result<CheckedOut, SaleError> {
        // A concurrent double with the same key may have finished between our look and our begin.
        if let Some(replayed) = self.replay(request).await? {
            return Ok(replayed);
        }
        let named = request.named.ok_or(SaleError::NoReservation)?;
        match self.ports.record.settlement(request.product, named).await? {
            Some(Settlement::Sold(order)) if order.user == request.user => {
                Ok(CheckedOut { order, created: false, replayed: false })
            }
            _ => Err(SaleError::NoReservation),
        }
    }

    /// The record has fewer units than a gate without memory promised. The hold is voided, so that a late repeat cannot
    /// sell it, and ended; unless another attempt sold it meanwhile.
    async fn refuse(&self, request: &CheckoutRequest, hold: Hold) -> Result<(CheckedOut, Option<Finish>), SaleError> {
        let product = request.product;
        let settled = self.ports.record.void(product, hold.reservation, &request.user).await?;
        let record = self.record_state(product).await?;
        let finish = self.finish_of(request, hold, record);
        if let Some(Settlement::Sold(order)) = settled {
            return Ok((CheckedOut { order, created: false, replayed: false }, Some(finish)));
        }
        self.finish_quietly(finish).await;
        let left = record.map_or(Units::ZERO, |record| record.total);
        let shortage = Shortage::of(StockLevel::new(left, Units::ZERO));
        Err(SaleError::InsufficientStock { available: left, shortage })
    }

    #[expect(clippy::unused_self, reason = "reads as the sale's own step beside begin and commit")]
    fn finish_of(&self, request: &CheckoutRequest, hold: Hold, record: Option<RecordState>) -> Finish {
        Finish { product: request.product, user: request.user.clone(), reservation: hold.reservation, record }
    }
}
