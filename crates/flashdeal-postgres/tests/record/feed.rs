//! The feed beside transactions that overtake each other: a sale whose entry has a lower number may be seen later.

use std::sync::Arc;
use std::time::Duration;

use flashdeal_domain::ports::{LeaseToken, Position, Reader};
use flashdeal_domain::{OrderFeed, OrderId, ProductId, StockRepository, StoreError, Timestamp};
use flashdeal_postgres::PostgresStore;
use flashdeal_tests::postgres::{Database, PostgresOptions, PrivatePostgres};
use tokio::time::{sleep, timeout};
use tokio_postgres::{Client, NoTls};

use crate::support::{database_on, id, product, sale, sold, store_with};

/// How long the feed may take to give what nothing holds back any more.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server of its own: a transaction that is held open here would hold the feeds of others back.
struct Shop {
    store: Arc<PostgresStore>,
    products: [ProductId; 2],
    begin: Position,
    database: Database,
    server: PrivatePostgres,
}

fn reader() -> Reader {
    Reader::parse("test").unwrap()
}

impl Shop {
    async fn open() -> Self {
        let server = PrivatePostgres::start(PostgresOptions::default()).await.unwrap();
        let database = database_on(&server).await;
        let store = store_with(database.url(), PATIENCE).await;
        let products = [product(&store, 1000).await, product(&store, 1000).await];
        let begin = store.hold(&reader(), LeaseToken(id()), Duration::from_secs(1)).await.unwrap().unwrap();
        Self { store, products, begin, database, server }
    }

    /// A connection whose transactions are the test's own.
    async fn client(&self) -> Client {
        let (client, connection) = tokio_postgres::connect(&self.database.url(), NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// Sells by the other product, in a transaction that is over when it returns.
    async fn sell(&self) -> OrderId {
        sold(self.store.commit(sale(self.products[1], "bob")).await).id
    }

    /// What the feed gives from `from` on, until it has given this many.
    async fn given(&self, from: Position, count: usize) -> Vec<OrderId> {
        let reading = async {
            let (mut given, mut at) = (Vec::new(), from);
            while given.len() < count {
                let page = self.store.next_orders(at, 100).await.unwrap();
                at = page.through;
                given.extend(page.orders.into_iter().map(|(_, order)| order.id));
                sleep(Duration::from_millis(10)).await;
            }
            given
        };
        timeout(PATIENCE, reading).await.unwrap()
    }

    /// Reads as a reader does, again and again, and answers what it got and where it is.
    async fn read_for_a_while(&self) -> (Vec<OrderId>, Position) {
        let (mut given, mut at) = (Vec::new(), self.begin);
        for _ in 0..30 {
            let page = self.store.next_orders(at, 100).await.unwrap();
            at = page.through;
            given.extend(page.orders.into_iter().map(|(_, order)| order.id));
            sleep(Duration::from_millis(10)).await;
        }
        (given, at)
    }
}

/// The statement of a sale, as an instance makes it.
fn commit_batch(product: ProductId, order: OrderId) -> String {
    format!(
        "SELECT outcome FROM commit_batch(ARRAY['{product}']::uuid[], ARRAY[gen_random_uuid()], ARRAY['{order}']::uuid[],
            ARRAY[0::bigint], ARRAY[1], ARRAY['ada'], ARRAY[NULL]::text[], ARRAY[NULL]::uuid[])"
    )
}

#[tokio::test]
async fn an_order_that_is_seen_late_is_not_passed_over() {
    let shop = Shop::open().await;
    let slow = shop.client().await;
    let first = OrderId::from_uuid(id());
    slow.batch_execute("BEGIN").await.unwrap();
    slow.batch_execute(&commit_batch(shop.products[0], first)).await.unwrap();
    // Written later, seen earlier.
    let later = [shop.sell().await, shop.sell().await];
    let (given, at) = shop.read_for_a_while().await;
    assert_eq!(given, [], "the first of them is still on its way");
    slow.batch_execute("COMMIT").await.unwrap();
    let all = [first, later[0], later[1]];
    assert_eq!(shop.given(at, 3).await, all);
    assert_eq!(shop.given(shop.begin, 3).await, all);
}

/// The upper end of a snapshot is the number after the last transaction that ended. One that runs above it is not in there.
#[tokio::test]
async fn an_order_of_a_younger_transaction_is_not_passed_over() {
    let shop = Shop::open().await;
    let (older, younger) = (shop.client().await, shop.client().await);
    let [first, second] = [OrderId::from_uuid(id()), OrderId::from_uuid(id())];
    older.batch_execute("BEGIN; SELECT pg_current_xact_id()").await.unwrap();
    younger.batch_execute("BEGIN").await.unwrap();
    younger.batch_execute(&commit_batch(shop.products[0], first)).await.unwrap();
    older.batch_execute(&commit_batch(shop.products[1], second)).await.unwrap();
    older.batch_execute("COMMIT").await.unwrap();
    let (given, at) = shop.read_for_a_while().await;
    assert_eq!(given, [], "the first of them is still on its way");
    younger.batch_execute("COMMIT").await.unwrap();
    assert_eq!(shop.given(at, 2).await, [first, second]);
}

/// Several such transactions that overlap, so that there is never a moment without one.
#[tokio::test]
async fn sales_that_overlap_without_a_pause_are_all_given_in_time() {
    let shop = Shop::open().await;
    let (one, other) = (shop.client().await, shop.client().await);
    let mut sold = Vec::new();
    one.batch_execute("BEGIN").await.unwrap();
    let (mut given, mut at) = (Vec::new(), shop.begin);
    for turn in 0..12 {
        let (running, next) = if turn % 2 == 0 { (&one, &other) } else { (&other, &one) };
        let order = OrderId::from_uuid(id());
        running.batch_execute(&commit_batch(shop.products[turn % 2], order)).await.unwrap();
        sold.push(order);
        next.batch_execute("BEGIN; SELECT pg_current_xact_id()").await.unwrap();
        running.batch_execute("COMMIT").await.unwrap();
        let page = shop.store.next_orders(at, 100).await.unwrap();
        at = page.through;
        given.extend(page.orders.into_iter().map(|(_, order)| order.id));
    }
    assert!(!given.is_empty(), "the horizon stands still while anything runs");
    one.batch_execute("ROLLBACK").await.unwrap();
    other.batch_execute("ROLLBACK").await.unwrap();
    given.extend(shop.given(at, sold.len() - given.len()).await);
    assert_eq!(given, sold);
}

#[tokio::test]
async fn what_is_rolled_back_and_what_only_reads_hold_nothing_back() {
    let shop = Shop::open().await;
    let (undone, reads) = (shop.client().await, shop.client().await);
    reads.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM stock_ledger").await.unwrap();
    undone.batch_execute("BEGIN").await.unwrap();
    undone.batch_execute(&commit_batch(shop.products[0], OrderId::from_uuid(id()))).await.unwrap();
    let order = shop.sell().await;
    assert_eq!(shop.read_for_a_while().await.0, []);
    undone.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(shop.given(shop.begin, 1).await, [order]);
}

/// Else it might begin behind a sale that is answered after it has begun.
#[tokio::test]
async fn a_reader_does_not_begin_while_the_end_is_unsettled() {
    let shop = Shop::open().await;
    let slow = shop.client().await;
    let first = OrderId::from_uuid(id());
    slow.batch_execute("BEGIN").await.unwrap();
    slow.batch_execute(&commit_batch(shop.products[0], first)).await.unwrap();
    shop.sell().await;
    let new = Reader::parse("new").unwrap();
    let hold = async || shop.store.hold(&new, LeaseToken(id()), Duration::from_secs(1)).await;
    let refused = hold().await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable { .. }), "{refused}");
    slow.batch_execute("COMMIT").await.unwrap();
    let begun = timeout(PATIENCE, async {
        loop {
            match hold().await {
                Ok(Some(begun)) => return begun,
                _ => sleep(Duration::from_millis(50)).await,
            }
        }
    });
    let begun = begun.await.unwrap();
    let next = shop.sell().await;
    assert_eq!(shop.given(begun, 1).await, [next]);
}

/// What was proven before a restart is proven again.
#[tokio::test]
async fn a_server_that_died_is_read_on() {
    let shop = Shop::open().await;
    let first = shop.sell().await;
    assert_eq!(shop.given(shop.begin, 1).await, [first]);
    shop.server.kill9().await.unwrap();
    assert!(matches!(shop.store.next_orders(shop.begin, 1).await, Err(StoreError::Unavailable { .. })));
    shop.server.restart().await.unwrap();
    let next = sale(shop.products[1], "bob");
    let second = loop {
        match shop.store.commit(next.clone()).await {
            Err(StoreError::Unavailable { .. }) => sleep(Duration::from_millis(50)).await,
            done => break sold(done).id,
        }
    };
    assert_eq!(shop.given(shop.begin, 2).await, [first, second]);
}

/// A failover may take back what a term has read already: then it is behind its own position, and must not go on from there.
#[tokio::test]
async fn a_lease_ends_with_the_run_of_the_server_that_gave_it() {
    let shop = Shop::open().await;
    let (token, long) = (LeaseToken(id()), Duration::from_mins(5));
    sleep(Duration::from_secs(1)).await;
    assert_eq!(shop.store.hold(&reader(), token, long).await.unwrap(), Some(shop.begin));
    assert!(shop.store.renew(&reader(), token, long).await.unwrap());
    shop.server.kill9().await.unwrap();
    shop.server.restart().await.unwrap();
    let answered = async {
        loop {
            match shop.store.renew(&reader(), token, long).await {
                Err(StoreError::Unavailable { .. }) => sleep(Duration::from_millis(50)).await,
                answer => return answer.unwrap(),
            }
        }
    };
    assert!(!timeout(PATIENCE, answered).await.unwrap(), "it was renewed");
    let further = Position(shop.begin.0 + 1);
    assert!(!shop.store.advance(&reader(), token, further).await.unwrap(), "it was used");
    shop.store.release(&reader(), token).await.unwrap();
    let next = LeaseToken(id());
    assert_eq!(shop.store.hold(&reader(), next, long).await.unwrap(), Some(shop.begin), "as the record has it");
    assert!(shop.store.advance(&reader(), next, further).await.unwrap());
}

/// An operator goes back when something is wrong, which a transaction that never ends may be.
#[tokio::test]
async fn a_known_reader_goes_back_while_the_end_is_unsettled() {
    let shop = Shop::open().await;
    let slow = shop.client().await;
    slow.batch_execute("BEGIN").await.unwrap();
    slow.batch_execute(&commit_batch(shop.products[0], OrderId::from_uuid(id()))).await.unwrap();
    shop.sell().await;
    let all = Timestamp::from_millis(0);
    assert_eq!(shop.store.rewind(&reader(), all).await.unwrap(), shop.begin);
    let new = shop.store.rewind(&Reader::parse("new").unwrap(), all).await.unwrap_err();
    assert!(matches!(new, StoreError::Unavailable { .. }), "{new}");
    slow.batch_execute("ROLLBACK").await.unwrap();
}
