//! A file that cannot be written for a while: callers are told, and nothing is lost once it can.

#![expect(clippy::unwrap_used, reason = "it fails by panicking")]

#[path = "support/store.rs"]
mod support;

use std::sync::Arc;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use flashdeal_domain::ports::{LedgerError, ReserveOutcome};
use flashdeal_domain::{ReservationLedger, StockRepository, StoreError};

use support::{Folder, MovedClock, call, connect, minutes, open, product, reserve, user};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_are_told_and_the_store_recovers_by_itself() {
    let folder = Folder::new();
    let store = open(&folder, Arc::new(MovedClock::default()));
    let product = product(&store, 10).await;
    reserve(&store, call(product, "ada", 1, minutes(10))).await.unwrap();

    let mut in_the_way = connect(&folder);
    in_the_way.batch_execute("BEGIN IMMEDIATE").unwrap();
    let (reserved, changed) =
        tokio::join!(store.reserve(call(product, "bob", 2, minutes(10))), store.open_epoch(product),);
    assert!(matches!(reserved, Err(LedgerError::Store(StoreError::Unavailable { .. }))), "{reserved:?}");
    assert!(matches!(changed, Err(StoreError::Unavailable { .. })), "{changed:?}");
    while StockRepository::ping(&store).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // What is durable can still be read.
    assert_eq!(store.product(product).await.unwrap().unwrap().total_stock.get(), 10);
    // A call that cannot be made durable is refused at once.
    assert!(store.reserve(call(product, "cy", 1, minutes(10))).await.is_err());

    in_the_way.batch_execute("ROLLBACK").unwrap();
    while StockRepository::ping(&store).await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Bob's call was unknown; made again, it settles.
    let again = store.reserve(call(product, "bob", 2, minutes(10))).await.unwrap();
    assert!(matches!(again, ReserveOutcome::Held { .. }), "{again:?}");
    assert_eq!(store.status(product).await.unwrap().reserved().get(), 3);
    store.close().await;

    let store = open(&folder, Arc::new(MovedClock::default()));
    assert_eq!(store.status(product).await.unwrap().reserved().get(), 3);
    assert_eq!(store.hold(product, &user("bob")).await.unwrap().unwrap().quantity.get(), 2);
}
