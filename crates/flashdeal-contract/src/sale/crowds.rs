//! The use cases by many callers at once, over two servers.

use std::collections::BTreeSet;

use flashdeal_domain::{OrderFilter, SaleError, Shortage};

use crate::LedgerFixture;
use crate::sale::shop::Shop;
use crate::support::{at_once, first_page, ok, state_of, user, users};

/// The flash sale itself: exactly as many are sold as there are, and everyone else hears that it is over.
pub async fn a_crowd_buys_everything_once(fixture: &dyn LedgerFixture) {
    let shop = Shop::open(fixture, 50).await;
    let bought = at_once(users("buyer", 200).into_iter().enumerate().map(|(nth, user)| {
        let shop = shop.instance(fixture, nth);
        async move {
            loop {
                match shop.try_reserve(&user, 1).await {
                    Ok(_) => return Some(ok(shop.checkout(&user).await).order.id),
                    Err(SaleError::InsufficientStock { shortage: Shortage::SoldOut, .. }) => return None,
                    // Others hold what is left, or a sale is about to end: "worth a retry".
                    Err(SaleError::InsufficientStock { .. }) => tokio::task::yield_now().await,
                    Err(error) => panic!("a call failed: {error}"),
                }
            }
        }
    }))
    .await;
    let orders: BTreeSet<_> = bought.iter().flatten().collect();
    assert_eq!((orders.len(), bought.iter().flatten().count()), (50, 50));
    assert_eq!(shop.status().await, (0, 0, 0));
    assert_eq!(ok(shop.sale.orders(&OrderFilter::default(), first_page()).await).items.len(), 50);
}

/// A double click on both servers: one order, told to all.
pub async fn a_double_click_is_one_order(fixture: &dyn LedgerFixture) {
    let shop = Shop::open(fixture, 50).await;
    let ada = user("ada");
    let reservation = shop.reserve(&ada, 2).await;
    let answers = at_once((0..24).map(|nth| {
        let (shop, ada) = (shop.instance(fixture, nth), ada.clone());
        let (named, key) = if nth % 3 == 0 { (None, Some("key")) } else { (Some(reservation.id), None) };
        async move { shop.checkout_of(&ada, named, key).await }
    }))
    .await;
    let (mut orders, mut made) = (BTreeSet::new(), 0);
    for answer in answers {
        match answer {
            Ok(bought) => {
                orders.insert(bought.order.id);
                made += u32::from(bought.created);
            }
            // Named nothing, and came after another one had sold the hold.
            Err(SaleError::NoReservation) => {}
            Err(error) => panic!("a call failed: {error}"),
        }
    }
    assert_eq!((orders.len(), made), (1, 1));
    assert_eq!(shop.status().await, (48, 0, 48));
}

/// The first callers of a product whose gate is closed: all are served, whoever opens it.
pub async fn a_crowd_before_a_closed_gate_is_let_in(fixture: &dyn LedgerFixture) {
    let shop = Shop::closed(fixture, 100).await;
    let reserved = at_once(users("buyer", 80).into_iter().enumerate().map(|(nth, user)| {
        let shop = shop.instance(fixture, nth);
        async move { shop.try_reserve(&user, 1).await.map_err(|error| error.to_string()) }
    }))
    .await;
    for answer in reserved {
        assert!(ok(answer).created);
    }
    assert_eq!(shop.status().await, (100, 80, 20));
}

/// Memory lost again and again while they buy: holds may be lost, no unit is sold twice, none leaks.
pub async fn a_forgetful_gate_sells_nothing_twice(fixture: &dyn LedgerFixture) {
    let shop = Shop::open(fixture, 60).await;
    let forgetful = {
        let gate = shop.gate.clone();
        tokio::spawn(async move {
            for _ in 0..5 {
                ok(gate.ledger.forget(gate.product).await);
                tokio::task::yield_now().await;
            }
        })
    };
    let sold = at_once(users("buyer", 120).into_iter().enumerate().map(|(nth, user)| {
        let shop = shop.instance(fixture, nth);
        async move {
            if shop.try_reserve(&user, 1).await.is_err() {
                return 0;
            }
            match shop.checkout(&user).await {
                Ok(bought) => bought.order.quantity.get(),
                // Its hold was lost, or the gate closed once too often: nothing was sold.
                Err(SaleError::NoReservation | SaleError::Unavailable(_) | SaleError::InsufficientStock { .. }) => 0,
                Err(error) => panic!("a call failed: {error}"),
            }
        }
    }))
    .await;
    ok(forgetful.await);
    let sold: u32 = sold.into_iter().sum();
    let left = state_of(&shop.gate.record, shop.gate.product).await.total.get();
    assert_eq!(sold + left, 60);
    ok(shop.gate.ledger.forget(shop.gate.product).await);
    assert_eq!(shop.status().await, (left, 0, left));
}
