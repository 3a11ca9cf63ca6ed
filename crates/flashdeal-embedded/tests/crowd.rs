//! Crowds: nothing is oversold, and the books balance.

#![expect(clippy::unwrap_used, reason = "it fails by panicking")]

#[path = "support/store.rs"]
mod support;

use std::sync::Arc;

use flashdeal_domain::ports::{BeginOutcome, Commit, Finish, ReleaseOutcome, ReserveOutcome};
use flashdeal_domain::{ProductId, ReservationLedger, StockRepository, UserId};
use flashdeal_embedded::EmbeddedStore;

use support::{Folder, MovedClock, call, minutes, open, product, reserve, sale, user};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn four_hundred_buyers_of_fifty_units() {
    let folder = Folder::new();
    let store = open(&folder, Arc::new(MovedClock::default()));
    let product = product(&store, 50).await;
    let buyers: Vec<_> = (0..400)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move { buy(&store, product, &format!("buyer-{n}")).await })
        })
        .collect();
    let mut sold = 0;
    for buyer in buyers {
        sold += u32::from(buyer.await.unwrap());
    }
    assert_eq!(sold, 50);
    let level = store.status(product).await.unwrap();
    assert_eq!((level.total().get(), level.reserved().get()), (0, 0));
    store.close().await;
    support::assert_ledger_sums(&folder);
}

/// Reserves one and buys it, with a double of the commit under way at the same time.
async fn buy(store: &EmbeddedStore, product: ProductId, name: &str) -> bool {
    let Some(reservation) = reserve(store, call(product, name, 1, minutes(10))).await else { return false };
    let BeginOutcome::Paying { epoch, .. } = store.begin(product, &user(name), None).await.unwrap() else {
        panic!("no hold")
    };
    let (one, two) = (sale(product, name, reservation, epoch, 1), sale(product, name, reservation, epoch, 1));
    let (one, two) = tokio::join!(store.commit(one), store.commit(two));
    let (Commit::Sold { order, record, .. }, Commit::Sold { order: same, .. }) = (one.unwrap(), two.unwrap()) else {
        panic!("not sold")
    };
    assert_eq!(order, same);
    let finish = Finish { product, user: user(name), reservation, record: Some(record) };
    store.finish(finish).await.unwrap();
    true
}

/// Users set, cancel and buy on top of each other; afterwards every unit is where the answers said.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_storm_of_set_cancel_and_checkout_balances() {
    const STOCK: u32 = 500;
    let folder = Folder::new();
    let store = open(&folder, Arc::new(MovedClock::default()));
    let product = product(&store, STOCK).await;
    let users: Vec<_> = (0..64_u32)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move { storm(&store, product, &format!("user-{n}"), n).await })
        })
        .collect();
    let (mut held, mut sold) = (0, 0);
    for one in users {
        let (holds, bought) = one.await.unwrap();
        held += holds;
        sold += bought;
    }
    let level = store.status(product).await.unwrap();
    assert_eq!((level.total().get(), level.reserved().get()), (STOCK - sold, held));
    store.close().await;
    support::assert_ledger_sums(&folder);

    let store = open(&folder, Arc::new(MovedClock::default()));
    assert_eq!(store.status(product).await.unwrap(), level, "as it was before the restart");
}

/// What the user holds in the end, and what they bought.
async fn storm(store: &EmbeddedStore, product: ProductId, name: &str, seed: u32) -> (u32, u32) {
    let (mut keeps, mut sold) = (0, 0);
    for turn in 0..60_u32 {
        let dice = (seed * 7919 + turn * 104_729) % 10;
        match dice {
            0..=5 => match store.reserve(call(product, name, 1 + dice, minutes(10))).await.unwrap() {
                ReserveOutcome::Held { hold, .. } => keeps = hold.quantity.get(),
                ReserveOutcome::Insufficient(level) => assert!(level.available().get() + keeps < 1 + dice),
                other => panic!("{other:?}"),
            },
            6 | 7 => match store.release(product, &user(name)).await.unwrap() {
                ReleaseOutcome::Released(hold) => assert_eq!(std::mem::take(&mut keeps), hold.quantity.get()),
                ReleaseOutcome::NoHold => assert_eq!(keeps, 0),
                ReleaseOutcome::Paying(_) => panic!("nobody is paying"),
            },
            _ if keeps > 0 => {
                sold += checkout(store, product, &user(name)).await;
                keeps = 0;
            }
            _ => {}
        }
    }
    (keeps, sold)
}

async fn checkout(store: &EmbeddedStore, product: ProductId, user: &UserId) -> u32 {
    let BeginOutcome::Paying { hold, epoch } = store.begin(product, user, None).await.unwrap() else {
        panic!("no hold")
    };
    let sale = sale(product, user.as_str(), hold.reservation, epoch, hold.quantity.get());
    let Commit::Sold { record, order, .. } = store.commit(sale).await.unwrap() else { panic!("not sold") };
    let (reservation, user) = (hold.reservation, user.clone());
    store.finish(Finish { product, user, reservation, record: Some(record) }).await.unwrap();
    order.quantity.get()
}
