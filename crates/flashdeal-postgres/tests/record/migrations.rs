//! The schema's way up and down.

use std::time::Duration;

use flashdeal_domain::ports::Change;
use flashdeal_domain::{Edit, ProductId, Quantity, StockRepository, TermsPatch};
use flashdeal_postgres::{ConnectError, PostgresConfig, PostgresStore, revert_all_migrations, run_pending_migrations};
use flashdeal_tests::postgres::{Database, PrivatePostgres};
use futures_util::future::join_all;
use tokio::time::{sleep, timeout};

use crate::support::{product, sale, sold, store, value};

async fn empty() -> (Database, PostgresConfig) {
    let database = PrivatePostgres::shared().await.unwrap().empty_database().await.unwrap();
    let config = PostgresConfig::new(database.url());
    (database, config)
}

async fn things(database: &Database) -> String {
    let tables = value(database, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").await;
    let functions = value(database, "SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace").await;
    format!("{tables} tables, {functions} functions")
}

#[tokio::test]
async fn up_down_and_up_again() {
    let (database, config) = empty().await;
    run_pending_migrations(&config).await.unwrap();
    let whole = things(&database).await;
    run_pending_migrations(&config).await.unwrap();
    assert_eq!(things(&database).await, whole, "nothing is pending, nothing is done");

    revert_all_migrations(&config).await.unwrap();
    assert_eq!(things(&database).await, "1 tables, 0 functions", "only the list of migrations stays");
    let error = PostgresStore::connect(config.clone()).await.err().unwrap();
    assert!(matches!(error, ConnectError::NotMigrated(_)), "{error}");

    run_pending_migrations(&config).await.unwrap();
    assert_eq!(things(&database).await, whole);
    let store = store(database.url()).await;
    let product = product(&store, 1).await;
    sold(store.commit(sale(product, "ada")).await);
}

#[tokio::test]
async fn five_instances_start_at_once() {
    let (database, config) = empty().await;
    for started in join_all((0..5).map(|_| run_pending_migrations(&config))).await {
        started.unwrap();
    }
    let twice = "SELECT count(*) - count(DISTINCT version) FROM __diesel_schema_migrations";
    assert_eq!(value(&database, twice).await, "0");
    store(database.url()).await;
}

/// The lock belongs to a connection: an instance that is lost takes it along.
#[tokio::test]
async fn a_lost_instance_leaves_no_lock() {
    let (database, config) = empty().await;
    let url = database.url();
    let other = tokio::spawn(async move {
        // Takes the lock and then sits on it, as an instance would that hangs in the middle.
        flashdeal_tests::postgres::sql(&url, "SELECT pg_advisory_lock(7380381037653943649), pg_sleep(60)").await
    });
    let locked = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    while value(&database, locked).await == "0" {
        sleep(Duration::from_millis(10)).await;
    }
    let mut migrating = tokio::spawn(async move { run_pending_migrations(&config).await });
    timeout(Duration::from_millis(300), &mut migrating).await.expect_err("it waits for the other instance");
    database
        .sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
              WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid() AND datname = current_database()",
        )
        .await
        .unwrap();
    migrating.await.unwrap().unwrap();
    other.await.unwrap().unwrap_err();
    store(database.url()).await;
}

/// In a rolling upgrade instances from before call the functions as they always did.
#[tokio::test]
async fn an_instance_from_before_the_terms_is_served() {
    let (database, config) = empty().await;
    run_pending_migrations(&config).await.unwrap();
    let store = store(database.url()).await;
    let id = "019ab2c3-1f40-7c2a-9d5e-0a1b2c3d4e5f";
    let made = format!(
        "SELECT total_stock || ' ' || version FROM (SELECT id, name, description, price_cents, total_stock, version, epoch,
            created_at FROM create_product('{id}', 'Phone', '', 100, 7, now())) AS made"
    );
    assert_eq!(value(&database, &made).await, "7 1");
    let product = ProductId::parse(id).unwrap();
    let limit = Edit::Set(Quantity::new(2).unwrap());
    let terms = TermsPatch { max_per_reservation: limit, ..TermsPatch::default() };
    store.change_product(product, Change { terms, ..Change::default() }).await.unwrap();
    // What it does not know of stays.
    let changed = format!(
        "SELECT outcome || ' ' || (product).name || ' ' || (product).version FROM change_product('{id}', 'Tablet', NULL, NULL,
            NULL, NULL, NULL, NULL, NULL)"
    );
    assert_eq!(value(&database, &changed).await, "changed Tablet 3");
    let sold = format!(
        "SELECT outcome || ' ' || total FROM (SELECT outcome, epoch, version, total, unit_price_cents, sold_at, order_id, user_id,
            quantity FROM commit_batch(ARRAY['{id}']::uuid[], ARRAY[gen_random_uuid()], ARRAY[gen_random_uuid()],
            ARRAY[0::bigint], ARRAY[3], ARRAY['ada'], ARRAY[NULL]::text[], ARRAY[NULL]::uuid[])) AS sold"
    );
    assert_eq!(value(&database, &sold).await, "sold 4");
    let (_, state) = store.states(&[product]).await.unwrap()[0];
    assert_eq!(state.terms.max_per_reservation(), Some(Quantity::new(2).unwrap()));
}

/// The database alone keeps terms that make no sense out.
#[tokio::test]
async fn terms_that_make_no_sense_are_refused() {
    let (database, config) = empty().await;
    run_pending_migrations(&config).await.unwrap();
    product(&*store(database.url()).await, 1).await;
    for (wrong, constraint) in [
        ("max_per_reservation = 0", "max_per_reservation_is_1_to_1000000"),
        ("max_per_reservation = 1000001", "max_per_reservation_is_1_to_1000000"),
        ("starts_at = '1969-12-31T23:59:59.999Z'", "starts_at_is_from_1970_to_9998"),
        ("ends_at = '9999-01-01T00:00:00Z'", "ends_at_is_from_1970_to_9998"),
        ("starts_at = now(), ends_at = now()", "a_sale_ends_later_than_it_starts"),
    ] {
        let refusal = database.sql(&format!("UPDATE products SET {wrong}")).await.unwrap_err();
        assert!(format!("{refusal:#}").contains(constraint), "{wrong}: {refusal:#}");
    }
}
