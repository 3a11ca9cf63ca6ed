//! The record's calls, statement by statement.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use diesel::connection::{Connection, InstrumentationEvent};
use diesel::prelude::*;
use flashdeal_domain::ports::{CheckoutKey, Commit, Sale};
use flashdeal_domain::{
    Description, Epoch, IdempotencyKey, OrderId, Price, Product, ProductId, ProductName, ReservationId, Terms,
    Timestamp, Units, UserId,
};
use uuid::Uuid;

use super::{Transaction, changes, reads, rows, sales};
use crate::apply::apply;
use crate::book::{Effect, HoldRow};
use crate::connection;

fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

fn memory() -> SqliteConnection {
    let mut conn = SqliteConnection::establish(":memory:").unwrap();
    connection::migrate(&mut conn, ":memory:".as_ref()).unwrap();
    conn
}

fn phone() -> Product {
    Product {
        id: ProductId::from_uuid(id(1)),
        name: ProductName::parse("Phone").unwrap(),
        description: Description::default(),
        price: Price::parse("1.00").unwrap(),
        total_stock: Units::new(100).unwrap(),
        terms: Terms::NONE,
        created_at: Timestamp::from_millis(0),
    }
}

fn sale(n: u128, key: Option<&str>) -> Sale {
    Sale {
        order: OrderId::from_uuid(id(n)),
        product: phone().id,
        reservation: ReservationId::from_uuid(id(n)),
        epoch: Epoch(0),
        quantity: Units::new(1).unwrap(),
        user: UserId::parse("ada").unwrap(),
        key: key.map(|key| CheckoutKey { key: IdempotencyKey::parse(key).unwrap(), named: None }),
    }
}

fn effects(row: i64) -> Vec<Effect> {
    let (product, user) = (phone().id, UserId::parse("ada").unwrap());
    let (reservation, deadline) = (ReservationId::from_uuid(id(9)), Timestamp::from_millis(9));
    let hold = HoldRow { row, product, user, reservation, quantity: 1, deadline, ttl: 9 };
    vec![
        Effect::PutHold(hold.clone()),
        Effect::SetQuantity { row, quantity: 2 },
        Effect::PutKey { row: hold, key: IdempotencyKey::parse("k").unwrap() },
        Effect::DropHolds { first: row, last: row },
        Effect::DropKeys { first: row, last: row },
        Effect::DropGate { product },
    ]
}

/// Everything that is not prepared once costs its parsing each time.
#[test]
fn every_statement_of_the_hot_paths_is_prepared_once() {
    let mut conn = memory();
    let (asked, prepared) = (Arc::new(Mutex::new(BTreeSet::new())), Arc::new(Mutex::new(Vec::new())));
    let (asking, preparing) = (Arc::clone(&asked), Arc::clone(&prepared));
    conn.set_instrumentation(move |event: InstrumentationEvent<'_>| match event {
        InstrumentationEvent::StartQuery { query, .. } => {
            let query = query.to_string();
            let query = query.split(" -- binds").next().unwrap_or_default().to_owned();
            asking.lock().unwrap().insert(query);
        }
        InstrumentationEvent::CacheQuery { sql, .. } => preparing.lock().unwrap().push(sql.to_owned()),
        _ => {}
    });
    for n in [10, 20, 30] {
        for effect in effects(i64::try_from(n).unwrap()) {
            apply(&mut conn, &effect).unwrap();
        }
        let mut txn = Transaction::new(&mut conn, 0);
        changes::create(&mut txn, &phone()).unwrap();
        for (sale, hold) in [(sale(n, None), None), (sale(n + 1, Some(&n.to_string())), Some(1)), (sale(n, None), None)]
        {
            assert!(matches!(sales::commit(&mut txn, &sale, hold).unwrap().0, Commit::Sold { .. }));
        }
        txn.flush().unwrap();
        reads::settlement(&mut conn, phone().id, ReservationId::from_uuid(id(n))).unwrap();
        reads::keyed_order(&mut conn, phone().id, &sale(n, None).user, &IdempotencyKey::parse("k").unwrap()).unwrap();
        rows::order(&mut conn, rows::bytes(&id(n))).unwrap();
        reads::state(&mut conn, phone().id).unwrap();
    }
    let asked: Vec<_> = asked.lock().unwrap().iter().cloned().collect();
    let mut prepared = prepared.lock().unwrap().clone();
    prepared.sort();
    assert_eq!(asked, prepared);
    // A LIMIT that is bound makes SQLite plan the statement anew each time.
    assert!(asked.iter().all(|query| !query.contains("LIMIT")), "{asked:?}");
}

/// The promise of the ledger is kept by the file itself.
#[test]
fn the_ledger_is_append_only() {
    let mut conn = memory();
    changes::create(&mut Transaction::new(&mut conn, 0), &phone()).unwrap();
    for change in ["UPDATE stock_ledger SET delta = 1", "DELETE FROM stock_ledger"] {
        let error = diesel::sql_query(change).execute(&mut conn).unwrap_err().to_string();
        assert!(error.contains("append-only"), "{change}: {error}");
    }
}
