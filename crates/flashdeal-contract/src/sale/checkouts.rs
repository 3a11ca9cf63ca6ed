//! Checkouts: begin in the gate, commit in the record, finish in the gate.

use crate::LedgerFixture;
use crate::ledger::gate::Gate;
use crate::support::user;

/// The whole way: what is held becomes what is sold, and both sides agree.
pub async fn a_hold_is_sold_in_two_steps(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    let ada = user("ada");
    gate.held(&ada, 3).await;
    let (hold, epoch) = gate.begin(&ada).await;
    let state = gate.sell(&ada, hold, epoch).await;
    gate.finish(&ada, hold.reservation, Some(state)).await;
    assert_eq!(gate.status().await, (4, 0, 4));
    assert_eq!(gate.hold(&ada).await, None);
}
