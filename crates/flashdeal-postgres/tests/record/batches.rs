//! Many sales in one statement.

use std::collections::HashSet;

use flashdeal_domain::ports::{CheckoutKey, Commit, Sale, Settlement};
use flashdeal_domain::{Epoch, IdempotencyKey, OrderId, ProductId, StockRepository, StoreError, UserId};
use futures_util::future::join_all;

use crate::support::{books, database, id, left, product, sale, sold, store, units};

#[tokio::test]
async fn four_hundred_at_once_buy_fifty_units() {
    let database = database().await;
    let store = store(database.url()).await;
    let product = product(&store, 50).await;
    let answers = join_all((0..400).map(|n| store.commit(sale(product, &format!("buyer-{n}"))))).await;
    let mut orders = HashSet::new();
    for answer in answers {
        match answer.unwrap() {
            Commit::Sold { order, earlier: false, .. } => assert!(orders.insert(order.id)),
            Commit::NoStock { record } => assert_eq!(record.total, units(0)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((orders.len(), left(&store, product).await), (50, 0));
    assert_eq!(books(&database, product).await, (0, 50));
}

#[tokio::test]
async fn one_reservation_committed_fifty_times_is_one_order() {
    let database = database().await;
    let (store, other) = (store(database.url()).await, store(database.url()).await);
    let product = product(&store, 50).await;
    let one = sale(product, "ada");
    let answers = join_all((0..50).map(|n| {
        let store = if n % 2 == 0 { &store } else { &other };
        store.commit(Sale { order: OrderId::from_uuid(id()), ..one.clone() })
    }))
    .await;
    let orders: HashSet<_> = answers.into_iter().map(|answer| sold(answer).id).collect();
    assert_eq!((orders.len(), left(&store, product).await), (1, 49));
}

/// A sale of many products begins with an opening for each, and everyone who opens one gets an epoch of their own.
#[tokio::test]
async fn everyone_who_opens_a_product_gets_an_epoch_of_their_own() {
    let database = database().await;
    let (store, other) = (store(database.url()).await, store(database.url()).await);
    let products = join_all((0..40).map(|_| product(&store, 7))).await;
    let opened = join_all(products.iter().cycle().take(200).enumerate().map(|(n, product)| {
        let store = if n % 3 == 0 { &other } else { &store };
        async move { (*product, store.open_epoch(*product).await.unwrap().unwrap()) }
    }));
    let mut epochs: Vec<_> =
        opened.await.into_iter().map(|(product, state)| (product, state.epoch, state.total)).collect();
    epochs.sort_by_key(|(product, epoch, _)| (*product, *epoch));
    let mut expected = products;
    expected.sort();
    let expected: Vec<_> =
        expected.into_iter().flat_map(|product| (1..=5).map(move |epoch| (product, Epoch(epoch), units(7)))).collect();
    assert_eq!(epochs, expected);
    assert_eq!(store.open_epoch(ProductId::from_uuid(id())).await.unwrap(), None);
}

/// The same reservation with another quantity in the same batch is not the same sale: the first one counts.
#[tokio::test]
async fn contradictory_sales_of_one_reservation_are_one_order() {
    let store = store(database().await.url()).await;
    let product = product(&store, 50).await;
    let one = sale(product, "ada");
    let answers =
        join_all((1..=5).map(|quantity| store.commit(Sale { quantity: units(quantity), ..one.clone() }))).await;
    for answer in answers {
        assert_eq!(sold(answer).quantity, units(1));
    }
    assert_eq!(left(&store, product).await, 49);
}

/// A refused sale frees its key for the next in the same crowd; a made one keeps it.
#[tokio::test]
async fn one_key_for_several_reservations_in_one_batch_makes_one_order() {
    let store = store(database().await.url()).await;
    let product = product(&store, 3).await;
    let keyed = |quantity| Sale {
        quantity: units(quantity),
        key: Some(CheckoutKey { key: IdempotencyKey::parse("once").unwrap(), named: None }),
        ..sale(product, "ada")
    };
    let answers = join_all([4, 2, 1].map(|quantity| store.commit(keyed(quantity)))).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert!(matches!(&answers[0], Commit::NoStock { record } if record.total == units(3)), "{answers:?}");
    assert!(matches!(&answers[1], Commit::Sold { order, .. } if order.quantity == units(2)), "{answers:?}");
    assert_eq!(answers[2], Commit::KeyReused);
}

/// "admitted in their order while the stock lasts": one that does not fit is passed over, and a smaller one behind it fits.
#[tokio::test]
async fn one_that_does_not_fit_holds_nobody_up() {
    let store = store(database().await.url()).await;
    let product = product(&store, 10).await;
    let of = |quantity| Sale { quantity: units(quantity), ..sale(product, "ada") };
    let answers = join_all([6, 5, 3, 2, 1].map(|quantity| store.commit(of(quantity)))).await;
    let fits: Vec<_> = answers.into_iter().map(|answer| matches!(answer.unwrap(), Commit::Sold { .. })).collect();
    assert_eq!(fits, [true, false, true, false, true]);
    assert_eq!(left(&store, product).await, 0);
}

/// "an error that one sale of a batch causes never fails the others".
#[tokio::test]
async fn a_poisonous_sale_fails_alone() {
    let database = database().await;
    let store = store(database.url()).await;
    let (phones, tablets) = (product(&store, 500).await, product(&store, 500).await);
    let taken = sold(store.commit(sale(phones, "first")).await).id;

    let mut crowd: Vec<Sale> =
        (0..100).map(|n| sale(if n % 2 == 0 { phones } else { tablets }, &format!("buyer-{n}"))).collect();
    // What no caller can send but a fault of this program might: a text PostgreSQL cannot hold, one longer than the column,
    // an order id that is taken.
    crowd[3].user = UserId::from_store("a\0b");
    crowd[41].user = UserId::from_store(&"x".repeat(201));
    crowd[98].order = taken;
    let answers = join_all(crowd.into_iter().map(|sale| store.commit(sale))).await;
    for (n, answer) in answers.into_iter().enumerate() {
        match n {
            3 | 41 | 98 => assert!(matches!(answer, Err(StoreError::Failed { store: "postgres", .. })), "{answer:?}"),
            _ => drop(sold(answer)),
        }
    }
    assert_eq!((left(&store, phones).await, left(&store, tablets).await), (500 - 1 - 49, 500 - 48));
    assert_eq!(books(&database, phones).await, (450, 50));
}

#[tokio::test]
async fn sales_and_voids_of_the_same_reservations_agree() {
    let store = store(database().await.url()).await;
    let product = product(&store, 500).await;
    let sales: Vec<_> = (0..200).map(|n| sale(product, &format!("buyer-{n}"))).collect();
    let commits = join_all(sales.iter().map(|sale| store.commit(sale.clone())));
    let voids = join_all(sales.iter().rev().map(|sale| store.void(product, sale.reservation, &sale.user)));
    let (commits, mut voids) = tokio::join!(commits, voids);
    voids.reverse();
    let mut made = 0;
    for (commit, void) in commits.into_iter().zip(voids) {
        match (commit.unwrap(), void.unwrap().unwrap()) {
            (Commit::Sold { order, .. }, Settlement::Sold(same)) => {
                assert_eq!(order, same);
                made += 1;
            }
            (Commit::Void, Settlement::Void) => {}
            contradiction => panic!("{contradiction:?}"),
        }
    }
    assert_eq!(left(&store, product).await, 500 - made);
}

#[tokio::test]
async fn the_fence_falls_between_batches_never_inside_one() {
    let database = database().await;
    let (store, other) = (store(database.url()).await, store(database.url()).await);
    let product = product(&store, 5000).await;
    let commits = join_all((0..2000).map(|n| store.commit(sale(product, &format!("buyer-{n}")))));
    let (commits, opened) = tokio::join!(commits, other.open_epoch(product));
    let opened = opened.unwrap().unwrap();
    assert_eq!(opened.epoch, Epoch(1));
    let mut made = 0;
    for commit in commits {
        match commit.unwrap() {
            Commit::Sold { record, .. } => {
                assert!(record.version < opened.version && record.epoch == Epoch(0), "sold behind the fence");
                made += 1;
            }
            Commit::Fenced => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(opened.total, units(5000 - made));
    assert_eq!(left(&store, product).await, 5000 - made);
}
