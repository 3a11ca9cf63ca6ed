//! Connections that break, and servers that die, freeze or are blocked.

use std::sync::Arc;
use std::time::Duration;

use flashdeal_domain::StockRepository;
use flashdeal_domain::ports::Commit;
use flashdeal_tests::postgres::{PostgresOptions, PrivatePostgres};
use flashdeal_tests::proxy::{Proxy, runs_statement};
use futures_util::future::join_all;
use tokio::time::{Instant, sleep};

use crate::support::{
    CALL_TIMEOUT, GRACE, books, commit_until_known, database, database_on, id, left, product, sale, sold, store,
    store_with, unavailable, units, value,
};

/// The reply to a commit is lost after it took effect: the same call again, by the adapter or by its caller, finds it.
#[tokio::test]
async fn a_lost_reply_sells_once() {
    let database = database().await;
    let proxy = Proxy::start(PrivatePostgres::shared().await.unwrap().addr()).await.unwrap();
    let store = store(database.url_through(proxy.addr())).await;
    let product = product(&store, 10).await;
    sold(store.commit(sale(product, "first")).await);

    for lost in 1..=5_u64 {
        proxy.cut_reply_when(runs_statement);
        let one = sale(product, "ada");
        let order = sold(Ok(commit_until_known(&store, &one).await));
        assert_eq!((order.id, order.reservation), (one.order, one.reservation));
        assert_eq!(proxy.lost_replies(), lost);
        match store
            .commit(flashdeal_domain::ports::Sale { order: flashdeal_domain::OrderId::from_uuid(id()), ..one })
            .await
        {
            Ok(Commit::Sold { order: again, earlier: true, .. }) => assert_eq!(again, order),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(books(&database, product).await, (4, 6));
}

/// Backends are ended at random moments of many batches.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_cut_at_any_moment_lose_and_double_nothing() {
    let database = database().await;
    let stores = [store(database.url()).await, store(database.url()).await];
    let product = product(&stores[0], 100_000).await;
    let buyers: Vec<_> = (0..40)
        .map(|buyer: usize| {
            let store = Arc::clone(&stores[buyer % 2]);
            tokio::spawn(async move {
                for n in 0..25 {
                    let one = sale(product, &format!("buyer-{buyer}-{n}"));
                    let order = sold(Ok(commit_until_known(&store, &one).await));
                    assert_eq!((order.id, order.quantity), (one.order, units(1)));
                }
            })
        })
        .collect();
    let cutter = async {
        let mut cuts = 0;
        while buyers.iter().any(|buyer| !buyer.is_finished()) {
            let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid()";
            cuts += value(&database, cut).await.parse::<u32>().unwrap();
            sleep(Duration::from_millis(40)).await;
        }
        cuts
    };
    let cuts = cutter.await;
    for buyer in buyers {
        buyer.await.unwrap();
    }
    assert!(cuts > 0, "nothing was cut");
    assert_eq!(books(&database, product).await, (99_000, 1000));
    assert_eq!(left(&stores[0], product).await, 99_000);
}

#[tokio::test]
async fn a_server_that_was_restarted_is_met_again_without_a_failed_call() {
    let server = PrivatePostgres::start(PostgresOptions::default()).await.unwrap();
    let database = database_on(&server).await;
    let store = store(database.url()).await;
    let product = product(&store, 100).await;
    // Several connections that will be dead, all idle.
    join_all((0..8).map(|_| store.product(product))).await;
    sold(store.commit(sale(product, "ada")).await);
    server.kill9().await.unwrap();
    server.restart().await.unwrap();
    sold(store.commit(sale(product, "ada")).await);
    for answer in join_all((0..8).map(|_| store.product(product))).await {
        assert_eq!(answer.unwrap().unwrap().total_stock, units(98));
    }
}

#[tokio::test]
async fn a_server_that_is_down_is_unavailable_at_once_and_found_when_it_is_back() {
    let server = PrivatePostgres::start(PostgresOptions::default()).await.unwrap();
    let database = database_on(&server).await;
    let store = store(database.url()).await;
    let product = product(&store, 100).await;
    server.kill9().await.unwrap();

    let begun = Instant::now();
    for answer in join_all((0..100).map(|n| store.commit(sale(product, &format!("buyer-{n}"))))).await {
        unavailable(&answer);
    }
    unavailable(&store.product(product).await);
    unavailable(&store.ping().await);
    assert!(begun.elapsed() < 3 * CALL_TIMEOUT + GRACE, "{:?}", begun.elapsed());

    server.restart().await.unwrap();
    commit_until_known(&store, &sale(product, "ada")).await;
    store.ping().await.unwrap();
}

#[tokio::test]
async fn a_frozen_server_hangs_nobody_and_is_used_again() {
    let server = PrivatePostgres::start(PostgresOptions::default()).await.unwrap();
    let database = database_on(&server).await;
    let store = store(database.url()).await;
    let product = product(&store, 100).await;
    let one = sale(product, "ada");

    server.pause();
    let begun = Instant::now();
    let (commit, read, epoch) =
        tokio::join!(store.commit(one.clone()), store.product(product), store.open_epoch(product));
    let took = begun.elapsed();
    server.resume();
    assert!(took < CALL_TIMEOUT + GRACE, "{took:?}");
    unavailable(&commit);
    unavailable(&read);
    unavailable(&epoch);

    let again = commit_until_known(&store, &one).await;
    // The epoch may have been raised after all: unknown means unknown. Never both, and never twice.
    let sales = u32::from(matches!(again, Commit::Sold { .. }));
    assert!(sales == 1 || again == Commit::Fenced, "{again:?}");
    assert_eq!(books(&database, product).await, (i64::from(100 - sales), sales));
    store.ping().await.unwrap();
}

/// Somebody else's lock, an administrator's say, fails the calls that need that row, and no others.
#[tokio::test]
async fn a_locked_row_is_waited_for_no_longer_than_a_call_may_take() {
    // Whoever needs another row must be served within it, on a busy machine, too.
    const CALL_TIMEOUT: Duration = Duration::from_secs(8);
    let database = database().await;
    let store = store_with(database.url(), CALL_TIMEOUT).await;
    let product = product(&store, 100).await;
    let mut others = Vec::new();
    for _ in 0..20 {
        others.push(crate::support::product(&store, 100).await);
    }
    let locker = {
        let (database, lock) = (database.clone(), format!("SELECT FROM products WHERE id = '{product}' FOR UPDATE"));
        tokio::spawn(async move { database.sql(&format!("BEGIN; {lock}; SELECT pg_sleep(60)")).await })
    };
    let asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()";
    while value(&database, asleep).await == "0" {
        sleep(Duration::from_millis(10)).await;
    }
    let one = sale(product, "ada");
    let begun = Instant::now();
    // Sales of other products, some of which share a statement with the one that has to wait.
    let neighbours = join_all(others.iter().map(|other| store.commit(sale(*other, "bob"))));
    let opened = join_all(others.iter().map(|other| store.open_epoch(*other)));
    let (commit, epoch, neighbours, opened) =
        tokio::join!(store.commit(one.clone()), store.open_epoch(product), neighbours, opened);
    for neighbour in neighbours {
        // One whose gate was opened meanwhile is fenced.
        assert!(matches!(neighbour, Ok(Commit::Sold { .. } | Commit::Fenced)), "{neighbour:?}");
    }
    for opened in opened {
        assert!(matches!(opened, Ok(Some(_))), "{opened:?}");
    }
    assert!(begun.elapsed() < CALL_TIMEOUT + GRACE, "{:?}", begun.elapsed());
    unavailable(&commit);
    unavailable(&epoch);
    assert_eq!(store.product(product).await.unwrap().unwrap().total_stock, units(100), "reads go on");
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    let patience = Instant::now() + GRACE;
    while value(&database, waiting).await != "0" {
        assert!(Instant::now() < patience, "a statement waits on the server for nobody");
        sleep(Duration::from_millis(20)).await;
    }
    locker.abort();
    database
        .sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()")
        .await
        .unwrap();
    assert!(matches!(commit_until_known(&store, &one).await, Commit::Sold { earlier: false, .. }));
}

/// However many callers there are, the connections stay within their bound.
#[tokio::test]
async fn connections_are_bounded() {
    let database = database().await;
    let store = store(database.url()).await;
    let product = product(&store, 100).await;
    for answer in join_all((0..500).map(|_| store.product(product))).await {
        answer.unwrap();
    }
    let ours =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'flashdeal'";
    let open: u32 = value(&database, ours).await.parse().unwrap();
    assert!((1..=8).contains(&open), "{open} connections");
}
