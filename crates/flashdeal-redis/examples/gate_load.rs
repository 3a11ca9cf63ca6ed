//! Loads a private Redis with reserves through the adapter and prints what came through.
//!
//! ```text
//! cargo run --release -p flashdeal-redis --example gate_load -- [callers] [seconds] [threads] [everysec|always|none]
//! ```

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "an example ends at the first thing that goes wrong, and rounds what it shows"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use flashdeal_domain::ports::{Caller, ReserveCall, ReserveOutcome};
use flashdeal_domain::{
    Epoch, HoldTime, ProductId, RecordState, ReservationId, ReservationLedger, Terms, Units, UserId, Version,
};
use flashdeal_redis::{RedisConfig, RedisLedger, RedisStore};
use flashdeal_tests::redis::{Persistence, PrivateRedis, RedisOptions};
use tokio::time::Instant;
use uuid::Uuid;

fn argument(number: usize) -> Option<String> {
    std::env::args().nth(number)
}

fn main() {
    let callers: u64 = argument(1).map_or(64, |text| text.parse().unwrap());
    let seconds: u64 = argument(2).map_or(3, |text| text.parse().unwrap());
    let threads: u64 = argument(3).map_or(1, |text| text.parse().unwrap());
    let persistence = match argument(4).as_deref() {
        None | Some("always") => Persistence::Always,
        Some("everysec") => Persistence::EverySecond,
        Some(_) => Persistence::None,
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(PrivateRedis::start(RedisOptions { persistence, ..RedisOptions::default() }));
    let server = server.unwrap();
    let url = server.url();
    let pid = server.pid().unwrap();
    println!("{callers} callers on each of {threads} threads, {seconds} s each, {persistence:?}");
    let products = [("one hot product", 1, Units::MAX), ("sold out", 1, 0), ("10 000 products", 10_000, Units::MAX)];
    for (run, (name, products, total)) in (1_u128..).zip(products) {
        let products: Arc<[ProductId]> =
            (1..=products).map(|n| ProductId::from_uuid(Uuid::from_u128((run << 64) | n))).collect();
        let done = Arc::new(AtomicU64::new(0));
        runtime.block_on(async {
            let store = RedisStore::connect(RedisConfig::parse(&url).unwrap()).await.unwrap();
            open_all(&store.ledger(), &products, total).await;
        });
        let me = std::process::id();
        let (before, mine) = (cpu_seconds(pid), cpu_seconds(me));
        let begun = std::sync::Arc::new(std::sync::Barrier::new(usize::try_from(threads).unwrap()));
        let took: Vec<f64> = std::thread::scope(|scope| {
            let running: Vec<_> = (0..threads)
                .map(|thread| {
                    let (url, products, done, begun) = (&url, &products, &done, &begun);
                    scope.spawn(move || {
                        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                        runtime.unwrap().block_on(async {
                            let store = RedisStore::connect(RedisConfig::parse(url).unwrap()).await.unwrap();
                            let ledger = store.ledger();
                            begun.wait();
                            let start = Instant::now();
                            let until = start + Duration::from_secs(seconds);
                            let tasks: Vec<_> = (0..callers)
                                .map(|caller| {
                                    let call = caller + thread * callers;
                                    tokio::spawn(buy(
                                        ledger.clone(),
                                        Arc::clone(products),
                                        call,
                                        until,
                                        Arc::clone(done),
                                    ))
                                })
                                .collect();
                            for task in tasks {
                                task.await.unwrap();
                            }
                            start.elapsed().as_secs_f64()
                        })
                    })
                })
                .collect();
            running.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let took = took.into_iter().fold(0.0, f64::max);
        let (after, mine_after) = (cpu_seconds(pid), cpu_seconds(me));
        let count = done.load(Ordering::Relaxed) as f64;
        let each = |seconds: f64| seconds / count * 1e6;
        println!(
            "{name:>16}: {:>9.0} reserves/s; each costs {:.1} µs of Redis and {:.1} µs of the caller",
            count / took,
            each(after - before),
            each(mine_after - mine),
        );
    }
    runtime.block_on(memory(&server, &url));
    drop(server);
}

async fn open_all(ledger: &RedisLedger, products: &[ProductId], total: u32) {
    for product in products {
        let token = ledger.claim_opening(*product).await.unwrap();
        let record =
            RecordState { epoch: Epoch(1), version: Version(1), total: Units::new(total).unwrap(), terms: Terms::NONE };
        assert!(ledger.open(*product, token, record).await.unwrap());
    }
}

async fn buy(ledger: RedisLedger, products: Arc<[ProductId]>, caller: u64, until: Instant, done: Arc<AtomicU64>) {
    let mut count = 0_u64;
    while Instant::now() < until {
        let number = caller * 1_000_000 + count;
        let at = usize::try_from(number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33).unwrap() % products.len();
        let answer = ledger.reserve(call(products[at], number)).await.unwrap();
        assert!(matches!(answer, ReserveOutcome::Held { .. } | ReserveOutcome::Insufficient(_)));
        count += 1;
    }
    done.fetch_add(count, Ordering::Relaxed);
}

fn call(product: ProductId, number: u64) -> ReserveCall {
    ReserveCall {
        product,
        user: UserId::parse(&format!("buyer-{number}")).unwrap(),
        quantity: Units::new(1).unwrap(),
        candidate: ReservationId::from_uuid(Uuid::from_u128((u128::from(number) << 32) | 7)),
        ttl: HoldTime::default(),
        key: None,
        caller: Caller::Buyer,
    }
}

/// How much memory a million holds of one product take, made by crowds and one by one.
async fn memory(server: &PrivateRedis, url: &str) {
    for crowd in [64, 1] {
        server.flush().await.unwrap();
        let config = RedisConfig::parse(url).unwrap().with_time_limit(Duration::from_secs(10));
        let ledger = RedisStore::connect(config).await.unwrap().ledger();
        let product = ProductId::from_uuid(Uuid::from_u128(42));
        open_all(&ledger, &[product], Units::MAX).await;
        let before = used_memory(server).await;
        let holds = if crowd == 1 { 200_000 } else { 1_000_000 };
        let mut number = 0;
        let (mut slowest, begun) = (Duration::ZERO, Instant::now());
        while number < holds {
            let now = Instant::now();
            let calls = (number..number + crowd).map(|n| {
                let ledger = ledger.clone();
                tokio::spawn(async move { ledger.reserve(call(product, 100_000 + n)).await.unwrap() })
            });
            for call in calls.collect::<Vec<_>>() {
                call.await.unwrap();
            }
            number += crowd;
            slowest = slowest.max(now.elapsed());
        }
        let bytes = (used_memory(server).await - before) / holds as f64;
        let took = begun.elapsed();
        println!("{holds} holds made {crowd} at a time: {bytes:.0} bytes each; {took:.1?}, slowest {slowest:.1?}");
    }
}

async fn used_memory(server: &PrivateRedis) -> f64 {
    let info = server.command(&["INFO", "memory"]).await.unwrap();
    let info = info.text().unwrap_or_default();
    let line = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
    line.unwrap().parse().unwrap()
}

/// User and system time of a process, in seconds.
fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}
