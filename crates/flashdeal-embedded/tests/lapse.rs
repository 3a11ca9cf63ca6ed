//! Deadlines: to the millisecond, over restarts, and a hundred thousand at once.

#![expect(clippy::unwrap_used, reason = "it fails by panicking")]

#[path = "support/store.rs"]
mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use flashdeal_contract::reference::ManualClock;
use flashdeal_domain::ports::{BeginOutcome, Change, ChangeOutcome, Clock, ReserveOutcome};
use flashdeal_domain::{
    Edit, HoldTime, IdempotencyKey, Quantity, ReservationLedger, StockRepository, TermsPatch, TermsRefusal, Timestamp,
};

use support::{Folder, MovedClock, call, connect, minutes, open, product, reserve, user, value};

#[tokio::test]
async fn a_hold_ends_at_its_deadline_to_the_millisecond() {
    let folder = Folder::new();
    let clock = Arc::new(ManualClock::new());
    let store = open(&folder, clock.clone());
    let product = product(&store, 3).await;
    reserve(&store, call(product, "ada", 3, minutes(10))).await.unwrap();
    clock.advance(599_999);
    assert_eq!(store.status(product).await.unwrap().available().get(), 0);
    assert!(reserve(&store, call(product, "bob", 1, minutes(10))).await.is_none());
    clock.advance(1);
    assert_eq!(store.status(product).await.unwrap().available().get(), 3);
    assert_eq!(store.hold(product, &user("ada")).await.unwrap(), None);
    assert!(reserve(&store, call(product, "bob", 3, minutes(10))).await.is_some());
}

#[tokio::test]
async fn a_restart_keeps_holds_and_keys_until_their_deadline() {
    let folder = Folder::new();
    let clock = Arc::new(ManualClock::new());
    let store = open(&folder, clock.clone());
    let product = product(&store, 10).await;
    let keyed = || {
        let key = Some(IdempotencyKey::parse("once").unwrap());
        flashdeal_domain::ports::ReserveCall { key, ..call(product, "ada", 2, minutes(10)) }
    };
    let ReserveOutcome::Held { hold, created: true } = store.reserve(keyed()).await.unwrap() else {
        panic!("not held")
    };
    reserve(&store, call(product, "bob", 4, minutes(5))).await.unwrap();
    let begun = store.begin(product, &user("bob"), None).await.unwrap();
    assert!(matches!(begun, BeginOutcome::Paying { .. }));
    store.close().await;

    clock.advance(300_000);
    let store = open(&folder, clock.clone());
    // No checkout of a process that ended lives: bob's hold was held again, and lapsed.
    assert_eq!(store.hold(product, &user("bob")).await.unwrap(), None);
    assert_eq!(store.hold(product, &user("ada")).await.unwrap(), Some(hold));
    assert_eq!(store.status(product).await.unwrap().reserved().get(), 2);
    assert_eq!(store.reserve(keyed()).await.unwrap(), ReserveOutcome::Replayed(hold));
    clock.advance(300_000);
    let made_anew = store.reserve(keyed()).await.unwrap();
    assert!(matches!(made_anew, ReserveOutcome::Held { created: true, .. }), "{made_anew:?}");
}

#[tokio::test]
async fn a_clock_that_stepped_back_over_a_restart_lengthens_nothing() {
    let folder = Folder::new();
    let clock = Arc::new(ManualClock::new());
    let store = open(&folder, clock.clone());
    let product = product(&store, 1).await;
    reserve(&store, call(product, "ada", 1, minutes(10))).await.unwrap();
    store.close().await;
    clock.advance(-3_600_000);
    let store = open(&folder, clock.clone());
    clock.advance(599_999);
    assert!(store.hold(product, &user("ada")).await.unwrap().is_some());
    clock.advance(1);
    assert_eq!(store.hold(product, &user("ada")).await.unwrap(), None);
}

#[tokio::test]
async fn a_forgotten_gate_stays_forgotten_over_a_restart() {
    let folder = Folder::new();
    let clock = Arc::new(ManualClock::new());
    let store = open(&folder, clock.clone());
    let product = product(&store, 5).await;
    for n in 0..5 {
        reserve(&store, call(product, &format!("user-{n}"), 1, minutes(10))).await.unwrap();
    }
    store.forget(product).await.unwrap();
    support::open_gate(&store, product).await;
    reserve(&store, call(product, "ada", 2, minutes(10))).await.unwrap();
    store.close().await;
    let store = open(&folder, clock);
    assert_eq!(store.status(product).await.unwrap().reserved().get(), 2);
    assert!(store.hold(product, &user("user-1")).await.unwrap().is_none());
    assert!(store.hold(product, &user("ada")).await.unwrap().is_some());
}

/// The gate had adopted the first change before the restart, and not yet heard of the second; it starts from what the record says.
#[tokio::test]
async fn a_restart_keeps_the_terms_of_a_sale() {
    let folder = Folder::new();
    let clock = Arc::new(ManualClock::new());
    let end = clock.now().as_millis() + 1000;
    let mut store = open(&folder, clock.clone());
    let product = product(&store, 10).await;
    reserve(&store, call(product, "ada", 3, minutes(10))).await.unwrap();
    let limit = TermsPatch { max_per_reservation: Edit::Set(Quantity::new(2).unwrap()), ..TermsPatch::default() };
    let end = TermsPatch { ends_at: Edit::Set(Timestamp::from_millis(end)), ..TermsPatch::default() };
    for terms in [limit, end] {
        let changed = store.change_product(product, Change { terms, ..Change::default() }).await.unwrap();
        let ChangeOutcome::Changed(_, record) = changed else { panic!("{changed:?}") };
        if terms == limit {
            store.adopt(product, record).await.unwrap();
        }
        store.close().await;
        store = open(&folder, clock.clone());
        let over = store.reserve(call(product, "bob", 3, minutes(10))).await.unwrap();
        assert!(matches!(over, ReserveOutcome::Refused(TermsRefusal::OverLimit { .. })), "{over:?}");
    }
    reserve(&store, call(product, "bob", 2, minutes(10))).await.unwrap();
    clock.advance(1000);
    let late = store.reserve(call(product, "carl", 1, minutes(10))).await.unwrap();
    assert!(matches!(late, ReserveOutcome::Refused(TermsRefusal::Ended { .. })), "{late:?}");
    reserve(&store, call(product, "ada", 2, minutes(10))).await.unwrap();
    assert_eq!(store.status(product).await.unwrap().reserved().get(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_lapse_at_once_and_hold_nobody_up() {
    const HOLDS: u32 = 100_000;
    let folder = Folder::new();
    let clock = Arc::new(MovedClock::default());
    let store = open(&folder, clock.clone());
    let (lapsing, other) = (product(&store, HOLDS).await, product(&store, 1000).await);
    let long = HoldTime::new(Duration::from_hours(1)).unwrap();
    let makers: Vec<_> = (0..500)
        .map(|maker| {
            let store = store.clone();
            tokio::spawn(async move {
                for n in 0..HOLDS / 500 {
                    reserve(&store, call(lapsing, &format!("user-{maker}-{n}"), 1, long)).await.unwrap();
                }
            })
        })
        .collect();
    for maker in makers {
        maker.await.unwrap();
    }
    assert_eq!(store.status(lapsing).await.unwrap().available().get(), 0);

    clock.advance(3_600_000);
    // The very first look finds all of them gone, however much there is to sweep away.
    let (level, mut took) = timed(store.status(lapsing)).await;
    assert_eq!(level.unwrap().available().get(), HOLDS);
    for n in 0..300_u32 {
        let (held, each) = timed(reserve(&store, call(other, &format!("other-{}", n % 50), 1 + n % 3, long))).await;
        assert!(held.is_some());
        took = took.max(each);
        let (looked, each) = timed(store.status(lapsing)).await;
        assert_eq!(looked.unwrap().reserved().get(), 0);
        took = took.max(each);
    }
    // In a release build on an idle machine it is a few; here the build is not optimised and the machine is shared.
    assert!(took < Duration::from_millis(500), "one call took {took:?}");
    store.close().await;
    assert_eq!(value(&mut connect(&folder), "SELECT count(*) AS value FROM holds"), 50);
}

#[expect(clippy::disallowed_methods, reason = "it measures")]
async fn timed<T>(call: impl Future<Output = T>) -> (T, Duration) {
    let begun = Instant::now();
    (call.await, begun.elapsed())
}
