//! The ledger: append-only, and it sums to the stock.

use flashdeal_domain::ports::{Change, StockChange, Withdrawal};
use flashdeal_domain::{Epoch, ReservationId, StockRepository};

use crate::support::{books, database, id, left, product, sale, sold, store, units};

#[tokio::test]
async fn rows_are_never_changed_or_deleted() {
    let database = database().await;
    let store = store(database.url()).await;
    let product = product(&store, 5).await;
    sold(store.commit(sale(product, "ada")).await);
    for rewrite in ["UPDATE stock_ledger SET delta = 0", "DELETE FROM stock_ledger WHERE kind = 'void'"] {
        let error = database.sql(rewrite).await.unwrap_err().to_string();
        assert!(error.contains("append-only"), "{error}");
    }
    assert_eq!(books(&database, product).await, (4, 1));
}

#[tokio::test]
async fn every_change_is_a_row_and_the_deltas_sum_to_the_stock() {
    let database = database().await;
    let store = store(database.url()).await;
    let product = product(&store, 20).await;
    let stock = |stock| Change { stock, ..Change::default() };
    let reservation = || ReservationId::from_uuid(id());

    sold(store.commit(sale(product, "ada")).await);
    let voided = sale(product, "bob");
    store.void(product, voided.reservation, &voided.user).await.unwrap();
    let withdrawal = Withdrawal { reservation: reservation(), epoch: Epoch(0), units: units(7) };
    store.change_product(product, stock(StockChange::Withdraw(withdrawal))).await.unwrap();
    let increase = StockChange::Add { id: reservation(), units: units(3) };
    store.change_product(product, stock(increase)).await.unwrap();

    let rows = format!("SELECT kind, delta FROM stock_ledger WHERE product_id = '{product}' ORDER BY entry");
    let rows: Vec<String> = database
        .sql(&rows)
        .await
        .unwrap()
        .into_iter()
        .map(|row| row.into_iter().flatten().collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(rows, ["allotment 20", "sold -1", "void 0", "withdrawn -7", "adjustment 3"]);
    assert_eq!(left(&store, product).await, 15);
    assert_eq!(books(&database, product).await, (15, 1));
}

/// Whatever writes here, not only the functions: a row that could not have come about is refused.
#[tokio::test]
async fn impossible_rows_are_refused() {
    let database = database().await;
    let columns = "product_id, kind, delta, reservation_id, order_id, user_id, quantity, unit_price_cents, at";
    let a = "gen_random_uuid()";
    for row in [
        format!("{a}, 'gift', 1, NULL, NULL, NULL, NULL, NULL, now()"),
        format!("{a}, 'allotment', -1, NULL, NULL, NULL, NULL, NULL, now()"),
        format!("{a}, 'adjustment', 1, NULL, NULL, NULL, NULL, NULL, now()"),
        format!("{a}, 'sold', -1, {a}, NULL, 'ada', 1, 100, now()"),
        format!("{a}, 'sold', -2, {a}, {a}, 'ada', 1, 100, now()"),
        format!("{a}, 'sold', -1, {a}, {a}, NULL, 1, 100, now()"),
        format!("{a}, 'sold', 0, {a}, {a}, 'ada', 0, 100, now()"),
        format!("{a}, 'void', 1, {a}, NULL, 'ada', NULL, NULL, now()"),
        format!("{a}, 'void', 0, {a}, {a}, 'ada', NULL, 100, now()"),
        format!("{a}, 'withdrawn', 3, {a}, NULL, NULL, 3, NULL, now()"),
    ] {
        let error = database.sql(&format!("INSERT INTO stock_ledger ({columns}) VALUES ({row})")).await.unwrap_err();
        assert!(error.to_string().contains("violates check constraint"), "{row}: {error}");
    }
    let product = format!(
        "INSERT INTO products (id, name, description, price_cents, total_stock, created_at)
        VALUES ({a}, 'Phone', '', 100, -1, now())"
    );
    let error = database.sql(&product).await.unwrap_err().to_string();
    assert!(error.contains("total_stock_is_0_to_1000000000"), "{error}");
}
