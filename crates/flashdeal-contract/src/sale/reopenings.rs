//! Gates that are reopened while a use case is under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::FutureExt;

use crate::LedgerFixture;
use crate::mortal::Mortal;
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
    let overtaken = Mortal::overtaken(fixture.record(), fixture.ledger(), "record.commit", reopen_before_commit);
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
