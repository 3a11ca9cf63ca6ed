//! What the tests of this crate share.

#![allow(dead_code, reason = "each test uses some of it")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use flashdeal_domain::ports::{Caller, Clock, ReserveCall, ReserveOutcome, Sale};
use flashdeal_domain::{
    Description, Epoch, HoldTime, OrderId, Price, Product, ProductId, ProductName, ReservationId, ReservationLedger,
    StockRepository, Terms, Timestamp, Units, UserId,
};
use flashdeal_embedded::EmbeddedStore;
use uuid::Uuid;

/// A folder that goes when this does.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let path = std::env::temp_dir().join(format!("flashdeal-embedded-{}", id()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that cannot be removed is the next reboot's.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Real time, moved by as many milliseconds as it is told.
#[derive(Default)]
pub(crate) struct MovedClock(AtomicI64);

impl MovedClock {
    pub(crate) fn advance(&self, by_ms: i64) {
        self.0.fetch_add(by_ms, Ordering::SeqCst);
    }
}

impl Clock for MovedClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that is passed in")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap() + self.0.load(Ordering::SeqCst))
    }
}

#[expect(clippy::disallowed_methods, reason = "this is where the tests' ids come from")]
pub(crate) fn id() -> Uuid {
    Uuid::now_v7()
}

pub(crate) fn units(units: u32) -> Units {
    Units::new(units).unwrap()
}

pub(crate) fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

pub(crate) fn minutes(minutes: u64) -> HoldTime {
    HoldTime::new(Duration::from_mins(minutes)).unwrap()
}

pub(crate) fn open(folder: &Folder, clock: Arc<dyn Clock>) -> EmbeddedStore {
    EmbeddedStore::open(folder.path(), clock).unwrap()
}

/// A new product whose gate is open.
pub(crate) async fn product(store: &EmbeddedStore, stock: u32) -> ProductId {
    let product = Product {
        id: ProductId::from_uuid(id()),
        name: ProductName::parse("Phone").unwrap(),
        description: Description::parse("").unwrap(),
        price: Price::parse("499.90").unwrap(),
        total_stock: units(stock),
        terms: Terms::NONE,
        created_at: MovedClock::default().now(),
    };
    let product = store.create_product(product).await.unwrap().id;
    open_gate(store, product).await;
    product
}

/// Opens the gate as the domain does.
pub(crate) async fn open_gate(store: &EmbeddedStore, product: ProductId) {
    let token = store.claim_opening(product).await.unwrap();
    let record = store.open_epoch(product).await.unwrap().unwrap();
    assert!(store.open(product, token, record).await.unwrap());
}

pub(crate) fn call(product: ProductId, name: &str, quantity: u32, ttl: HoldTime) -> ReserveCall {
    ReserveCall {
        product,
        user: user(name),
        quantity: units(quantity),
        candidate: ReservationId::from_uuid(id()),
        ttl,
        key: None,
        caller: Caller::Buyer,
    }
}

/// Reserves; the hold's id if it was made.
pub(crate) async fn reserve(store: &EmbeddedStore, call: ReserveCall) -> Option<ReservationId> {
    match store.reserve(call).await.unwrap() {
        ReserveOutcome::Held { hold, .. } => Some(hold.reservation),
        ReserveOutcome::Insufficient(_) => None,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn sale(product: ProductId, name: &str, reservation: ReservationId, epoch: Epoch, quantity: u32) -> Sale {
    Sale {
        order: OrderId::from_uuid(id()),
        product,
        reservation,
        epoch,
        quantity: units(quantity),
        user: user(name),
        key: None,
    }
}

/// The deltas of each product sum to its stock, and each sale has its order.
pub(crate) fn assert_ledger_sums(folder: &Folder) {
    let wrong = "SELECT (SELECT count(*) FROM products WHERE total_stock <>
            (SELECT sum(delta) FROM stock_ledger WHERE product = products.id))
        + (SELECT count(*) FROM stock_ledger AS sold WHERE kind = 'sold' AND NOT EXISTS
            (SELECT 1 FROM orders WHERE orders.id = sold.order_id AND orders.quantity = -sold.delta))
        + (SELECT abs((SELECT count(*) FROM orders) - (SELECT count(*) FROM stock_ledger WHERE kind = 'sold'))) AS value";
    assert_eq!(value(&mut connect(folder), wrong), 0);
}

/// A connection of one's own to the store's file.
pub(crate) fn connect(folder: &Folder) -> diesel::SqliteConnection {
    use diesel::prelude::*;
    diesel::SqliteConnection::establish(folder.path().join("flashdeal.db").to_str().unwrap()).unwrap()
}

#[derive(diesel::QueryableByName)]
struct Value {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    value: i64,
}

/// The number that a query answers as `value`.
pub(crate) fn value(conn: &mut diesel::SqliteConnection, query: &str) -> i64 {
    use diesel::prelude::*;
    diesel::sql_query(query).get_result::<Value>(conn).unwrap().value
}
