//! Gates that are reopened while a use case is under way.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use flashdeal_domain::ports::OpeningToken;
use futures_util::FutureExt;

use crate::LedgerFixture;
use crate::mortal::{Mortal, Stumble};
use crate::sale::shop::Shop;
use crate::support::{ok, user};

/// Fenced time after time, since another server reopens the gate before each of its commits: the checkout begins anew as often,
/// and sells once.
pub async fn a_checkout_outlives_many_reopenings(fixture: &dyn LedgerFixture) {
    let shop = Shop::open(fixture, 5).await;
    let ada = user("ada");
    shop.reserve(&ada, 3).await;
    let (elsewhere, left) = (shop.gate.second(fixture), Arc::new(AtomicU32::new(6)));
    let reopen_before_commit = move || {
        let (gate, left) = (elsewhere.clone(), left.clone());
        async move {
            if left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
                gate.reopen().await;
            }
        }
        .boxed()
    };
    let overtaken = Mortal::overtaken(fixture, "record.commit", reopen_before_commit);
    let bought = ok(shop.served_by(overtaken.clone()).checkout(&ada).await);
    assert!(bought.created);
    assert_eq!(overtaken.calls().iter().filter(|call| **call == "record.commit").count(), 7);
    assert_eq!(shop.status().await, (2, 0, 2));
}

/// The gate is reopened with what the record said before an increase: whoever was told of the increase sees it.
pub async fn an_increase_during_a_reopening_is_seen(fixture: &dyn LedgerFixture) {
    let shop = Shop::open(fixture, 5).await;
    shop.reserve(&user("ada"), 3).await;
    // Another server raised the epoch and died.
    shop.gate.next_epoch().await;
    assert_eq!(ok(shop.restock(4).await), (9, 3, 6));
    assert_eq!(shop.instance(fixture, 1).status().await, (9, 3, 6));
}

/// The same, and the gate is opened with what the record said before just after it was told of the increase, which it ignored: it
/// stood under an older epoch.
pub async fn an_increase_overtaken_by_an_opening_is_seen(fixture: &dyn LedgerFixture) {
    let shop = Shop::open(fixture, 5).await;
    shop.reserve(&user("ada"), 3).await;
    let gate = shop.gate.second(fixture);
    let leave = ok(gate.ledger.claim_opening(gate.product).await);
    let before = gate.next_epoch().await;
    let leave: Arc<Mutex<Option<OpeningToken>>> = Arc::new(Mutex::new(Some(leave)));
    let open_late = move || {
        let (gate, leave) = (gate.clone(), leave.lock().unwrap_or_else(PoisonError::into_inner).take());
        async move {
            if let Some(leave) = leave {
                assert!(ok(gate.ledger.open(gate.product, leave, before).await));
            }
        }
        .boxed()
    };
    let overtaken = Mortal::overtaken(fixture, "ledger.view", open_late);
    assert_eq!(ok(shop.served_by(overtaken).restock(4).await), (9, 3, 6));
    assert_eq!(shop.status().await, (9, 3, 6));
}

/// Whoever is told of an increase while a gate is slow to hear sees it, if they were told before the server's patience ended.
pub async fn an_increase_that_the_gate_misses_at_first_is_seen(fixture: &dyn LedgerFixture) {
    let shop = Shop::open(fixture, 5).await;
    let stumbling = Mortal::stumbling(fixture, [("ledger.adopt", Stumble::Lost); 2]);
    assert_eq!(ok(shop.served_by(stumbling.clone()).restock(4).await), (9, 0, 9));
    assert_eq!(shop.status().await, (9, 0, 9));
    assert_eq!(stumbling.calls().iter().filter(|call| **call == "ledger.adopt").count(), 3);
}

/// And so does a buyer whose sale it is slow to hear of.
pub async fn a_sale_that_the_gate_misses_at_first_is_seen(fixture: &dyn LedgerFixture) {
    let shop = Shop::open(fixture, 5).await;
    let ada = user("ada");
    shop.reserve(&ada, 3).await;
    let stumbling = Mortal::stumbling(fixture, [("ledger.finish", Stumble::Lost); 2]);
    assert!(ok(shop.served_by(stumbling).checkout(&ada).await).created);
    assert_eq!(shop.status().await, (2, 0, 2));
}
