//! A database, a store on it, and sales to make.

use std::sync::Arc;
use std::time::Duration;

use flashdeal_domain::ports::{Commit, Sale};
use flashdeal_domain::{
    Description, Epoch, Order, OrderId, Price, Product, ProductId, ProductName, ReservationId, StockRepository,
    StoreError, Terms, Timestamp, Units, UserId,
};
use flashdeal_postgres::{PostgresConfig, PostgresStore, run_pending_migrations};
use flashdeal_tests::postgres::{Database, PrivatePostgres};
use uuid::Uuid;

/// Long enough for a busy machine, short enough to wait for in a test.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_millis(1500);
/// What a call may take beyond its limit on a busy machine.
pub(crate) const GRACE: Duration = Duration::from_secs(10);

pub(crate) async fn migrate(url: String) -> anyhow::Result<()> {
    Ok(run_pending_migrations(&PostgresConfig::new(url)).await?)
}

/// A migrated database of its own on the server that the tests share.
pub(crate) async fn database() -> Database {
    database_on(PrivatePostgres::shared().await.unwrap()).await
}

pub(crate) async fn database_on(server: &PrivatePostgres) -> Database {
    server.fresh_database("migrated", migrate).await.unwrap()
}

pub(crate) async fn store(url: String) -> Arc<PostgresStore> {
    store_with(url, CALL_TIMEOUT).await
}

pub(crate) async fn store_with(url: String, call_timeout: Duration) -> Arc<PostgresStore> {
    let mut config = PostgresConfig::new(url);
    config.call_timeout = call_timeout;
    config.max_connections = 8;
    Arc::new(PostgresStore::connect(config).await.unwrap())
}

/// An id, later ones higher.
#[expect(clippy::disallowed_methods, reason = "nobody passes ids to these tests")]
pub(crate) fn id() -> Uuid {
    Uuid::now_v7()
}

pub(crate) fn units(units: u32) -> Units {
    Units::new(units).unwrap()
}

pub(crate) async fn product(store: &PostgresStore, total: u32) -> ProductId {
    let product = Product {
        id: ProductId::from_uuid(id()),
        name: ProductName::parse("Phone").unwrap(),
        description: Description::default(),
        price: Price::from_cents(1999_u32).unwrap(),
        total_stock: units(total),
        terms: Terms::NONE,
        created_at: Timestamp::from_millis(1_795_348_800_000),
    };
    store.create_product(product).await.unwrap().id
}

pub(crate) fn sale(product: ProductId, user: &str) -> Sale {
    Sale {
        order: OrderId::from_uuid(id()),
        product,
        reservation: ReservationId::from_uuid(id()),
        epoch: Epoch(0),
        quantity: units(1),
        user: UserId::from_store(user),
        key: None,
    }
}

pub(crate) async fn left(store: &PostgresStore, product: ProductId) -> u32 {
    store.product(product).await.unwrap().unwrap().total_stock.get()
}

#[track_caller]
pub(crate) fn sold(answer: Result<Commit, StoreError>) -> Order {
    match answer {
        Ok(Commit::Sold { order, .. }) => order,
        other => panic!("expected a sale, got {other:?}"),
    }
}

#[track_caller]
pub(crate) fn unavailable<T: std::fmt::Debug>(answer: &Result<T, StoreError>) {
    assert!(matches!(answer, Err(StoreError::Unavailable { store: "postgres", .. })), "{answer:?}");
}

/// Makes the same call until its outcome is known, as the use cases do.
pub(crate) async fn commit_until_known(store: &PostgresStore, sale: &Sale) -> Commit {
    for _ in 0..200 {
        match store.commit(sale.clone()).await {
            Ok(commit) => return commit,
            Err(StoreError::Unavailable { .. }) => tokio::time::sleep(Duration::from_millis(20)).await,
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the outcome of a sale stays unknown");
}

/// The one value that a query answers.
pub(crate) async fn value(database: &Database, query: &str) -> String {
    let rows = database.sql(query).await.unwrap();
    rows.first().and_then(|row| row.first()).cloned().flatten().unwrap()
}

/// The deltas of the product in the ledger, and how many sales it has there.
pub(crate) async fn books(database: &Database, product: ProductId) -> (i64, u32) {
    let of = format!("FROM stock_ledger WHERE product_id = '{product}'");
    let deltas = value(database, &format!("SELECT sum(delta) {of}")).await;
    let sales = value(database, &format!("SELECT count(*) {of} AND kind = 'sold'")).await;
    (deltas.parse().unwrap(), sales.parse().unwrap())
}
