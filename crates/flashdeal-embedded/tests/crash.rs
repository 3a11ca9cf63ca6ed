//! What was acknowledged is there after `kill -9`.

#![expect(clippy::unwrap_used, reason = "it fails by panicking")]

#[path = "support/store.rs"]
mod support;

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use flashdeal_domain::ports::{BeginOutcome, Commit, Finish, ReleaseOutcome};
use flashdeal_domain::{OrderId, ProductId, ReservationId, ReservationLedger, StockRepository};
use flashdeal_embedded::EmbeddedStore;

use support::{Folder, MovedClock, call, minutes, open, product, reserve, sale, user};

/// Set for the process that is to be killed: the folder, the product and the number of the round.
const VICTIM: &str = "FLASHDEAL_TEST_VICTIM";
const STOCK: u32 = 1_000_000;
const ROUNDS: u32 = 4;
/// Acknowledgements after which a victim is killed.
const ENOUGH: usize = 1500;

#[test]
fn kill_9_loses_nothing_acknowledged() {
    if let Ok(orders) = std::env::var(VICTIM) {
        victim(&orders);
    }
    let folder = Folder::new();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let product = runtime.block_on(async {
        let store = open(&folder, Arc::new(MovedClock::default()));
        let product = product(&store, STOCK).await;
        store.close().await;
        product
    });
    // What each user was told last.
    let mut told = HashMap::new();
    for round in 0..ROUNDS {
        let acknowledged = kill_one(&folder, product, round);
        assert!(acknowledged.len() >= ENOUGH);
        for line in acknowledged {
            let (user, what) = line.split_once(' ').unwrap();
            told.insert(user.to_owned(), what.to_owned());
        }
        runtime.block_on(check(&folder, product, &told));
    }
}

/// Runs a victim, kills it in the middle of its work and answers what it said until then.
fn kill_one(folder: &Folder, product: ProductId, round: u32) -> Vec<String> {
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill_9_loses_nothing_acknowledged", "--nocapture", "--test-threads=1"])
        .env(VICTIM, format!("{}\n{product}\n{round}", folder.path().display()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines();
    let mut acknowledged = Vec::new();
    for line in lines.by_ref() {
        acknowledged.extend(line.unwrap().strip_prefix("told ").map(str::to_owned));
        if acknowledged.len() == ENOUGH {
            victim.kill().unwrap();
        }
    }
    victim.wait().unwrap();
    acknowledged
}

/// Works until it is killed, and says what it was told.
fn victim(orders: &str) -> ! {
    let mut orders = orders.split('\n');
    let folder = PathBuf::from(orders.next().unwrap());
    let product = ProductId::parse(orders.next().unwrap()).unwrap();
    let round = orders.next().unwrap().to_owned();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = EmbeddedStore::open(&folder, Arc::new(MovedClock::default())).unwrap();
        let buyers: Vec<_> =
            (0..32).map(|buyer| tokio::spawn(buy(store.clone(), product, format!("{round}-{buyer}")))).collect();
        for buyer in buyers {
            buyer.await.unwrap();
        }
    });
    unreachable!("buyers never end")
}

/// Every third hold is bought, every third released, every third kept; half of the kept ones are set to two.
async fn buy(store: EmbeddedStore, product: ProductId, name: String) {
    for n in 0_u64.. {
        let name = format!("{name}-{n}");
        let reservation = reserve(&store, call(product, &name, 1, minutes(10))).await.unwrap();
        say(&format!("{name} holds {reservation} 1"));
        match n % 3 {
            0 => {
                // Said before as well: a victim may die between the deed and the word.
                say(&format!("{name} unsure {reservation}"));
                let BeginOutcome::Paying { epoch, .. } = store.begin(product, &user(&name), None).await.unwrap() else {
                    panic!("no hold")
                };
                let sold = store.commit(sale(product, &name, reservation, epoch, 1)).await.unwrap();
                let Commit::Sold { order, record, .. } = sold else { panic!("{sold:?}") };
                say(&format!("{name} bought {}", order.id));
                let finish = Finish { product, user: user(&name), reservation, record: Some(record) };
                store.finish(finish).await.unwrap();
            }
            1 => {
                say(&format!("{name} unsure {reservation}"));
                let released = store.release(product, &user(&name)).await.unwrap();
                assert!(matches!(released, ReleaseOutcome::Released(_)));
                say(&format!("{name} released {reservation}"));
            }
            _ if n % 2 == 0 => {
                say(&format!("{name} unsure {reservation}"));
                reserve(&store, call(product, &name, 2, minutes(10))).await.unwrap();
                say(&format!("{name} holds {reservation} 2"));
            }
            _ => {}
        }
    }
}

fn say(what: &str) {
    // One write: lines of two threads do not mix.
    std::io::stdout().lock().write_all(format!("told {what}\n").as_bytes()).unwrap();
}

async fn check(folder: &Folder, product: ProductId, told: &HashMap<String, String>) {
    let store = open(folder, Arc::new(MovedClock::default()));
    let mut orders = 0;
    let mut units = 0;
    for (name, last_told) in told {
        let mut words = last_told.split(' ');
        let (verb, id) = (words.next().unwrap(), words.next().unwrap());
        let hold = store.hold(product, &user(name)).await.unwrap();
        match verb {
            "holds" => {
                let hold = hold.unwrap_or_else(|| panic!("{name}'s hold is lost"));
                assert_eq!(hold.reservation, ReservationId::parse(id).unwrap(), "{name}");
                assert_eq!(hold.quantity.get().to_string(), words.next().unwrap(), "{name}");
                units += hold.quantity.get();
            }
            "bought" => {
                let order = store.order(OrderId::parse(id).unwrap()).await.unwrap();
                assert_eq!(order.unwrap_or_else(|| panic!("{name}'s order is lost")).user, user(name));
                assert_eq!(hold, None, "{name} bought it");
                orders += 1;
            }
            "released" => assert_eq!(hold, None, "{name} released it"),
            "unsure" => {}
            other => panic!("{other}"),
        }
    }
    let level = store.status(product).await.unwrap();
    let sold = STOCK - level.total().get();
    assert!(sold >= orders, "{sold} sold, {orders} told");
    assert!(level.reserved().get() >= units, "{level:?}, {units} told");
    let total = store.product(product).await.unwrap().unwrap().total_stock;
    assert_eq!(level.total(), total, "gate and record agree");
    store.close().await;
    support::assert_ledger_sums(folder);
}
