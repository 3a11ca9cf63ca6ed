//! The waiting list: who joins, and who is called when units come free.
//!
//! While anybody waits for a product, its gate refuses whoever is not called ([`Terms::queued`](crate::Terms::queued)), so that what
//! comes free is still there when the usher looks. The usher calls strictly in order: the first in line is called with what they
//! want, once that much is free; until then it waits for them, and so does everybody behind. Only what there can never be is not
//! waited for: where less is left to sell altogether, or the limit is lower by now, they are called with that.
//!
//! A call is a hold first, and then the end of the wait. Whoever dies in between, or calls at the same time on another server, finds
//! the hold by its idempotency key: nobody loses their turn, and nobody has two.

use futures_util::future::join_all;

use crate::error::{SaleError, StoreError};
use crate::ids::ProductId;
use crate::page::{Page, PageRequest};
use crate::ports::{Caller, JoinOutcome, Place, ReserveCall, ReserveOutcome, SaleEvent, Waiting, Wish};
use crate::reservation::Reservation;
use crate::stock::{Quantity, RecordState, Units};
use crate::terms::TermsRefusal;
use crate::text::{IdempotencyKey, UserId};

use super::FlashSale;
use super::hold::reservation;

/// How many products one [`FlashSale::usher`] looks at; the next one goes on where it ended.
const QUEUES_A_ROUND: usize = 500;
/// How many of them side by side.
const SIDE_BY_SIDE: usize = 16;
/// How many are read from a line at a time: few, so that what was read is not old when the last of them is called.
const READ_AT_ONCE: usize = 32;
/// How often a line is read in one round.
const READS_A_ROUND: usize = 8;

/// A wish to wait for units.
#[derive(Debug, Clone)]
pub struct JoinRequest {
    /// Of what.
    pub product: ProductId,
    /// Who.
    pub user: UserId,
    /// How many they want to hold.
    pub quantity: Quantity,
}

/// What joining answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// As what they wait.
    pub waiting: Waiting,
    /// How many wait before them.
    pub ahead: u64,
    /// Whether this call put them in line; else they waited and their quantity was set.
    pub created: bool,
}

/// How a wait stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wait {
    /// It goes on.
    Waits {
        /// As what.
        waiting: Waiting,
        /// How many wait before them.
        ahead: u64,
    },
    /// It is over: units are held for the user.
    Called(Reservation),
}

/// What one round of the usher did, and where the next goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Round {
    /// Where the next round goes on; `None`: from the beginning.
    pub after: Option<ProductId>,
    /// How many products were waited for.
    pub queues: usize,
    /// How many who waited were called, or had what they waited for.
    pub called: usize,
    /// How many were taken off the list, since their sale is over.
    pub dropped: usize,
    /// Of how many products the line could not be served: the gate of one may be out of reach while the others' are not.
    pub failed: usize,
}

/// What became of somebody's turn.
enum Turn {
    /// They hold units.
    Called,
    /// It has not come.
    NotYet,
    /// It will never come.
    Never,
}

/// What became of a piece of a line.
#[derive(Default)]
struct Served {
    /// Who needs not wait any more.
    done: Vec<Waiting>,
    dropped: usize,
    /// Whether somebody's turn has not come.
    stopped: bool,
}

impl FlashSale {
    /// Puts a user in line for a product, or sets the quantity of one who waits, who keeps their place. Before a sale starts, too.
    ///
    /// # Errors
    /// [`SaleError::ProductNotFound`]; [`SaleError::Terms`]: it could never be granted, as the sale has ended or its limit is lower;
    /// [`SaleError::WaitingListFull`].
    pub async fn join(&self, request: JoinRequest) -> Result<Joined, SaleError> {
        let JoinRequest { product, user, quantity } = request;
        let found = self.ports.record.product(product).await?.ok_or(SaleError::ProductNotFound)?;
        if let Some(refusal) = found.terms.refuse_for_good(self.ports.clock.now(), quantity.into()) {
            return Err(SaleError::Terms(refusal));
        }
        let (reservation, most) = (self.mint_reservation(), self.policy.most_waiting);
        let wish = Wish { product, user: user.clone(), quantity, reservation, most };
        // The reservation makes a repeat harmless, so one lost answer is settled here.
        let outcome = match self.ports.waiting.join(wish.clone()).await {
            Err(StoreError::Unavailable { .. }) => self.ports.waiting.join(wish).await?,
            answer => answer?,
        };
        let (waiting, created) = match outcome {
            JoinOutcome::Full => return Err(SaleError::WaitingListFull),
            JoinOutcome::UnknownProduct => return Err(SaleError::ProductNotFound),
            JoinOutcome::Waits { waiting, created, record } => {
                if created {
                    self.ports.observer.observe(SaleEvent::JoinedLine);
                }
                if !found.terms.queued() {
                    self.tell_gate(product, record).await;
                }
                (waiting, created)
            }
        };
        // Who was called meanwhile has nobody before them.
        let ahead = self.ports.waiting.waiting(product, &user).await?.map_or(0, |(_, ahead)| ahead);
        Ok(Joined { waiting, ahead, created })
    }

    /// How a user's wait stands. Who waits no more is called as long as they hold units of the product.
    ///
    /// # Errors
    /// [`SaleError::ProductNotFound`], [`SaleError::NotWaiting`].
    pub async fn wait(&self, product: ProductId, user: &UserId) -> Result<Wait, SaleError> {
        if let Some((waiting, ahead)) = self.ports.waiting.waiting(product, user).await? {
            return Ok(Wait::Waits { waiting, ahead });
        }
        let hold = self.through_gate(product, || self.ports.ledger.hold(product, user)).await?;
        hold.map(|hold| Wait::Called(reservation(product, user.clone(), hold))).ok_or(SaleError::NotWaiting)
    }

    /// Takes a user out of the line. Units that are held for one who is called at that very moment are given back with
    /// [`FlashSale::release`].
    ///
    /// # Errors
    /// [`SaleError::ProductNotFound`], [`SaleError::NotWaiting`].
    pub async fn leave(&self, product: ProductId, user: &UserId) -> Result<Waiting, SaleError> {
        let Some((waiting, record)) = self.ports.waiting.leave(product, user).await? else {
            return Err(self.unless_unknown(product, SaleError::NotWaiting).await);
        };
        self.ports.observer.observe(SaleEvent::LeftLine);
        if !record.terms.queued() {
            self.tell_gate(product, record).await;
        }
        Ok(waiting)
    }

    /// A page of those who wait for a product, in their order.
    ///
    /// # Errors
    /// [`SaleError::ProductNotFound`].
    pub async fn line(&self, product: ProductId, page: PageRequest<Place>) -> Result<Page<Waiting, Place>, SaleError> {
        let size = usize::from(page.size.get());
        let mut items = self.ports.waiting.line(product, page.after, size + 1).await?;
        if items.is_empty() && self.record_state(product).await?.is_none() {
            return Err(SaleError::ProductNotFound);
        }
        let more = items.len() > size;
        items.truncate(size);
        let next = items.last().filter(|_| more).map(|last| last.place);
        Ok(Page { items, next })
    }

    /// One round of the usher: calls those whose turn has come; call it a few times a second, a little jittered, with what the last one
    /// returned. Any number of instances may do so at once.
    ///
    /// # Errors
    /// [`StoreError`]: a store is down, and nobody could be served; the next round goes on.
    pub async fn usher(&self, last: Round) -> Result<Round, StoreError> {
        let queues = self.ports.waiting.queues(last.after, QUEUES_A_ROUND).await?;
        let after = queues.last().map(|(product, _)| *product).filter(|_| queues.len() == QUEUES_A_ROUND);
        let mut round = Round { after, queues: queues.len(), ..Round::default() };
        let mut failure = None;
        for some in queues.chunks(SIDE_BY_SIDE) {
            let lines = some.iter().map(|(product, record)| self.serve(*product, *record));
            for line in join_all(lines).await {
                match line {
                    Ok((called, dropped)) => {
                        round.called += called;
                        round.dropped += dropped;
                    }
                    Err(error) => {
                        round.failed += 1;
                        failure = Some(error);
                    }
                }
            }
        }
        failure.filter(|_| round.failed == round.queues).map_or(Ok(round), Err)
    }

    /// Calls those of one line whose turn has come: how many were called, and how many dropped.
    async fn serve(&self, product: ProductId, record: RecordState) -> Result<(usize, usize), StoreError> {
        let (mut called, mut dropped) = (0, 0);
        // Nobody is called past a gate that lets others in.
        match self.through_gate(product, || self.ports.ledger.adopt(product, record)).await {
            Ok(()) => {}
            Err(SaleError::Unavailable(error) | SaleError::Internal(error)) => return Err(error),
            Err(_) => return Ok((0, 0)),
        }
        for _ in 0..READS_A_ROUND {
            let line = self.ports.waiting.line(product, None, READ_AT_ONCE).await?;
            let mut served = Served::default();
            let outcome = self.call_in_order(&line, &mut served).await;
            called += served.done.len() - served.dropped;
            dropped += served.dropped;
            // Also where the mark is not what it should be: it is put right by whoever takes somebody off the list, even nobody.
            if (!served.done.is_empty() || line.is_empty() || !record.terms.queued())
                && let Some(after) = self.ports.waiting.remove(product, &served.done).await?
                && after.terms.queued() != record.terms.queued()
            {
                self.tell_gate(product, after).await;
            }
            outcome?;
            if served.stopped || line.len() < READ_AT_ONCE {
                break;
            }
        }
        Ok((called, dropped))
    }

    async fn call_in_order(&self, line: &[Waiting], served: &mut Served) -> Result<(), StoreError> {
        let holds = line.iter().map(|waiting| async {
            let (product, user) = (waiting.product, &waiting.user);
            self.through_gate(product, || self.ports.ledger.hold(product, user)).await.map_err(of_store)
        });
        for (waiting, hold) in line.iter().zip(join_all(holds).await) {
            // Who holds units has what they waited for.
            let turn = if hold?.is_some() { Turn::Called } else { self.call(waiting).await? };
            match turn {
                Turn::NotYet => {
                    served.stopped = true;
                    return Ok(());
                }
                Turn::Called => self.ports.observer.observe(SaleEvent::Called),
                Turn::Never => {
                    served.dropped += 1;
                    self.ports.observer.observe(SaleEvent::TurnDropped);
                }
            }
            served.done.push(waiting.clone());
        }
        Ok(())
    }

    /// Makes the hold of somebody who waits, if their turn has come.
    async fn call(&self, waiting: &Waiting) -> Result<Turn, StoreError> {
        let mut quantity = Units::from(waiting.quantity);
        // What they want, then at most the limit, then what is left.
        for _ in 0..3 {
            let call = ReserveCall {
                product: waiting.product,
                user: waiting.user.clone(),
                quantity,
                candidate: waiting.reservation,
                ttl: self.policy.hold_time,
                key: IdempotencyKey::parse(&format!("waiting-list/{}", waiting.reservation)).ok(),
                caller: Caller::Called,
            };
            match self.reserve_call(call).await.map_err(of_store)? {
                // A key that was used with another quantity was used by whoever called them before.
                ReserveOutcome::Held { .. }
                | ReserveOutcome::Replayed(_)
                | ReserveOutcome::KeyReused
                | ReserveOutcome::CheckoutInProgress => return Ok(Turn::Called),
                ReserveOutcome::Refused(TermsRefusal::Ended { .. }) => return Ok(Turn::Never),
                ReserveOutcome::Refused(TermsRefusal::OverLimit { max_per_reservation }) => {
                    quantity = max_per_reservation.into();
                }
                // Nobody holds any, so there will never be more of them than there are now.
                ReserveOutcome::Insufficient(level)
                    if level.available() == level.total() && level.available() > Units::ZERO =>
                {
                    quantity = level.available();
                }
                ReserveOutcome::Refused(TermsRefusal::NotStarted { .. })
                | ReserveOutcome::Insufficient(_)
                | ReserveOutcome::Queued(_) => return Ok(Turn::NotYet),
            }
        }
        Ok(Turn::NotYet)
    }

    /// Lets the gate know at once. If it cannot hear of it now, it does so within a second (reconcile).
    async fn tell_gate(&self, product: ProductId, record: RecordState) {
        self.within(self.policy.checkout_patience / 3, self.adopt_at_last(product, record)).await;
    }

    /// This error, if there is such a product.
    async fn unless_unknown(&self, product: ProductId, error: SaleError) -> SaleError {
        match self.record_state(product).await {
            Ok(Some(_)) => error,
            Ok(None) => SaleError::ProductNotFound,
            Err(down) => down.into(),
        }
    }
}

/// What a call on a gate fails with, for those who answer no caller. That the product went away is as if its store had.
fn of_store(error: SaleError) -> StoreError {
    match error {
        SaleError::Unavailable(error) | SaleError::Internal(error) => error,
        other => StoreError::unavailable("gate", other),
    }
}
