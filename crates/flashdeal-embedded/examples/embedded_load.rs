//! How fast the embedded store is without HTTP: 128 callers on two threads, one hot product, everything durable.
//!
//! ```sh
//! cargo run --release -p flashdeal-embedded --example embedded_load [FOLDER [reserve|refuse|checkout|wave|million …]]
//! ```
//!
//! The folder decides which disk is measured; the default is one in the system's place for temporary files.

#![expect(clippy::unwrap_used, reason = "it fails by panicking")]

#[path = "../tests/support/store.rs"]
mod support;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use flashdeal_domain::ports::{BeginOutcome, Commit, Finish};
use flashdeal_domain::{HoldTime, ProductId, ReservationLedger, StockRepository};
use flashdeal_embedded::EmbeddedStore;
use tokio::task::LocalSet;

use support::{MovedClock, call, id, minutes, product, reserve, sale, user};

const THREADS: u64 = 2;
const CALLERS: u64 = 64;
const SLICE: Duration = Duration::from_secs(3);

fn main() {
    let folder = std::env::args().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = folder.join(format!("flashdeal-load-{}", id()));
    let clock = Arc::new(MovedClock::default());
    let store = EmbeddedStore::open(&folder, clock.clone()).unwrap();
    println!("peak memory at start: {} MiB", peak_mib());
    let chosen: Vec<_> = std::env::args().skip(2).collect();
    let chosen = |workload: &str| chosen.is_empty() || chosen.iter().any(|one| one == workload);
    if chosen("reserve") {
        reserves(&store);
    }
    if chosen("refuse") {
        refusals(&store);
    }
    if chosen("checkout") {
        checkouts(&store);
    }
    if chosen("wave") {
        wave(&store, &clock);
    }
    if chosen("million") {
        million(&store);
    }
    drop(store);
    println!("database: {} MiB", std::fs::metadata(folder.join("flashdeal.db")).unwrap().len() >> 20);
    let begun = now();
    let store = EmbeddedStore::open(&folder, clock).unwrap();
    println!("opened again in {:?}; peak memory {} MiB", begun.elapsed(), peak_mib());
    drop(store);
    std::fs::remove_dir_all(folder).unwrap();
}

/// One product, a new user each time.
fn reserves(store: &EmbeddedStore) {
    let product = on_one_thread(product(store, 1_000_000_000));
    let rate = load(store, SLICE, move |store, n| async move {
        reserve(&store, call(product, &format!("user-{n}"), 1, minutes(10))).await.unwrap();
    });
    println!("reserve, hot product: {rate}");
    let rate = load(store, SLICE, move |store, _| async move {
        store.status(product).await.unwrap();
    });
    println!("status: {rate}");
}

fn refusals(store: &EmbeddedStore) {
    let product = on_one_thread(product(store, 0));
    let rate = load(store, SLICE, move |store, n| async move {
        assert!(reserve(&store, call(product, &format!("user-{n}"), 1, minutes(10))).await.is_none());
    });
    println!("reserve, sold out: {rate}");
}

/// Reserve, then begin, commit and finish; all of it is one operation, and the last three alone.
fn checkouts(store: &EmbeddedStore) {
    let product = on_one_thread(product(store, 1_000_000_000));
    let held = 300_000;
    hold(store, product, held, minutes(10));
    let rate = load(store, Duration::from_mins(1), move |store, n| async move {
        if n < held {
            checkout(&store, product, &format!("user-{n}")).await;
        }
    });
    println!("checkout (begin, commit, finish), hot product: {}", rate.of(held));
}

async fn checkout(store: &EmbeddedStore, product: ProductId, name: &str) {
    let BeginOutcome::Paying { hold, epoch } = store.begin(product, &user(name), None).await.unwrap() else {
        panic!("no hold");
    };
    let reservation = hold.reservation;
    let Commit::Sold { record, .. } = store.commit(sale(product, name, reservation, epoch, 1)).await.unwrap() else {
        panic!("not sold");
    };
    let user = user(name);
    store.finish(Finish { product, user, reservation, record: Some(record) }).await.unwrap();
}

/// A hundred thousand holds lapse in one instant while other calls go on: half of them reserves, half of them looks at the
/// product whose holds lapse. The slowest of them, and the slowest without a wave.
fn wave(store: &EmbeddedStore, clock: &Arc<MovedClock>) {
    let (lapsing, other) = (on_one_thread(product(store, 1_000_000)), on_one_thread(product(store, 1_000_000)));
    hold(store, lapsing, 100_000, minutes(2));
    let calm = slowest(store, lapsing, other);
    let clock = Arc::clone(clock);
    let jump = std::thread::spawn(move || {
        std::thread::sleep(SLICE / 3);
        clock.advance(180_000);
    });
    let stormy = slowest(store, lapsing, other);
    jump.join().unwrap();
    assert_eq!(on_one_thread(store.status(lapsing)).unwrap().reserved().get(), 0);
    println!("expiry wave: slowest other call {stormy} us, without a wave {calm} us");
}

fn slowest(store: &EmbeddedStore, lapsing: ProductId, other: ProductId) -> u64 {
    let slowest = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&slowest);
    load(store, SLICE, move |store, n| {
        let seen = Arc::clone(&seen);
        async move {
            let begun = now();
            if n % 2 == 0 {
                let quantity = u32::try_from(1 + n % 3).unwrap();
                reserve(&store, call(other, &format!("wave-{}", n % 1000), quantity, minutes(10))).await;
            } else {
                store.status(lapsing).await.unwrap();
            }
            seen.fetch_max(u64::try_from(begun.elapsed().as_micros()).unwrap(), Ordering::Relaxed);
        }
    });
    slowest.load(Ordering::Relaxed)
}

/// A million live holds on one product: the speed against a thousand, and the memory.
fn million(store: &EmbeddedStore) {
    let product = on_one_thread(product(store, 1_000_000_000));
    let new_ones = |names: &'static str| {
        load(store, SLICE, move |store, n| async move {
            reserve(&store, call(product, &format!("{names}-{n}"), 1, minutes(20))).await.unwrap();
        })
    };
    hold(store, product, 1000, minutes(20));
    let few = new_ones("few");
    hold(store, product, 1_000_000, minutes(20));
    let memory = peak_mib();
    let many = new_ones("many");
    println!("with a thousand holds: {few}; with a million: {many}; peak memory {memory} MiB");
}

fn hold(store: &EmbeddedStore, product: ProductId, holds: u64, ttl: HoldTime) {
    load(store, Duration::from_mins(1), move |store, n| async move {
        if n < holds {
            reserve(&store, call(product, &format!("user-{n}"), 1, ttl)).await.unwrap();
        }
    })
    .of(holds);
}

/// Operations and how long they took.
struct Rate {
    operations: u64,
    took: Duration,
    /// Processor time of the whole process.
    cpu: Duration,
}

impl Rate {
    fn of(self, operations: u64) -> Self {
        Self { operations, ..self }
    }
}

impl std::fmt::Display for Rate {
    #[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "a rate to be read")]
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let each = |time: Duration| time.as_secs_f64() / self.operations as f64;
        write!(f, "{:.0}/s, {:.2} us of a processor each", 1.0 / each(self.took), each(self.cpu) * 1e6)
    }
}

/// Runs `operation` from all callers until `limit`, or until a thousand numbers in a row took no time at all.
fn load<F>(
    store: &EmbeddedStore,
    limit: Duration,
    operation: impl Fn(EmbeddedStore, u64) -> F + Clone + Send + 'static,
) -> Rate
where
    F: Future<Output = ()>,
{
    let next = Arc::new(AtomicU64::new(0));
    let (begun, cpu) = (now(), cpu_time());
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let (store, operation, next) = (store.clone(), operation.clone(), Arc::clone(&next));
            std::thread::spawn(move || {
                on_one_thread(LocalSet::new().run_until(async move {
                    let callers: Vec<_> = (0..CALLERS)
                        .map(|_| {
                            let (store, operation, next) = (store.clone(), operation.clone(), Arc::clone(&next));
                            tokio::task::spawn_local(async move {
                                let mut idle = 0;
                                while begun.elapsed() < limit && idle < 1000 {
                                    let before = now();
                                    operation(store.clone(), next.fetch_add(1, Ordering::Relaxed)).await;
                                    idle = if before.elapsed() < Duration::from_nanos(200) { idle + 1 } else { 0 };
                                    if next.load(Ordering::Relaxed).is_multiple_of(64) {
                                        tokio::task::yield_now().await;
                                    }
                                }
                            })
                        })
                        .collect();
                    for caller in callers {
                        caller.await.unwrap();
                    }
                }));
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    Rate { operations: next.load(Ordering::Relaxed), took: begun.elapsed(), cpu: cpu_time().saturating_sub(cpu) }
}

fn on_one_thread<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

#[expect(clippy::disallowed_methods, reason = "it measures")]
fn now() -> Instant {
    Instant::now()
}

/// The most memory this process has had, in MiB.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: u64 = peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0);
    kib >> 10
}

/// The processor time this process has used; in steps of 10 ms.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    Duration::from_millis(fields.filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() * 10)
}
