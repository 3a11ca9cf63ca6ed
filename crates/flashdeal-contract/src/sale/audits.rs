//! The audit of a live sale, and the gate that is rebuilt under it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use flashdeal_domain::{FindingKind, SaleError};

use super::shop::Shop;
use crate::LedgerFixture;
use crate::support::{at_once, ok, product_id, some, user, users};

async fn kinds(shop: &Shop) -> Vec<FindingKind> {
    let audit = ok(shop.sale.verify().await);
    audit.findings.into_iter().filter(|finding| finding.product == shop.gate.product).map(|found| found.kind).collect()
}

/// However busy it is, a sale that is in order is found in order.
pub async fn a_sale_in_full_swing_is_no_finding(fixture: &dyn LedgerFixture) {
    let shop = Shop::open(fixture, 400).await;
    let servers = [shop.clone(), shop.instance(fixture, 1)];
    // The gate stands open before the crowd comes: what is looked at here is the sale, not the opening.
    shop.status().await;
    let over = Arc::new(AtomicBool::new(false));
    let auditor = {
        let (shop, over) = (shop.instance(fixture, 1), Arc::clone(&over));
        tokio::spawn(async move {
            while !over.load(Ordering::Relaxed) {
                assert_eq!(kinds(&shop).await, []);
            }
        })
    };
    at_once(users("buyer", 200).into_iter().enumerate().map(|(nth, user)| {
        let [even, odd] = &servers;
        let shop = if nth.is_multiple_of(2) { even.clone() } else { odd.clone() };
        async move {
            shop.reserve(&user, 2).await;
            if nth % 5 == 0 {
                ok(shop.sale.release(shop.gate.product, &user).await);
            } else {
                ok(shop.checkout(&user).await);
            }
        }
    }))
    .await;
    over.store(true, Ordering::Relaxed);
    ok(auditor.await);
    let audit = ok(shop.sale.verify().await);
    assert!(audit.balances() && audit.products >= 1 && audit.gates >= 1, "{audit:?}");
    assert_eq!(shop.status().await, (80, 0, 80));
}

/// A checkout that died half way is found if nobody settles it in time, sold or not; the background ends it.
pub async fn a_dead_checkout_is_found_until_it_is_settled(fixture: &dyn LedgerFixture) {
    let shop = Shop::open(fixture, 10).await;
    shop.reserve(&user("sold"), 2).await;
    shop.reserve(&user("dead"), 3).await;
    let (hold, epoch) = shop.gate.begin(&user("sold")).await;
    shop.gate.begin(&user("dead")).await;
    shop.gate.sell(&user("sold"), hold, epoch).await;
    assert_eq!(kinds(&shop).await, []);
    fixture.advance_clock(7_000).await;
    // A store that is both record and gate may have ended the hold with the sale: then nothing is left to be found.
    let orphaned = kinds(&shop).await;
    assert!(orphaned.iter().all(|kind| *kind == FindingKind::HoldOrphaned), "{orphaned:?}");
    assert_eq!(orphaned.len(), usize::from(shop.gate.hold(&user("sold")).await.is_some()));
    fixture.advance_clock(600_000).await;
    let unsettled = kinds(&shop).await;
    assert_eq!(unsettled.first(), Some(&FindingKind::CheckoutsUnsettled));
    assert!(unsettled.iter().skip(1).eq(&orphaned), "{unsettled:?}");
    shop.tick().await;
    assert_eq!(kinds(&shop).await, []);
    assert_eq!(shop.status().await, (8, 0, 8));
}

/// The gate is dropped with its live holds and stands again, under a new epoch; the sale goes on.
pub async fn a_gate_is_rebuilt_while_it_sells(fixture: &dyn LedgerFixture) {
    let shop = Shop::open(fixture, 10).await;
    shop.reserve(&user("ada"), 2).await;
    shop.reserve(&user("ben"), 3).await;
    ok(shop.checkout(&user("ben")).await);
    let dropped = ok(shop.sale.live_holds(shop.gate.product).await);
    assert_eq!((dropped.holds, dropped.units), (1, 2));
    let (before, _) = some(shop.gate.view(0).await.open, "an open gate");
    let level = ok(shop.sale.rebuild(shop.gate.product).await);
    assert_eq!((level.total().get(), level.reserved().get()), (7, 0));
    let (after, _) = some(shop.gate.view(0).await.open, "an open gate");
    assert!(after > before);
    assert!(matches!(shop.checkout(&user("ada")).await, Err(SaleError::NoReservation)));
    shop.reserve(&user("ada"), 7).await;
    ok(shop.checkout(&user("ada")).await);
    assert_eq!(shop.status().await, (0, 0, 0));
    assert_eq!(kinds(&shop).await, []);
    let nobody = product_id();
    assert!(matches!(shop.sale.rebuild(nobody).await, Err(SaleError::ProductNotFound)));
    assert!(matches!(shop.sale.live_holds(nobody).await, Err(SaleError::ProductNotFound)));
}
