//! Somebody writes into the file behind the store's back: the audit tells what they did, and nothing else.

#![expect(clippy::unwrap_used, reason = "it fails by panicking")]

#[path = "support/store.rs"]
mod support;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use flashdeal_domain::ports::{Clock, IdSource, Ports, Runtime, Unobserved};
use flashdeal_domain::{
    CheckoutRequest, FlashSale, Policy, ProductId, Quantity, ReservationLedger, ReserveRequest, StockRepository,
};
use flashdeal_embedded::EmbeddedStore;
use uuid::Uuid;

use support::{Folder, MovedClock, connect, open, product, user};

/// What is done, with `$` for the product, and what it is called. A product has 90 left, of which 5 are held.
const TAMPERING: [(&str, &[&str]); 10] = [
    ("UPDATE products SET total_stock = total_stock + 1, version = version + 1 WHERE id = $", &["ledger_unbalanced"]),
    ("UPDATE stock_ledger SET delta = delta + 1 WHERE product = $ AND kind = 'allotment'", &["ledger_unbalanced"]),
    // A sale that took fewer units than its order has.
    (
        "UPDATE stock_ledger SET delta = delta + 1 WHERE product = $ AND user_id = 'ada' AND kind = 'sold'",
        &["ledger_unbalanced", "orders_unbalanced", "rows_contradict"],
    ),
    // An order without its ledger row, and a ledger row without its order.
    (
        "DELETE FROM stock_ledger WHERE product = $ AND user_id = 'ada' AND kind = 'sold'",
        &["ledger_unbalanced", "orders_unbalanced"],
    ),
    ("DELETE FROM orders WHERE product = $ AND user_id = 'ada'", &["orders_unbalanced", "rows_contradict"]),
    ("UPDATE orders SET quantity = quantity + 1 WHERE product = $ AND user_id = 'bob'", &["orders_unbalanced", "rows_contradict"]),
    // The sums agree, the rows do not.
    (
        "UPDATE orders SET reservation = zeroblob(16) WHERE product = $ AND user_id = 'bob'",
        &["rows_contradict"],
    ),
    (
        "INSERT INTO stock_ledger (product, kind, delta, created_at) VALUES ($, 'allotment', 0, 1)",
        &["rows_contradict"],
    ),
    // A void that takes units.
    (
        "INSERT INTO stock_ledger (product, kind, delta, reservation, created_at) VALUES ($, 'void', -1, randomblob(16), 1);
         UPDATE products SET total_stock = total_stock - 1, version = version + 1 WHERE id = $",
        &["rows_contradict"],
    ),
    // A record that was rolled back, and a gate that was not.
    ("UPDATE products SET epoch = epoch - 1 WHERE id = $", &["epoch_ahead"]),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_tampered_with_is_told_and_nothing_else() {
    let folder = Folder::new();
    let store = open(&folder, Arc::new(MovedClock::default()));
    let mut products = Vec::new();
    for _ in 0..=TAMPERING.len() {
        products.push(sold_and_held(&store).await);
    }
    assert_eq!(verify(&store).await, BTreeMap::new());
    store.close().await;

    let mut wanted = BTreeMap::new();
    let mut file = connect(&folder);
    let around = "PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF;
        DROP TRIGGER stock_ledger_is_never_changed; DROP TRIGGER stock_ledger_is_never_shortened;";
    file.batch_execute(around).unwrap();
    let blob = |id: &Uuid| format!("x'{}'", id.simple());
    for ((statements, kinds), product) in TAMPERING.iter().zip(&products) {
        file.batch_execute(&statements.replace('$', &blob(product.as_uuid()))).unwrap();
        wanted.insert(*product, kinds.iter().map(ToString::to_string).collect());
    }
    let ghost = ProductId::from_uuid(support::id());
    let row = "INSERT INTO stock_ledger (product, kind, delta, created_at) VALUES ($, 'allotment', 3, 1)";
    file.batch_execute(&row.replace('$', &blob(ghost.as_uuid()))).unwrap();
    wanted.insert(ghost, vec!["ledger_orphaned".to_owned()]);
    drop(file);

    let store = open(&folder, Arc::new(MovedClock::default()));
    assert_eq!(verify(&store).await, wanted);
    store.close().await;
}

/// Something is wrong with the page that a product is on: that is no finding, and no shop to sell from either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_makes_no_sense_is_refused() {
    let folder = Folder::new();
    let store = open(&folder, Arc::new(MovedClock::default()));
    let product = sold_and_held(&store).await;
    store.close().await;
    let mut file = connect(&folder);
    let around = "PRAGMA ignore_check_constraints = ON; UPDATE products SET total_stock = -3 WHERE id = $";
    file.batch_execute(&around.replace('$', &format!("x'{}'", product.as_uuid().simple()))).unwrap();
    drop(file);
    // Either it is not opened at all, or whoever asks is told.
    let told = match EmbeddedStore::open(folder.path(), Arc::new(MovedClock::default())) {
        Err(error) => format!("{error:?}"),
        Ok(store) => {
            let error = sale(&store).verify().await.unwrap_err();
            store.close().await;
            format!("{error:?}")
        }
    };
    assert!(told.contains("must be an integer from 0 to 1000000000"), "{told}");
}

/// By product, what the audit finds.
async fn verify(store: &EmbeddedStore) -> BTreeMap<ProductId, Vec<String>> {
    let audit = sale(store).verify().await.unwrap();
    let mut found = BTreeMap::<_, Vec<String>>::new();
    for finding in audit.findings {
        assert!(!finding.detail.is_empty());
        found.entry(finding.product).or_default().push(finding.kind.name().to_owned());
    }
    for kinds in found.values_mut() {
        kinds.sort();
    }
    found
}

async fn sold_and_held(store: &EmbeddedStore) -> ProductId {
    let product = product(store, 100).await;
    let sale = sale(store);
    for (name, quantity, buys) in [("ada", 4, true), ("bob", 6, true), ("carl", 2, false), ("dora", 3, false)] {
        let quantity = Quantity::new(quantity).unwrap();
        sale.reserve(ReserveRequest { product, user: user(name), quantity, key: None }).await.unwrap();
        if buys {
            sale.checkout(CheckoutRequest { product, user: user(name), named: None, key: None }).await.unwrap();
        }
    }
    product
}

fn sale(store: &EmbeddedStore) -> FlashSale {
    let (record, ledger): (Arc<dyn StockRepository>, Arc<dyn ReservationLedger>) =
        (Arc::new(store.clone()), Arc::new(store.clone()));
    let clock: Arc<dyn Clock> = Arc::new(MovedClock::default());
    let ports = Ports {
        record,
        ledger,
        waiting: Arc::new(store.clone()),
        clock,
        ids: Arc::new(Ids),
        runtime: Arc::new(Tokio),
        observer: Arc::new(Unobserved),
    };
    FlashSale::new(ports, Policy::default())
}

#[derive(Debug)]
struct Ids;

impl IdSource for Ids {
    fn next_id(&self) -> Uuid {
        support::id()
    }
}

#[derive(Debug)]
struct Tokio;

impl Runtime for Tokio {
    fn spawn(&self, task: Pin<Box<dyn Future<Output = ()> + Send>>) {
        tokio::spawn(task);
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(duration))
    }
}
