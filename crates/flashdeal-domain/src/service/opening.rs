//! Load and reopen: a gate without memory is opened from the record, under a new epoch (protocol, "load / reopen").

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, join_all};

use crate::error::{SaleError, StoreError};
use crate::ids::ProductId;
use crate::ports::{LedgerError, Ports, SaleEvent};
use crate::stock::Epoch;
use crate::time::Timestamp;

use super::FlashSale;

/// The openings under way in this process, one at a time per product, and the products the record does not know.
#[derive(Default)]
pub(super) struct Openings {
    under_way: Mutex<HashMap<ProductId, Opening>>,
    unknown: Mutex<HashMap<ProductId, Timestamp>>,
    ahead: Mutex<Ahead>,
}

/// The gates that were opened before anybody called, within a day.
#[derive(Default)]
struct Ahead {
    since: i64,
    opened: u32,
}

type Opening = Shared<BoxFuture<'static, Result<Opened, StoreError>>>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Opened {
    /// The gate is open, by us or by whoever took our leave over.
    Yes,
    /// The record knows no such product.
    UnknownProduct,
}

/// Why a gate is to be opened.
#[derive(Clone, Copy)]
pub(super) enum Cause {
    /// Its product was made just now: nobody has opened it yet.
    Created,
    /// A call met it without state.
    NoState,
    /// It has a state that it may not be right to trust.
    Distrusted,
    /// The record refused what was promised under this epoch.
    Refused(Epoch),
}

impl Cause {
    const fn refused(self) -> Option<Epoch> {
        match self {
            Self::Refused(epoch) => Some(epoch),
            Self::Created | Self::NoState | Self::Distrusted => None,
        }
    }

    const fn opened(self) -> SaleEvent {
        match self {
            Self::Created | Self::NoState => SaleEvent::Loaded,
            Self::Distrusted | Self::Refused(_) => SaleEvent::Reopened,
        }
    }
}

/// How many unknown products are remembered, and for how long. Most ids are made by the server, so a ghost stays one; but a table that
/// is imported chooses its ids, and another process may make a product that was asked for too early.
const UNKNOWN_KEPT: usize = 10_000;
const UNKNOWN_FOR_MS: i64 = 5_000;

/// How many gates are opened ahead of their first caller in a day: a gate that nobody calls stays for a day, and a whole catalogue
/// that is read in one night must neither fill the ledger with them nor keep the background from those that sell.
const AHEAD_A_DAY: u32 = 10_000;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// How often one call meets a closed gate before it gives up: the stores are then changing faster than we can follow.
const ATTEMPTS: u32 = 5;

/// How long an opening that is under way elsewhere is waited for, from one look at the gate to the next.
const WAITS: [Duration; 7] = [
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(20),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
];

/// Within which time those who must open a gate anew come, the first time: an opening takes some milliseconds.
const SPREAD: Duration = Duration::from_millis(40);

impl FlashSale {
    /// Makes a call on a product's gate, opening the gate first where it is closed.
    pub(super) async fn through_gate<T, F>(&self, product: ProductId, call: impl Fn() -> F) -> Result<T, SaleError>
    where
        F: Future<Output = Result<T, LedgerError>>,
    {
        let mut met_closed = 0;
        loop {
            let had_state = match call().await {
                Ok(answer) => return Ok(answer),
                Err(LedgerError::Store(error)) => return Err(error.into()),
                Err(LedgerError::Closed { had_state }) => had_state,
            };
            met_closed += 1;
            if met_closed > ATTEMPTS {
                return Err(StoreError::unavailable("gate", "it keeps losing its state").into());
            }
            if met_closed > 1 {
                // Another instance is opening the same gate: let it.
                self.ports.runtime.sleep(self.jitter(Duration::from_millis(10) * met_closed)).await;
            }
            self.open_gate(product, if had_state { Cause::Distrusted } else { Cause::NoState }).await?;
        }
    }

    /// Begins to open the gate of a product that was made, unless too many were opened so already; nobody waits for it. Whoever asked
    /// for the product before it was made is no longer right about it.
    pub(super) fn open_ahead(&self, product: ProductId, cause: Cause) {
        lock(&self.openings.unknown).remove(&product);
        if self.openings.may_open_ahead(self.ports.clock.now().as_millis()) {
            drop(self.shared_opening(product, cause));
        }
    }

    /// Ready when the openings that are under way in this process are over, however they end: for whoever made products and is about
    /// to let go of the stores. It takes as long as the slowest of them.
    pub async fn openings_over(&self) {
        let under_way: Vec<Opening> = lock(&self.openings.under_way).values().cloned().collect();
        drop(join_all(under_way).await);
    }

    /// Opens a gate, unless it stands open by now (under a newer epoch than the one that was refused, if one was); callers of
    /// one product in this process share one opening.
    pub(super) async fn open_gate(&self, product: ProductId, cause: Cause) -> Result<(), SaleError> {
        if self.is_known_ghost(product) {
            return Err(SaleError::ProductNotFound);
        }
        match self.shared_opening(product, cause).await? {
            Opened::Yes => Ok(()),
            Opened::UnknownProduct => Err(SaleError::ProductNotFound),
        }
    }

    fn shared_opening(&self, product: ProductId, cause: Cause) -> Opening {
        let mut under_way = lock(&self.openings.under_way);
        under_way.entry(product).or_insert_with(|| self.opening(product, cause)).clone()
    }

    /// After the record refused something for its epoch: sees to it that the gate stands under a newer one than `refused`.
    ///
    /// Each reopening fences whatever the other instances have under way. If every fence led to one, a crowd of checkouts on
    /// two instances would fence each other for ever. Whoever raised the epoch is about to open the gate under it, so they are
    /// waited for, by one for all callers in this process; only if they seem to have died half way is the gate reopened.
    pub(super) async fn reopen_after_fence(&self, product: ProductId, refused: Epoch) -> Result<(), SaleError> {
        self.open_gate(product, Cause::Refused(refused)).await?;
        // An opening that was under way for another reason may have found the very epoch that was refused good enough.
        if stands_open(&self.ports, product, Some(refused), self.policy.settle_after).await?.is_none() {
            self.open_gate(product, Cause::Refused(refused)).await?;
        }
        Ok(())
    }

    /// An opening that runs to its end as a task of its own, so that no caller who hangs up can stop it for the others.
    fn opening(&self, product: ProductId, cause: Cause) -> Opening {
        let (ports, openings, clock) = (self.ports.clone(), self.openings.clone(), self.ports.clock.clone());
        let paying_over = self.policy.settle_after;
        let opening = async move {
            let opened = open(&ports, product, cause, paying_over).await;
            if matches!(opened, Ok(Opened::UnknownProduct)) {
                openings.remember_ghost(product, clock.now());
            }
            lock(&openings.under_way).remove(&product);
            opened
        };
        let shared = opening.boxed().shared();
        let driver = shared.clone();
        self.ports.runtime.spawn(driver.map(drop).boxed());
        shared
    }

    fn is_known_ghost(&self, product: ProductId) -> bool {
        let now = self.ports.clock.now().as_millis();
        lock(&self.openings.unknown)
            .get(&product)
            .is_some_and(|since| (0..UNKNOWN_FOR_MS).contains(&(now - since.as_millis())))
    }

    /// Between a half and the whole of `duration`, from the randomness of a fresh id.
    pub(super) fn jitter(&self, duration: Duration) -> Duration {
        duration / 2 + up_to(&self.ports, duration / 2)
    }
}

/// Some part of `duration`, from the randomness of a fresh id.
fn up_to(ports: &Ports, duration: Duration) -> Duration {
    let (_, low) = ports.ids.next_id().as_u64_pair();
    let thousandths = u32::try_from(low % 1000).unwrap_or(0);
    duration * thousandths / 1000
}

impl Openings {
    /// Counts one more gate, unless a day has its fill.
    fn may_open_ahead(&self, now: i64) -> bool {
        let mut ahead = lock(&self.ahead);
        if !(0..DAY_MS).contains(&now.saturating_sub(ahead.since)) {
            *ahead = Ahead { since: now, opened: 0 };
        }
        ahead.opened = ahead.opened.saturating_add(1);
        ahead.opened <= AHEAD_A_DAY
    }

    fn remember_ghost(&self, product: ProductId, now: Timestamp) {
        let mut unknown = lock(&self.unknown);
        if unknown.len() >= UNKNOWN_KEPT {
            unknown.retain(|_, since| now.as_millis() - since.as_millis() < UNKNOWN_FOR_MS);
        }
        // A flood of fresh ghosts: forgetting them all costs the record one more look each, and bounds the memory.
        if unknown.len() >= UNKNOWN_KEPT {
            unknown.clear();
        }
        unknown.insert(product, now);
    }
}

/// The epoch under which the gate stands open by now, if it is newer than the one that was `refused`. To open it once more would
/// fence what is under way, for nothing: of a crowd that meets a closed gate, some hear of it only when the others have opened it.
async fn stands_open(
    ports: &Ports,
    product: ProductId,
    refused: Option<Epoch>,
    paying_over: Duration,
) -> Result<Option<Epoch>, StoreError> {
    let views = ports.ledger.view(&[product], paying_over).await?;
    let open = views.iter().filter(|view| !view.needs_reopening).find_map(|view| view.open);
    Ok(open.map(|(epoch, _)| epoch).filter(|epoch| refused.is_none_or(|refused| *epoch > refused)))
}

/// Waits for whoever is opening the gate; `None` if nobody seems to be.
async fn wait_until_open(
    ports: &Ports,
    product: ProductId,
    refused: Option<Epoch>,
    paying_over: Duration,
) -> Result<Option<Epoch>, StoreError> {
    for wait in WAITS {
        ports.runtime.sleep(wait).await;
        if let Some(epoch) = stands_open(ports, product, refused, paying_over).await? {
            return Ok(Some(epoch));
        }
    }
    Ok(None)
}

/// One opening. The order matters: the token first, then the epoch, then the gate; whoever claims later takes over.
/// `paying_over` is the policy's `settle_after`, with which gates are looked at.
async fn open(ports: &Ports, product: ProductId, cause: Cause, paying_over: Duration) -> Result<Opened, StoreError> {
    let mut refused = cause.refused();
    let mut unseen = matches!(cause, Cause::Created);
    if refused.is_some() && wait_until_open(ports, product, refused, paying_over).await?.is_some() {
        return Ok(Opened::Yes);
    }
    let mut spread = SPREAD;
    for _ in 0..ATTEMPTS {
        if !std::mem::take(&mut unseen) && stands_open(ports, product, refused, paying_over).await?.is_some() {
            return Ok(Opened::Yes);
        }
        let token = ports.ledger.claim_opening(product).await?;
        let Some(record) = ports.record.open_epoch(product).await? else {
            return Ok(Opened::UnknownProduct);
        };
        if ports.ledger.open(product, token, record).await? {
            ports.observer.observe(cause.opened());
            return Ok(Opened::Yes);
        }
        // Somebody took our leave over. To claim it back at once would take theirs, and so on for ever: they are waited for.
        // What they opened may be older than the epoch we raised; the record would fence it.
        if let Some(epoch) = wait_until_open(ports, product, refused, paying_over).await?
            && epoch < record.epoch
        {
            refused = Some(epoch);
            // All who raised it higher have seen the same. One of them is enough, and whoever comes first is seen by the others.
            ports.runtime.sleep(up_to(ports, spread)).await;
            spread *= 2;
        }
    }
    Err(StoreError::unavailable("gate", "others keep opening it"))
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The maps hold no invariant that a panic between two statements could break.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::{AHEAD_A_DAY, DAY_MS, Openings};

    #[test]
    fn a_whole_catalogue_is_not_opened_ahead() {
        let openings = Openings::default();
        let noon = 1_000 * DAY_MS;
        assert!((0..AHEAD_A_DAY).all(|_| openings.may_open_ahead(noon)));
        assert!(!openings.may_open_ahead(noon));
        assert!(!openings.may_open_ahead(noon + DAY_MS - 1));
        assert!(openings.may_open_ahead(noon + DAY_MS));
        // A clock that was set back begins a day anew rather than none.
        assert!(openings.may_open_ahead(noon));
    }
}
