//! The background, on every instance: settle and reconcile, once a second (protocol, "The background").

use std::time::Duration;

use futures_util::future::join_all;

use crate::error::{SaleError, StoreError};
use crate::ids::ProductId;
use crate::ports::{Finish, GateView, LedgerError, PayingHold, SaleEvent, Settlement};
use crate::stock::RecordState;

use super::FlashSale;
use super::opening::Cause;

/// How many products one round looks at in one call to each store.
const PRODUCTS_A_CALL: usize = 500;
/// How many products one [`FlashSale::tick`] looks at; the next one goes on where it ended.
const PRODUCTS_A_TICK: usize = 10_000;

/// How many gates are reconciled side by side.
const SIDE_BY_SIDE: usize = 16;

/// What one round of the background did, and where the next goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tick {
    /// Where the next round goes on; `None`: from the beginning.
    pub after: Option<ProductId>,
    /// How many products were looked at.
    pub products: usize,
    /// How many checkouts that died half way were ended.
    pub settled: usize,
    /// How many gates adopted a newer state of the record or were reopened.
    pub reconciled: usize,
}

impl FlashSale {
    /// One round of the background; call it every second, a little jittered, with what the last one returned. Any number
    /// of instances may do so at once.
    ///
    /// # Errors
    /// [`StoreError`]: a store is down; the next round goes on.
    pub async fn tick(&self, last: Tick) -> Result<Tick, StoreError> {
        let mut tick = Tick { after: last.after, ..Tick::default() };
        while tick.products < PRODUCTS_A_TICK {
            let products = self.ports.ledger.products(tick.after, PRODUCTS_A_CALL).await?;
            tick.after = products.last().copied().filter(|_| products.len() == PRODUCTS_A_CALL);
            tick.products += products.len();
            if !products.is_empty() {
                self.look_after(&products, &mut tick).await?;
            }
            if tick.after.is_none() {
                break;
            }
        }
        Ok(tick)
    }

    async fn look_after(&self, products: &[ProductId], tick: &mut Tick) -> Result<(), StoreError> {
        let views = self.ports.ledger.view(products, self.policy.settle_after).await?;
        let open: Vec<_> = views.iter().filter(|view| view.open.is_some()).map(|view| view.product).collect();
        let states = if open.is_empty() { Vec::new() } else { self.ports.record.states(&open).await? };
        let states: std::collections::HashMap<_, _> = states.into_iter().collect();
        for some in views.chunks(SIDE_BY_SIDE) {
            let reconciled = some.iter().filter_map(|view| Some(self.reconcile(view, *states.get(&view.product)?)));
            for reconciled in join_all(reconciled).await {
                tick.reconciled += usize::from(reconciled?);
            }
        }
        for view in &views {
            for paying in &view.paying {
                tick.settled += usize::from(self.settle(view.product, paying).await?);
            }
        }
        Ok(())
    }

    /// Adopts a newer state of the record; reopens a gate that is behind the record's epoch or may have lost memory.
    async fn reconcile(&self, view: &GateView, record: RecordState) -> Result<bool, StoreError> {
        let Some((epoch, version)) = view.open else { return Ok(false) };
        if view.needs_reopening || record.epoch > epoch {
            let reopened = if view.needs_reopening {
                self.open_gate(view.product, Cause::Distrusted).await
            } else {
                self.reopen_after_fence(view.product, epoch).await
            };
            return match reopened {
                Ok(()) => Ok(true),
                Err(SaleError::Unavailable(error) | SaleError::Internal(error)) => Err(error),
                // The product is gone from the record: nobody can buy it, nothing to mend.
                Err(_) => Ok(false),
            };
        }
        if record.version <= version {
            return Ok(false);
        }
        let adopted = unless_closed(self.ports.ledger.adopt(view.product, record).await)?;
        if adopted {
            self.ports.observer.observe(SaleEvent::Reconciled);
        }
        Ok(adopted)
    }

    /// Ends a checkout that died half way: as sold if the record says so; as void once no attempt can be alive any more.
    /// Before that it only ever moves towards sold.
    async fn settle(&self, product: ProductId, paying: &PayingHold) -> Result<bool, StoreError> {
        let reservation = paying.hold.reservation;
        let mut settlement = self.ports.record.settlement(product, reservation).await?;
        if settlement.is_none() && paying.overdue >= self.late_void_after() {
            settlement = self.ports.record.void(product, reservation, &paying.user).await?;
        }
        let Some(settlement) = settlement else { return Ok(false) };
        let record = self.record_state(product).await?;
        let finish = Finish { product, user: paying.user.clone(), reservation, record };
        if !unless_closed(self.ports.ledger.finish(finish).await)? {
            return Ok(false);
        }
        self.ports.observer.observe(match settlement {
            Settlement::Sold(_) | Settlement::Withdrawn => SaleEvent::SettledSold,
            Settlement::Void => SaleEvent::SettledVoid,
        });
        Ok(true)
    }

    fn late_void_after(&self) -> Duration {
        self.policy.settle_after
    }
}

/// A gate that closed meanwhile is opened by the next call on it, or by the next round.
fn unless_closed(answer: Result<(), LedgerError>) -> Result<bool, StoreError> {
    match answer {
        Ok(()) => Ok(true),
        Err(LedgerError::Closed { .. }) => Ok(false),
        Err(LedgerError::Store(error)) => Err(error),
    }
}
