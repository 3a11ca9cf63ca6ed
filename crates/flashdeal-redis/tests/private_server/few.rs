//! Gates of few holds, which have no index of deadlines, and how they come to have one.

use std::time::Duration;

use flashdeal_domain::ReservationLedger;
use flashdeal_domain::ports::{GateBooks, ReserveOutcome};
use flashdeal_tests::redis::{Persistence, PrivateRedis, RedisOptions};
use futures_util::future::join_all;

use crate::support::{Gate, settings, start, user};

/// More holds than a gate may have without an index.
const MANY: u32 = 300;

async fn indexes(server: &PrivateRedis, gate: &Gate) -> i64 {
    let found = server.command(&["EXISTS", &gate.key("due:0"), &gate.key("due:1")]).await.unwrap();
    found.integer().unwrap()
}

async fn books(gate: &Gate) -> GateBooks {
    gate.ledger.books(gate.product, Duration::ZERO).await.unwrap()
}

/// Before, while and after it gets an index, each hold ends on its own millisecond.
#[tokio::test]
async fn a_gate_gets_an_index_once_it_has_many_holds_and_loses_none_of_them() {
    let server = start().await;
    for made in [1, 100, 128, 129, 130, MANY] {
        let gate = Gate::open(&server, 1000).await;
        for n in 0..made {
            gate.reserve(&format!("buyer-{n}"), 1).await;
            gate.clock.advance(1);
        }
        assert_eq!(indexes(&server, &gate).await, i64::from(made > 129), "of {made}");
        let found = books(&gate).await;
        assert_eq!((found.holds, found.past_deadline, found.unindexed), (made.into(), 0, 0), "of {made}");
        gate.clock.advance(600_000 - i64::from(made) - 1);
        for n in 0..=made {
            assert_eq!(gate.level().await, (1000, made - n), "of {made}, after {n}");
            gate.clock.advance(1);
        }
        let left = server.command(&["HLEN", &gate.name()]).await.unwrap();
        assert_eq!(left.integer(), Some(1), "of {made}");
    }
}

/// The holds of a crowd that comes all at once are in the index, and so are those that were there before.
#[tokio::test]
async fn a_crowd_and_who_was_there_before_it_are_indexed() {
    let server = start().await;
    let gate = Gate::open(&server, 5000).await;
    for early in ["ada", "ben"] {
        gate.reserve(early, 2).await;
        gate.clock.advance(1000);
    }
    gate.begin("ben").await;
    gate.crowd(0..MANY).await;
    // With the next that makes a hold; until then there are at most those of one call too many to do without.
    gate.reserve("carl", 1).await;
    assert_eq!(gate.level().await, (5000, MANY + 5));
    assert_eq!(indexes(&server, &gate).await, 1);
    assert_eq!(books(&gate).await.unindexed, 0);
    gate.clock.advance(598_000);
    assert_eq!(gate.level().await, (5000, MANY + 3));
    gate.clock.advance(2000);
    assert_eq!(gate.level().await, (5000, 2));
}

/// Many units held by few buyers are no reason for an index.
#[tokio::test]
async fn large_holds_of_few_need_no_index() {
    let server = start().await;
    let gate = Gate::open(&server, 1_000_000).await;
    for n in 0..20 {
        gate.reserve(&format!("buyer-{n}"), 5000).await;
    }
    assert_eq!((indexes(&server, &gate).await, gate.level().await), (0, (1_000_000, 100_000)));
    gate.clock.advance(600_000);
    assert_eq!(gate.level().await, (1_000_000, 0));
}

#[tokio::test]
async fn a_clock_set_back_clamps_the_holds_of_few() {
    for back in [1, 3_600_000] {
        let server = start().await;
        let gate = Gate::open(&server, 10).await;
        gate.reserve("ada", 3).await;
        gate.begin("ada").await;
        gate.reserve("ben", 4).await;
        gate.clock.advance(-back);
        // Somebody else calls.
        gate.reserve("carl", 1).await;
        gate.clock.advance(599_999);
        assert_eq!(gate.level().await, (10, 8), "set back by {back}");
        gate.clock.advance(1);
        assert_eq!(gate.level().await, (10, 3), "set back by {back}");
    }
}

#[tokio::test]
async fn who_pays_at_a_gate_of_few_is_found_again() {
    let server = start().await;
    let gate = Gate::open(&server, 10).await;
    gate.reserve("ada", 1).await;
    gate.reserve("ben", 2).await;
    gate.begin("ada").await;
    server.command(&["DEL", &gate.key("paying")]).await.unwrap();
    assert_eq!(books(&gate).await.unindexed, 1);
    let mut looks = 0;
    let paying = loop {
        let views = gate.ledger.view(&[gate.product], Duration::ZERO).await.unwrap();
        let paying: Vec<_> = views.into_iter().flat_map(|view| view.paying).map(|paying| paying.user).collect();
        looks += 1;
        if !paying.is_empty() || looks > 10 {
            break paying;
        }
    };
    assert_eq!(paying, [user("ada")]);
    assert_eq!((gate.level().await, books(&gate).await.unindexed), ((10, 3), 0));
    gate.clock.advance(600_000);
    assert_eq!(gate.level().await, (10, 1));
}

/// Their time would come an hour late otherwise.
#[tokio::test]
async fn who_was_paying_when_the_clock_was_set_back_is_still_looked_at_in_time() {
    let server = start().await;
    let gate = Gate::open(&server, 10).await;
    gate.reserve("ada", 1).await;
    gate.begin("ada").await;
    gate.clock.advance(-3_600_000);
    gate.reserve("ben", 1).await;
    gate.clock.advance(5000);
    let views = gate.ledger.view(&[gate.product], Duration::from_secs(5)).await.unwrap();
    let paying: Vec<_> = views.into_iter().flat_map(|view| view.paying).map(|paying| paying.user).collect();
    assert_eq!(paying, [user("ada")]);
}

/// While an index is built, too, and when the gate was reopened after a restart: no hold lasts longer than its time from then.
#[tokio::test]
async fn a_clock_set_back_while_nobody_can_look_is_not_forgotten() {
    let server = settings(RedisOptions { persistence: Persistence::Always, ..RedisOptions::default() }).await;
    let building = Gate::open(&server, 5000).await;
    for n in 0..128 {
        building.reserve(&format!("early-{n}"), 1).await;
    }
    building.crowd(0..512).await;
    building.clock.advance(1);
    building.ledger.hold(building.product, &user("early-1")).await.unwrap();
    let reopened = Gate::open(&server, 10).await;
    reopened.reserve("ada", 3).await;
    server.kill9().await.unwrap();
    server.restart().await.unwrap();
    for gate in [&building, &reopened] {
        gate.clock.advance(-3_600_000);
        gate.until_it_answers().await;
        gate.reopen().await;
        for n in 0..6 {
            gate.ledger.hold(gate.product, &user(&format!("early-{n}"))).await.unwrap();
        }
        gate.clock.advance(600_000);
        assert_eq!(gate.level().await.1, 0);
    }
}

/// One call may read only so many holds: whoever depends on the others asks again, and the answer is exact.
#[tokio::test]
async fn when_many_gates_are_due_at_once_each_is_answered_for() {
    let server = start().await;
    let mut gates = vec![Gate::open(&server, 1000).await];
    for _ in 1..40 {
        gates.push(gates[0].beside().await);
    }
    for gate in &gates {
        gate.crowd(0..100).await;
    }
    gates[0].clock.advance(600_000);
    assert_eq!(join_all(gates.iter().map(Gate::level)).await, vec![(1000, 0); 40]);
}

/// A reserve that comes alone takes a shorter way than one that shares its call: both must do the same.
#[tokio::test]
async fn alone_or_together_a_reserve_does_the_same() {
    let server = start().await;
    let (alone, together) = (Gate::open(&server, 400).await, Gate::open(&server, 400).await);
    // Enough for each way to meet a gate without an index, one with, and one without units.
    for n in 0..700_u32 {
        // Some come again, ask for more than there is, or come when a hold of another has just ended.
        let name = format!("buyer-{}", if n % 7 == 3 { n / 2 } else { n });
        let quantity = if n % 11 == 5 { 500 } else { 1 + n % 3 };
        for gate in [&alone, &together] {
            gate.clock.advance([0, 1, 40, 1500, 90_000][usize::try_from(n % 5).unwrap() * usize::from(n % 13 == 0)]);
        }
        let first = alone.ledger.reserve(alone.call(&name, quantity)).await.unwrap();
        let (second, level) = tokio::join!(
            together.ledger.reserve(together.call(&name, quantity)),
            together.ledger.status(together.product)
        );
        level.unwrap();
        match (first, second.unwrap()) {
            (
                ReserveOutcome::Held { hold: first, created },
                ReserveOutcome::Held { hold: second, created: also_created },
            ) => {
                let (first, second) = ((first.quantity, first.expires_at), (second.quantity, second.expires_at));
                assert_eq!((first, created), (second, also_created), "call {n}");
            }
            (first, second) => assert_eq!(first, second, "call {n}"),
        }
        assert_eq!(alone.level().await, together.level().await, "after call {n}");
        if n % 50 == 0 {
            assert_eq!(books(&alone).await, books(&together).await, "after call {n}");
        }
    }
    for _ in 0..12 {
        for gate in [&alone, &together] {
            gate.clock.advance(60_000);
        }
        assert_eq!(alone.level().await, together.level().await);
        assert_eq!(books(&alone).await, books(&together).await);
    }
    assert_eq!(alone.level().await, (400, 0));
}
