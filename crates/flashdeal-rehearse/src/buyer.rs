//! What one buyer does, as a good client: look, hold, think, and buy, cancel or walk away.

use std::sync::Arc;
use std::time::Duration;

use flashdeal_client::{Client, Code, Error};
use flashdeal_domain::{CheckoutRequest, ProductId, Quantity, Reservation, ReserveRequest, UserId};
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

use crate::crowd::{Buyer, Intent};
use crate::tally::{Tally, Unsettled};

/// How often a buyer asks again while others hold the rest, and how long they wait between.
const TRIES: u32 = 3;
const PATIENCE: Duration = Duration::from_millis(500);

/// What all buyers share.
pub(crate) struct Scene {
    pub(crate) client: Client,
    pub(crate) product: ProductId,
    pub(crate) opening: Instant,
    pub(crate) tally: Arc<Tally>,
    /// One for each call that may be under way: who only thinks or waits takes none.
    pub(crate) places: Semaphore,
    /// True when the operator has seen enough.
    pub(crate) stopping: watch::Receiver<bool>,
}

impl Scene {
    /// Waits, but not after the operator has seen enough; false then.
    pub(crate) async fn wait(&self, time: Duration) -> bool {
        let mut stopping = self.stopping.clone();
        tokio::select! {
            () = tokio::time::sleep(time) => true,
            // An error is a sender that is gone: the rehearsal is over.
            _ = stopping.wait_for(|stopping| *stopping) => false,
        }
    }
}

pub(crate) fn name(number: u32) -> Option<UserId> {
    UserId::parse(&format!("rehearsal-buyer-{number}")).ok()
}

/// The whole visit.
pub(crate) async fn visit(scene: &Scene, number: u32, buyer: &Buyer) {
    let Some(user) = name(number) else { return };
    let place = scene.places.acquire().await;
    {
        let waited = scene.opening.elapsed().saturating_sub(buyer.at);
        let mut counts = scene.tally.lock();
        counts.latest = counts.latest.max(waited);
    }
    let looked = scene.client.status(scene.product).await;
    drop(place);
    if let Err(error) = looked {
        scene.tally.refused(&error);
        scene.tally.lock().people.failed += 1;
        return;
    }
    if *scene.stopping.borrow() {
        scene.tally.lock().people.walked_away += 1;
        return;
    }
    let Some(hold) = hold(scene, number, &user, buyer).await else { return };
    let goes_on = scene.wait(buyer.think).await;
    match buyer.intent {
        Intent::CheckOut if goes_on => check_out(scene, number, user, hold).await,
        Intent::Cancel if goes_on => cancel(scene, number, &user, hold).await,
        _ => {
            let mut counts = scene.tally.lock();
            counts.people.walked_away += 1;
            counts.left.push(hold);
        }
    }
}

async fn hold(scene: &Scene, number: u32, user: &UserId, buyer: &Buyer) -> Option<Reservation> {
    let quantity = Quantity::new(buyer.quantity).ok()?;
    let mut tries = 1;
    loop {
        let wish = ReserveRequest { product: scene.product, user: user.clone(), quantity, key: None };
        let place = scene.places.acquire().await;
        let reserved = scene.client.reserve(wish).await;
        drop(place);
        let error = match reserved {
            Ok(reserved) => return Some(reserved.reservation),
            Err(error) => error,
        };
        let all_held = matches!(&error, Error::Refused(problem) if problem.may_free_up());
        if all_held && tries < TRIES && scene.wait(PATIENCE).await {
            tries += 1;
            continue;
        }
        scene.tally.refused(&error);
        let mut counts = scene.tally.lock();
        if error.code().is_some_and(turns_away) {
            counts.people.turned_away += 1;
        } else {
            counts.people.failed += 1;
            if is_open(&error) {
                counts.unsettled.push((number, Unsettled::Hold));
            }
        }
        return None;
    }
}

async fn check_out(scene: &Scene, number: u32, user: UserId, hold: Reservation) {
    let request = CheckoutRequest { product: scene.product, user, named: Some(hold.id), key: None };
    let place = scene.places.acquire().await;
    let answer = scene.client.checkout(request).await;
    drop(place);
    if let Err(error) = &answer {
        scene.tally.refused(error);
    }
    let mut counts = scene.tally.lock();
    match answer {
        Ok(sold) => {
            counts.people.bought += 1;
            counts.sales.push((scene.opening.elapsed(), sold.order.quantity.get()));
            counts.orders.push(sold.order);
        }
        Err(error) if matches!(error.code(), Some(Code::NoReservation | Code::InsufficientStock)) => {
            counts.people.lapsed += 1;
        }
        Err(error) => {
            counts.people.failed += 1;
            if is_open(&error) {
                counts.unsettled.push((number, Unsettled::Sale(hold)));
            } else {
                counts.left.push(hold);
            }
        }
    }
}

async fn cancel(scene: &Scene, number: u32, user: &UserId, hold: Reservation) {
    let place = scene.places.acquire().await;
    let answer = scene.client.release(scene.product, user).await;
    drop(place);
    if let Err(error) = &answer {
        scene.tally.refused(error);
    }
    let mut counts = scene.tally.lock();
    match answer {
        // None: an attempt whose answer was lost did it, or the hold lapsed; it is over either way.
        Ok(_) => counts.people.cancelled += 1,
        Err(error) => {
            counts.people.failed += 1;
            if is_open(&error) {
                counts.unsettled.push((number, Unsettled::Release));
            } else {
                counts.left.push(hold);
            }
        }
    }
}

/// Whether it is a "no" that a sale gives to many: the units are gone, or its terms do not allow it.
fn turns_away(code: &Code) -> bool {
    matches!(code, Code::InsufficientStock | Code::SaleNotStarted | Code::SaleEnded | Code::LimitPerReservation)
}

/// Whether the call may have been done all the same.
fn is_open(error: &Error) -> bool {
    match error {
        Error::Refused(problem) => problem.status >= 500 || problem.code == Code::CheckoutInProgress,
        _ => true,
    }
}
