//! What the tests of this crate share.

#![allow(dead_code, reason = "each test uses some of it")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use flashdeal_domain::ports::{Clock, ReserveCall, ReserveOutcome, Sale};
use flashdeal_domain::{
    Description, Epoch, HoldTime, OrderId, Price, Product, ProductId, ProductName, ReservationId, ReservationLedger,
    StockRepository, Timestamp, Units, UserId,
};
use flashdeal_embedded::EmbeddedStore;
use uuid::Uuid;

/// A folder that goes when this does.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        let path = std::env::temp_dir().join(format!("flashdeal-embedded-{}", id()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that cannot be removed is the next reboot's.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Real time.
pub struct RealClock;

impl Clock for RealClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that is passed in")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
    }
}

#[expect(clippy::disallowed_methods, reason = "this is where the tests' ids come from")]
pub fn id() -> Uuid {
    Uuid::now_v7()
}

pub fn units(units: u32) -> Units {
    Units::new(units).unwrap()
}

pub fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

pub fn minutes(minutes: u64) -> HoldTime {
    HoldTime::new(Duration::from_mins(minutes)).unwrap()
}

pub fn open(folder: &Folder, clock: Arc<dyn Clock>) -> EmbeddedStore {
    EmbeddedStore::open(folder.path(), clock).unwrap()
}

/// A new product whose gate is open.
pub async fn product(store: &EmbeddedStore, stock: u32) -> ProductId {
    let product = Product {
        id: ProductId::from_uuid(id()),
        name: ProductName::parse("Phone").unwrap(),
        description: Description::parse("").unwrap(),
        price: Price::parse("499.90").unwrap(),
        total_stock: units(stock),
        created_at: RealClock.now(),
    };
    let product = store.create_product(product).await.unwrap().id;
    open_gate(store, product).await;
    product
}

/// Opens the gate as the domain does.
pub async fn open_gate(store: &EmbeddedStore, product: ProductId) {
    let token = store.claim_opening(product).await.unwrap();
    let record = store.open_epoch(product).await.unwrap().unwrap();
    assert!(store.open(product, token, record).await.unwrap());
}

pub fn call(product: ProductId, name: &str, quantity: u32, ttl: HoldTime) -> ReserveCall {
    ReserveCall {
        product,
        user: user(name),
        quantity: units(quantity),
        candidate: ReservationId::from_uuid(id()),
        ttl,
        key: None,
    }
}

/// Reserves; the hold's id if it was made.
pub async fn reserve(store: &EmbeddedStore, call: ReserveCall) -> Option<ReservationId> {
    match store.reserve(call).await.unwrap() {
        ReserveOutcome::Held { hold, .. } => Some(hold.reservation),
        ReserveOutcome::Insufficient(_) => None,
        other => panic!("{other:?}"),
    }
}

pub fn sale(product: ProductId, name: &str, reservation: ReservationId, epoch: Epoch, quantity: u32) -> Sale {
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
