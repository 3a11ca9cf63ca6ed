//! What becomes of the gate when something happens to Redis.

use std::time::Duration;

use flashdeal_domain::ports::{BeginOutcome, Finish, LedgerError, ReleaseOutcome, ReserveOutcome};
use flashdeal_domain::{ReservationLedger, StoreError};
use flashdeal_redis::RedisStore;
use flashdeal_tests::redis::{Persistence, RedisOptions};
use tokio::time::{Instant, sleep};

use crate::support::{Gate, config, settings, start, user};

#[tokio::test]
async fn a_flush_closes_every_gate() {
    let server = start().await;
    let gate = Gate::open(&server, 10).await;
    gate.reserve("ada", 1).await;
    server.flush().await.unwrap();
    for _ in 0..2 {
        let answer = gate.ledger.status(gate.product).await;
        assert!(matches!(answer, Err(LedgerError::Closed { had_state: false })), "{answer:?}");
    }
    gate.reopen().await;
    assert_eq!(gate.level().await, (10, 0));
}

#[tokio::test]
async fn a_script_flush_is_not_noticed() {
    let server = start().await;
    let gate = Gate::open(&server, 10).await;
    server.command(&["SCRIPT", "FLUSH"]).await.unwrap();
    gate.reserve("ada", 1).await;
    assert_eq!(gate.level().await, (10, 1));
}

#[tokio::test]
async fn a_thousand_buyers_hold_fifty_units_fifty_times() {
    let server = start().await;
    let gate = Gate::open(&server, 50).await;
    let calls: Vec<_> = (0..1000)
        .map(|n| {
            let (ledger, call) = (gate.ledger.clone(), gate.call(&format!("buyer-{n}"), 1));
            tokio::spawn(async move { ledger.reserve(call).await.unwrap() })
        })
        .collect();
    let mut held = 0;
    for call in calls {
        if let ReserveOutcome::Held { created, .. } = call.await.unwrap() {
            assert!(created);
            held += 1;
        }
    }
    assert_eq!((held, gate.level().await), (50, (50, 50)));
}

/// The index is derived: without it holds still end on the millisecond, and checkouts are still found.
#[tokio::test]
async fn a_lost_index_is_rebuilt_before_anything_depends_on_it() {
    let server = start().await;
    let gate = Gate::open(&server, 5000).await;
    gate.crowd(0..3000).await;
    gate.begin("buyer-0").await;
    for part in ["due:0", "due:1", "paying"] {
        server.command(&["DEL", &gate.key(part)]).await.unwrap();
    }
    gate.clock.advance(599_999);
    assert_eq!(gate.level().await, (5000, 3000));
    assert!(gate.ledger.hold(gate.product, &user("buyer-1")).await.unwrap().is_some());
    gate.clock.advance(1);
    assert_eq!(gate.level().await, (5000, 1));
    let paying = async || {
        let views = gate.ledger.view(&[gate.product], Duration::ZERO).await.unwrap();
        views.into_iter().flat_map(|view| view.paying).map(|paying| paying.user).collect::<Vec<_>>()
    };
    while paying().await.is_empty() {}
    assert_eq!(paying().await, [user("buyer-0")]);
    assert_eq!(fields(&server, &gate).await, 2);
}

/// Setting the clock back by an hour makes no hold last longer than its time from then.
#[tokio::test]
async fn a_clock_set_back_far_clamps_every_hold() {
    let server = start().await;
    let gate = Gate::open(&server, 5000).await;
    gate.crowd(0..3000).await;
    gate.clock.advance(-3_600_000);
    // Nobody asks for any of them, but the calls go on.
    for _ in 0..20 {
        gate.level().await;
    }
    gate.clock.advance(599_999);
    assert_eq!(gate.level().await, (5000, 3000));
    gate.clock.advance(1);
    assert_eq!(gate.level().await, (5000, 0));
    assert_eq!(fields(&server, &gate).await, 1);
}

/// Who reserves and releases for ever does not fill the memory of Redis.
#[tokio::test]
async fn churn_leaves_the_index_bounded() {
    let server = start().await;
    let gate = Gate::open(&server, 5000).await;
    for round in 0..60 {
        gate.crowd(0..300).await;
        gate.clock.advance(1);
        for n in 0..300 {
            let buyer = user(&format!("buyer-{n}"));
            let released = gate.ledger.release(gate.product, &buyer).await.unwrap();
            assert!(matches!(released, ReleaseOutcome::Released(_)), "in round {round}: {released:?}");
        }
    }
    let mut entries = 0;
    for part in ["due:0", "due:1"] {
        let pages = server.command(&["ZCARD", &gate.key(part)]).await.unwrap();
        entries += pages.integer().unwrap();
    }
    // 18 000 holds were made: each page has at most 64 of them, so this is a generous bound on what 4096 stale ones need.
    assert!(entries < 4700, "{entries} pages");
    assert_eq!(gate.level().await, (5000, 0));
}

/// Holds made one by one share pages of the index once there are many, and still end on their own millisecond.
#[tokio::test]
async fn holds_made_one_by_one_end_one_by_one() {
    let server = start().await;
    let gate = Gate::open(&server, 5000).await;
    for n in 0..1500 {
        gate.reserve(&format!("buyer-{n}"), 1).await;
        gate.clock.advance(1);
    }
    let pages = server.command(&["ZCARD", &gate.key("due:0")]).await.unwrap();
    assert!(pages.integer().unwrap() < 1100, "{pages:?}");
    gate.clock.advance(600_000 - 1500 - 1);
    for n in 0..=1500 {
        assert_eq!(gate.level().await, (5000, 1500 - n), "at {n}");
        gate.clock.advance(1);
    }
    assert_eq!(fields(&server, &gate).await, 1);
    let left = server.command(&["EXISTS", &gate.key("due:0"), &gate.key("due:1")]).await.unwrap();
    assert_eq!(left.integer(), Some(0));
}

/// More holds fall due at once than one call may end: whoever depends on them waits, and the answer is exact.
#[tokio::test]
async fn a_wave_of_lapses_is_ended_before_the_answer() {
    let server = start().await;
    let gate = Gate::open(&server, 20_000).await;
    for from in (0..20_000).step_by(5000) {
        gate.crowd(from..from + 5000).await;
    }
    assert_eq!(gate.level().await, (20_000, 20_000));
    gate.clock.advance(600_000);
    gate.reserve("late", 20_000).await;
    assert_eq!(gate.level().await, (20_000, 20_000));
    assert_eq!(fields(&server, &gate).await, 2);
}

#[tokio::test]
async fn a_finished_hold_adopts_the_record_in_one_step() {
    let server = start().await;
    let gate = Gate::open(&server, 10).await;
    gate.reserve("ada", 4).await;
    let hold = gate.begin("ada").await;
    let finish = Finish {
        product: gate.product,
        user: user("ada"),
        reservation: hold.reservation,
        record: Some(Gate::record(1, 2, 6)),
    };
    gate.ledger.finish(finish.clone()).await.unwrap();
    gate.ledger.finish(finish).await.unwrap();
    assert_eq!(gate.level().await, (6, 0));
    let again = gate.ledger.begin(gate.product, &user("ada"), None).await.unwrap();
    assert_eq!(again, BeginOutcome::NoHold);
}

#[tokio::test]
async fn a_key_of_another_type_fails_alone() {
    let server = start().await;
    let (good, bad) = (Gate::open(&server, 10).await, Gate::open(&server, 10).await);
    server.command(&["SET", &bad.name(), "not a hash"]).await.unwrap();
    let (fine, failed) = tokio::join!(good.ledger.status(good.product), good.ledger.status(bad.product));
    assert!(fine.is_ok());
    assert!(matches!(failed, Err(LedgerError::Store(StoreError::Failed { .. }))), "{failed:?}");
}

#[tokio::test]
async fn a_gate_without_room_in_memory_changes_nothing() {
    let server = start().await;
    let gate = Gate::open(&server, 10).await;
    gate.reserve("ada", 1).await;
    server.command(&["CONFIG", "SET", "maxmemory", "1"]).await.unwrap();
    let refused = gate.ledger.reserve(gate.call("ben", 1)).await;
    assert!(matches!(refused, Err(LedgerError::Store(StoreError::Unavailable { .. }))), "{refused:?}");
    assert_eq!(gate.level().await, (10, 1));
    gate.clock.advance(600_000);
    let due = gate.ledger.status(gate.product).await;
    assert!(due.is_err(), "{due:?}");
    server.command(&["CONFIG", "SET", "maxmemory", "0"]).await.unwrap();
    assert_eq!(gate.level().await, (10, 0));
    assert_eq!(fields(&server, &gate).await, 1);
}

#[tokio::test]
async fn a_frozen_redis_is_unavailable_in_time_and_a_thawed_one_is_back() {
    let server = start().await;
    let gate = Gate::open(&server, 10).await;
    server.pause();
    for _ in 0..3 {
        let begun = Instant::now();
        let answer = gate.ledger.status(gate.product).await;
        assert!(matches!(answer, Err(LedgerError::Store(StoreError::Unavailable { .. }))), "{answer:?}");
        assert!(begun.elapsed() < Duration::from_millis(2500), "took {:?}", begun.elapsed());
    }
    server.resume();
    gate.until_it_answers().await;
    assert_eq!(gate.level().await, (10, 0));
}

#[tokio::test]
async fn a_killed_redis_is_back_without_a_restart_of_ours() {
    let server = settings(RedisOptions { persistence: Persistence::Always, ..RedisOptions::default() });
    let server = server.await;
    let gate = Gate::open(&server, 10).await;
    gate.reserve("ada", 3).await;
    server.kill9().await.unwrap();
    let down = gate.ledger.status(gate.product).await;
    assert!(matches!(down, Err(LedgerError::Store(StoreError::Unavailable { .. }))), "{down:?}");
    server.restart().await.unwrap();
    gate.until_it_answers().await;
    let closed = gate.ledger.status(gate.product).await;
    assert!(matches!(closed, Err(LedgerError::Closed { had_state: true })), "{closed:?}");
    gate.reopen().await;
    assert_eq!(gate.level().await, (10, 3));
}

/// Nobody has called in between: the very first call after a restart is answered.
#[tokio::test]
async fn a_restart_between_two_calls_is_not_an_error() {
    let server = start().await;
    let gate = Gate::open(&server, 10).await;
    server.kill9().await.unwrap();
    server.restart().await.unwrap();
    sleep(Duration::from_millis(50)).await;
    let closed = gate.ledger.status(gate.product).await;
    assert!(matches!(closed, Err(LedgerError::Closed { had_state: false })), "{closed:?}");
}

#[tokio::test]
async fn a_lost_registry_is_written_again() {
    let server = start().await;
    let gate = Gate::open(&server, 10).await;
    server.command(&["DEL", "flashdeal:products"]).await.unwrap();
    assert_eq!(gate.ledger.products(None, 10).await.unwrap(), [gate.product]);
}

#[tokio::test]
async fn a_product_without_state_leaves_the_registry_when_it_is_viewed() {
    let server = start().await;
    let gate = Gate::open(&server, 10).await;
    gate.ledger.forget(gate.product).await.unwrap();
    assert_eq!(gate.ledger.products(None, 10).await.unwrap(), [gate.product]);
    gate.ledger.view(&[gate.product], Duration::ZERO).await.unwrap();
    assert_eq!(gate.ledger.products(None, 10).await.unwrap(), []);
}

#[tokio::test]
async fn warnings_name_what_is_at_risk() {
    let safe = settings(RedisOptions { persistence: Persistence::Always, ..RedisOptions::default() });
    let safe = RedisStore::connect(config(&safe.await)).await.unwrap();
    assert_eq!(safe.warnings().await, Vec::<String>::new());
    let risky = start().await;
    risky.command(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]).await.unwrap();
    let sentences = RedisStore::connect(config(&risky)).await.unwrap().warnings().await.join("\n");
    assert!(sentences.contains("appendonly") && sentences.contains("allkeys-lru"), "{sentences}");
}

/// Fields of the gate's hash: its state, and one for each hold.
async fn fields(server: &flashdeal_tests::redis::PrivateRedis, gate: &Gate) -> i64 {
    server.command(&["HLEN", &gate.name()]).await.unwrap().integer().unwrap()
}
