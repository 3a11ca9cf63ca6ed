//! What a store tells of its server, and what it sees to itself.

use flashdeal_domain::StockRepository;
use flashdeal_postgres::{ConnectError, PostgresConfig, PostgresStore};
use flashdeal_tests::port;

use crate::support::{database, product, sale, sold, store, unavailable, value};

#[tokio::test]
async fn settings_that_lose_orders_are_warned_of() {
    let database = database().await;
    // The server of the tests does not sync.
    let named = |warnings: &[String]| -> Vec<String> {
        warnings.iter().filter_map(|warning| Some(warning.split_once('=')?.0.rsplit(' ').next()?.to_owned())).collect()
    };
    assert_eq!(named(store(database.url()).await.warnings()), ["fsync", "full_page_writes"]);
    let name = value(&database, "SELECT current_database()").await;
    database.sql(&format!("ALTER DATABASE {name} SET synchronous_commit = off")).await.unwrap();
    let store = store(database.url()).await;
    assert_eq!(named(store.warnings()), ["fsync", "full_page_writes", "synchronous_commit"]);

    // … and a sale is on disk all the same when it is answered.
    database
        .sql(
            "CREATE TABLE seen (setting text);
              CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$;
              CREATE TRIGGER see AFTER INSERT ON stock_ledger FOR EACH STATEMENT EXECUTE FUNCTION see()",
        )
        .await
        .unwrap();
    let product = product(&store, 1).await;
    sold(store.commit(sale(product, "ada")).await);
    assert_eq!(value(&database, "SELECT string_agg(DISTINCT setting, ' ') FROM seen").await, "on");
}

#[tokio::test]
async fn a_server_that_takes_no_writes_is_unavailable() {
    let database = database().await;
    let first = store(database.url()).await;
    let product = product(&first, 1).await;
    let name = value(&database, "SELECT current_database()").await;
    database.sql(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).await.unwrap();
    let store = store(database.url()).await;
    unavailable(&store.commit(sale(product, "ada")).await);
    unavailable(&store.open_epoch(product).await);
    assert!(store.product(product).await.unwrap().is_some());
}

#[tokio::test]
async fn what_cannot_work_is_said_at_the_start() {
    let nobody_there = PostgresConfig::new(format!("postgres://postgres@{}/postgres", port::free().unwrap()));
    let error = PostgresStore::connect(nobody_there).await.err().unwrap();
    assert!(matches!(error, ConnectError::Unreachable(_)) && error.to_string().contains("refused"), "{error}");

    let not_a_url = PostgresConfig::new("postgres://host:port:port/");
    let error = PostgresStore::connect(not_a_url).await.err().unwrap();
    assert!(matches!(error, ConnectError::Config(_)), "{error}");
}
