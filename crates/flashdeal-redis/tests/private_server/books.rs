//! The books of a gate too large to be read at one instant.

use std::time::Duration;

use flashdeal_domain::ReservationLedger;
use flashdeal_domain::ports::GateBooks;
use flashdeal_tests::redis::PrivateRedis;

use crate::support::{Gate, start};

/// More holds than are read whole.
const HOLDS: u32 = 4500;

/// One of two units, all others of one; one of those is being paid for.
async fn large_gate(server: &PrivateRedis) -> Gate {
    let gate = Gate::open(server, 10_000).await;
    gate.crowd(0..HOLDS - 1).await;
    gate.reserve("ada", 2).await;
    gate.begin("buyer-7").await;
    gate
}

async fn books(gate: &Gate) -> GateBooks {
    gate.ledger.books(gate.product, Duration::from_secs(5)).await.unwrap()
}

#[tokio::test]
async fn a_large_gate_is_counted_hold_by_hold() {
    let server = start().await;
    let gate = large_gate(&server).await;
    let found = books(&gate).await;
    let units = u64::from(HOLDS) + 1;
    assert_eq!((found.holds, found.held_units, found.reserved), (HOLDS.into(), units, units));
    assert_eq!((found.past_deadline, found.unsettled, found.unindexed, found.exact), (0, 0, 0, true));

    // Nobody has called since their deadlines came, so all are there still; the one that is being paid for may have a while yet.
    gate.clock.advance(605_000);
    let found = books(&gate).await;
    assert_eq!((found.holds, found.past_deadline, found.unsettled), (HOLDS.into(), u64::from(HOLDS) - 1, 0));
    gate.clock.advance(1);
    assert_eq!(books(&gate).await.unsettled, 1);
}

#[tokio::test]
async fn what_is_wrong_in_a_large_gate_is_seen() {
    let server = start().await;
    let gate = large_gate(&server).await;
    let units = u64::from(HOLDS) + 1;
    server.command(&["HDEL", &gate.name(), "ada"]).await.unwrap();
    let found = books(&gate).await;
    assert_eq!((found.holds, found.held_units, found.reserved), (u64::from(HOLDS) - 1, units - 2, units));
    assert_eq!(found.unindexed, 0, "an index may name who has left");

    server.command(&["DEL", &gate.key("paying")]).await.unwrap();
    assert_eq!(books(&gate).await.unindexed, 1);
    for part in ["due:0", "due:1"] {
        server.command(&["DEL", &gate.key(part)]).await.unwrap();
    }
    assert_eq!(books(&gate).await.unindexed, u64::from(HOLDS) - 1);
}
