//! How many sales a second this machine writes durably: through the store, whose callers share transactions, against one
//! transaction for each sale, as pgbench would have it.
//!
//! `cargo run --release -p flashdeal-postgres --example commit_load [-- PRODUCTS [SECONDS]]` starts a PostgreSQL of its own with
//! fsync on.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement stops at the first surprise and prints")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use flashdeal_domain::ports::{Commit, Sale};
use flashdeal_domain::{
    Description, Epoch, OrderId, Price, Product, ProductId, ProductName, ReservationId, StockRepository, Terms,
    Timestamp, Units, UserId,
};
use flashdeal_postgres::{PostgresConfig, PostgresStore, run_pending_migrations};
use flashdeal_tests::postgres::{Database, PostgresOptions, PrivatePostgres};
use futures_util::future::join_all;
use tokio::time::Instant;
use tokio_postgres::NoTls;
use uuid::Uuid;

#[expect(clippy::disallowed_methods, reason = "nobody passes ids to a measurement")]
fn id() -> Uuid {
    Uuid::now_v7()
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u64>().unwrap());
    let product_count = arguments.next().unwrap_or(1);
    let length = Duration::from_secs(arguments.next().unwrap_or(5));
    let server = PrivatePostgres::start(PostgresOptions { fsync: true, ..PostgresOptions::default() }).await.unwrap();
    let database = server.empty_database().await.unwrap();
    let config = PostgresConfig::new(database.url());
    run_pending_migrations(&config).await.unwrap();
    let store = Arc::new(PostgresStore::connect(config).await.unwrap());
    let products: Arc<[ProductId]> = create(&store, product_count).await.into();

    println!(
        "{product_count} products, {length:?} each, fsync on\n{:>28} {:>10} {:>10} {:>10}",
        "", "sales/s", "p50 ms", "p99 ms"
    );
    for clients in [1, 16, 64] {
        report(&format!("a transaction each, {clients}"), one_each(&database, &products, clients, length).await);
    }
    for callers in [1, 16, 64, 512, 2048] {
        report(&format!("through the store, {callers}"), shared(&store, &products, callers, length).await);
    }
    let books = "SELECT count(*) FROM products WHERE total_stock <> (SELECT sum(delta) FROM stock_ledger WHERE product_id = id)";
    let off = database.sql(books).await.unwrap();
    let off = off.first().and_then(|row| row.first()).cloned().flatten().unwrap();
    println!("products whose ledger does not sum to their stock: {off}");
}

async fn create(store: &Arc<PostgresStore>, count: u64) -> Vec<ProductId> {
    let products = (0..count).map(|_| {
        let store = Arc::clone(store);
        async move {
            let product = Product {
                id: ProductId::from_uuid(id()),
                name: ProductName::parse("Phone").unwrap(),
                description: Description::default(),
                price: Price::from_cents(49_900_u32).unwrap(),
                total_stock: Units::new(Units::MAX).unwrap(),
                terms: Terms::NONE,
                created_at: Timestamp::from_millis(1_795_348_800_000),
            };
            store.create_product(product).await.unwrap().id
        }
    });
    let mut created = Vec::new();
    for product in products {
        created.push(product.await);
    }
    created
}

fn report(name: &str, (mut latencies, took): (Vec<Duration>, Duration)) {
    latencies.sort_unstable();
    let at = |percent: usize| {
        let latency: Duration = latencies.get(latencies.len() * percent / 100).copied().unwrap_or_default();
        latency.as_secs_f64() * 1000.0
    };
    let sales = f64::from(u32::try_from(latencies.len()).unwrap());
    println!("{name:>28} {:>10.0} {:>10.2} {:>10.2}", sales / took.as_secs_f64(), at(50), at(99));
}

/// Which product the next sale is of: each in its turn.
fn turn(products: &[ProductId]) -> ProductId {
    static TURN: AtomicUsize = AtomicUsize::new(0);
    *products.get(TURN.fetch_add(1, Ordering::Relaxed) % products.len()).unwrap()
}

/// Callers of the port, each with one sale at a time.
async fn shared(
    store: &Arc<PostgresStore>,
    products: &Arc<[ProductId]>,
    callers: usize,
    length: Duration,
) -> (Vec<Duration>, Duration) {
    let begun = Instant::now();
    let callers = (0..callers).map(|caller| {
        let (store, products) = (Arc::clone(store), Arc::clone(products));
        tokio::spawn(async move {
            let user = UserId::parse(&format!("buyer-{caller}")).unwrap();
            let mut latencies = Vec::new();
            while begun.elapsed() < length {
                let sale = Sale {
                    order: OrderId::from_uuid(id()),
                    product: turn(&products),
                    reservation: ReservationId::from_uuid(id()),
                    epoch: Epoch(0),
                    quantity: Units::new(1).unwrap(),
                    user: user.clone(),
                    key: None,
                };
                let asked = Instant::now();
                let sold = store.commit(sale).await.unwrap();
                assert!(matches!(sold, Commit::Sold { earlier: false, .. }));
                latencies.push(asked.elapsed());
            }
            latencies
        })
    });
    let latencies = join_all(callers).await.into_iter().flat_map(Result::unwrap).collect();
    (latencies, begun.elapsed())
}

/// Clients with a connection each, who lower the stock and insert the sale in one transaction of their own.
async fn one_each(
    database: &Database,
    products: &Arc<[ProductId]>,
    clients: usize,
    length: Duration,
) -> (Vec<Duration>, Duration) {
    let mut connected = Vec::new();
    for _ in 0..clients {
        let (client, connection) = tokio_postgres::connect(&database.url(), NoTls).await.unwrap();
        tokio::spawn(connection);
        let lower = "UPDATE products SET total_stock = total_stock - 1, version = version + 1
            WHERE id = $1 AND total_stock >= 1 RETURNING price_cents";
        let insert = "INSERT INTO stock_ledger (product_id, kind, delta, reservation_id, order_id, user_id, quantity,
            unit_price_cents, at) VALUES ($1, 'sold', -1, $2, $3, 'buyer', 1, $4, now())";
        let statements = (client.prepare(lower).await.unwrap(), client.prepare(insert).await.unwrap());
        connected.push((client, statements));
    }
    let begun = Instant::now();
    let clients = connected.into_iter().map(|(mut client, (lower, insert))| {
        let products = Arc::clone(products);
        tokio::spawn(async move {
            let mut latencies = Vec::new();
            while begun.elapsed() < length {
                let asked = Instant::now();
                let product = turn(&products);
                let transaction = client.transaction().await.unwrap();
                let product = *product.as_uuid();
                let price: i64 = transaction.query_one(&lower, &[&product]).await.unwrap().get(0);
                let (reservation, order) = (id(), id());
                transaction.execute(&insert, &[&product, &reservation, &order, &price]).await.unwrap();
                transaction.commit().await.unwrap();
                latencies.push(asked.elapsed());
            }
            latencies
        })
    });
    let latencies = join_all(clients).await.into_iter().flat_map(Result::unwrap).collect();
    (latencies, begun.elapsed())
}
