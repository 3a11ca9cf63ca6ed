//! Another run of the store, with the memory it had.

use flashdeal_domain::ports::reservation::ReserveOutcome;

use crate::RestartFixture;
use crate::ledger::gate::Gate;
use crate::ledger::opening::is_closed;
use crate::ledger::terms::{limited, put};
use crate::support::{ok, user};

/// "and so does one whose store was restarted or promoted since it was opened".
pub async fn a_restarted_gate_is_closed_with_its_state(fixture: &dyn RestartFixture) {
    let gate = Gate::open(fixture, 7).await;
    let state = gate.reopen().await;
    let never_opened = Gate::closed(fixture, 7).await;
    fixture.restart_store().await;
    is_closed(&gate.ledger, gate.product, true).await;
    is_closed(&fixture.second_ledger(), gate.product, true).await;
    is_closed(&gate.ledger, never_opened.product, false).await;
    let view = gate.view(0).await;
    assert_eq!(view.open, Some((state.epoch, state.version)));
    assert!(view.needs_reopening);
    gate.reopen().await;
    assert!(!gate.view(0).await.needs_reopening);
    assert_eq!(gate.status().await, (7, 0, 7));
}

/// "Holds that survived are kept, with their states."
pub async fn a_restarted_gate_keeps_its_holds_when_reopened(fixture: &dyn RestartFixture) {
    let gate = Gate::open(fixture, 7).await;
    let (ada, ben) = (user("ada"), user("ben"));
    let of_ada = gate.held(&ada, 2).await;
    let of_ben = gate.held(&ben, 3).await;
    gate.begin(&ben).await;
    fixture.restart_store().await;
    let state = gate.reopen().await;
    assert_eq!(gate.status().await, (7, 5, 2));
    assert_eq!(gate.hold(&ada).await, Some(of_ada));
    assert_eq!(gate.reserve(&ben, 1).await, ReserveOutcome::CheckoutInProgress);
    assert_eq!(gate.begin(&ben).await, (of_ben, state.epoch));
}

/// A leave from before the restart opens nothing: the memory it was given over is not the one there is now.
pub async fn a_leave_from_before_a_restart_opens_nothing(fixture: &dyn RestartFixture) {
    let gate = Gate::open(fixture, 7).await;
    let leave = ok(gate.ledger.claim_opening(gate.product).await);
    let state = gate.next_epoch().await;
    fixture.restart_store().await;
    assert!(!ok(gate.ledger.open(gate.product, leave, state).await));
    is_closed(&gate.ledger, gate.product, true).await;
    gate.reopen().await;
}

/// Forgetting works on a gate that is closed, too.
pub async fn a_restarted_gate_can_be_forgotten(fixture: &dyn RestartFixture) {
    let gate = Gate::open(fixture, 7).await;
    gate.held(&user("ada"), 2).await;
    fixture.restart_store().await;
    ok(gate.ledger.forget(gate.product).await);
    is_closed(&gate.ledger, gate.product, false).await;
    gate.reopen().await;
    assert_eq!(gate.status().await, (7, 0, 7));
}

/// "none with a paying hold is missing" from what the background looks through.
pub async fn a_restarted_gate_is_still_looked_after(fixture: &dyn RestartFixture) {
    let gate = Gate::open(fixture, 7).await;
    let hold = gate.held_for(&user("ada"), 2, 60_000).await;
    gate.begin(&user("ada")).await;
    fixture.restart_store().await;
    let all = ok(gate.ledger.products(None, 1000).await);
    assert!(all.contains(&gate.product));
    gate.reopen().await;
    gate.finish(&user("ada"), hold.reservation, None).await;
    assert_eq!(gate.status().await, (7, 0, 7));
}

/// The memory it had has its terms, and the opening has those of the record.
pub async fn a_restarted_gate_is_reopened_with_its_terms(fixture: &dyn RestartFixture) {
    let gate = Gate::open(fixture, 7).await;
    put(&gate, limited(2)).await;
    fixture.restart_store().await;
    is_closed(&gate.ledger, gate.product, true).await;
    gate.reopen().await;
    assert!(matches!(gate.reserve(&user("ada"), 3).await, ReserveOutcome::Refused(_)));
    gate.held(&user("ada"), 2).await;
}
