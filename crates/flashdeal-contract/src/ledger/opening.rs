//! Opening and closing: a gate without state does nothing, and one leave opens it once.

use std::sync::Arc;
use std::time::Duration;

use flashdeal_domain::ports::reservation::{BeginOutcome, Finish, OpeningToken, ReleaseOutcome, ReserveOutcome};
use flashdeal_domain::{ProductId, ReservationLedger};
use futures_util::future::{join, join_all};

use crate::LedgerFixture;
use crate::ledger::gate::{Gate, closed};
use crate::support::{ok, product_id, reservation_id, some, state_of, units, user};

/// "A closed gate does nothing else until it is opened": every call on it says so.
pub(crate) async fn is_closed(ledger: &Arc<dyn ReservationLedger>, product: ProductId, with_state: bool) {
    let ada = user("ada");
    let record = Arc::new(crate::reference::Record::new(Arc::new(crate::reference::ManualClock::new())));
    let gate = Gate { ledger: Arc::clone(ledger), record: record.clone(), waiting: record, product };
    let state = flashdeal_domain::RecordState {
        epoch: flashdeal_domain::Epoch(1),
        version: flashdeal_domain::Version(i64::MAX),
        total: units(1),
        terms: flashdeal_domain::Terms::NONE,
    };
    let finish = Finish { product, user: ada.clone(), reservation: reservation_id(), record: Some(state) };
    closed(gate.try_reserve(gate.call(&ada, 1)).await, with_state);
    closed(ledger.hold(product, &ada).await, with_state);
    closed(ledger.begin(product, &ada, None).await, with_state);
    closed(ledger.finish(finish).await, with_state);
    closed(ledger.release(product, &ada).await, with_state);
    closed(ledger.status(product).await, with_state);
    closed(ledger.adopt(product, state).await, with_state);
}

/// "a gate without state answers `LedgerError::Closed`", also of a product that no record knows.
pub async fn an_unknown_product_has_a_closed_gate(fixture: &dyn LedgerFixture) {
    is_closed(&fixture.ledger(), product_id(), false).await;
    let gate = Gate::closed(fixture, 7).await;
    is_closed(&gate.ledger, gate.product, false).await;
    let view = gate.view(0).await;
    assert_eq!((view.open, view.needs_reopening), (None, false));
    assert!(view.paying.is_empty());
}

/// "Opens the gate with a state the record gave *after* the token was claimed."
pub async fn a_gate_is_opened_with_a_leave(fixture: &dyn LedgerFixture) {
    let gate = Gate::closed(fixture, 7).await;
    let leave = ok(gate.ledger.claim_opening(gate.product).await);
    // The leave alone opens nothing.
    closed(gate.ledger.status(gate.product).await, false);
    let state = gate.next_epoch().await;
    assert!(ok(gate.ledger.open(gate.product, leave, state).await));
    assert_eq!(gate.status().await, (7, 0, 7));
    assert_eq!(gate.second(fixture).status().await, (7, 0, 7));
    let view = gate.view(0).await;
    assert_eq!(view.open, Some((state.epoch, state.version)));
    assert!(!view.needs_reopening);
    gate.held(&user("ada"), 1).await;
    assert_eq!(gate.begin(&user("ada")).await.1, state.epoch);
}

/// "Leave to open one gate once."
pub async fn a_leave_opens_once(fixture: &dyn LedgerFixture) {
    let gate = Gate::closed(fixture, 7).await;
    let leave = ok(gate.ledger.claim_opening(gate.product).await);
    let state = gate.next_epoch().await;
    assert!(ok(gate.ledger.open(gate.product, leave.clone(), state).await));
    let next = gate.next_epoch().await;
    assert!(!ok(gate.ledger.open(gate.product, leave, next).await));
    gate.held(&user("ada"), 1).await;
    assert_eq!(gate.begin(&user("ada")).await.1, state.epoch);
}

/// "Whoever asks for it later takes it over"; "any earlier leave for it ends".
pub async fn a_later_leave_takes_over(fixture: &dyn LedgerFixture) {
    let gate = Gate::closed(fixture, 7).await;
    let earlier = ok(gate.ledger.claim_opening(gate.product).await);
    let later = ok(fixture.second_ledger().claim_opening(gate.product).await);
    assert_ne!(earlier, later);
    let state = gate.next_epoch().await;
    assert!(!ok(gate.ledger.open(gate.product, earlier, state).await));
    closed(gate.ledger.status(gate.product).await, false);
    assert!(ok(gate.ledger.open(gate.product, later, state).await));
    assert_eq!(gate.status().await, (7, 0, 7));
}

/// A leave cannot be made up, and none is not one.
pub async fn a_leave_that_was_never_given_opens_nothing(fixture: &dyn LedgerFixture) {
    let gate = Gate::closed(fixture, 7).await;
    let state = gate.next_epoch().await;
    for forged in ["", "0", "1", "nil", "false"] {
        let leave = OpeningToken(Arc::from(forged));
        assert!(!ok(gate.ledger.open(gate.product, leave, state).await), "{forged:?}");
    }
    closed(gate.ledger.status(gate.product).await, false);
}

/// "Leave to open *one* gate".
pub async fn a_leave_of_another_product_opens_nothing(fixture: &dyn LedgerFixture) {
    let gate = Gate::closed(fixture, 7).await;
    let other = Gate::closed(fixture, 8).await;
    let leave = ok(gate.ledger.claim_opening(gate.product).await);
    let of_other = ok(other.ledger.claim_opening(other.product).await);
    let state = gate.next_epoch().await;
    assert!(!ok(gate.ledger.open(gate.product, of_other, state).await));
    assert!(ok(gate.ledger.open(gate.product, leave, state).await));
    closed(other.ledger.status(other.product).await, false);
}

/// "it lapses after 5 seconds": of the ledger's clock, or of real time where the store itself counts them.
pub async fn a_leave_lapses_after_five_seconds(fixture: &dyn LedgerFixture) {
    let gate = Gate::closed(fixture, 7).await;
    let leave = ok(gate.ledger.claim_opening(gate.product).await);
    let state = gate.next_epoch().await;
    fixture.advance_clock(5001).await;
    tokio::time::sleep(Duration::from_millis(5100)).await;
    assert!(!ok(gate.ledger.open(gate.product, leave, state).await));
    closed(gate.ledger.status(gate.product).await, false);
    gate.reopen().await;
}

/// "`false`, and nothing done, if … the gate already has this epoch or a newer one".
pub async fn an_epoch_the_gate_has_opens_nothing(fixture: &dyn LedgerFixture) {
    let gate = Gate::closed(fixture, 7).await;
    let old = gate.next_epoch().await;
    let state = gate.reopen().await;
    let hold = gate.held(&user("ada"), 2).await;
    for stale in [old, state] {
        let leave = ok(gate.ledger.claim_opening(gate.product).await);
        assert!(!ok(gate.ledger.open(gate.product, leave, stale).await), "{stale:?}");
    }
    assert_eq!(gate.status().await, (7, 2, 5));
    assert_eq!(gate.begin(&user("ada")).await, (hold, state.epoch));
}

/// "Holds that survived are kept, with their states."
pub async fn reopening_keeps_the_holds_with_their_states(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    let (ada, ben) = (user("ada"), user("ben"));
    let of_ada = gate.held(&ada, 2).await;
    let of_ben = gate.held(&ben, 3).await;
    let (_, old) = gate.begin(&ben).await;
    gate.restock(10).await;
    let state = gate.reopen().await;
    assert_eq!(gate.status().await, (17, 5, 12));
    assert_eq!(gate.hold(&ada).await, Some(of_ada));
    assert_eq!(gate.hold(&ben).await, Some(of_ben));
    assert_eq!(gate.reserve(&ben, 1).await, ReserveOutcome::CheckoutInProgress);
    assert_eq!(gate.release(&ben).await, ReleaseOutcome::Paying(of_ben));
    // What is sold from now on is sold under the new epoch.
    assert!(state.epoch > old);
    assert_eq!(gate.begin(&ben).await, (of_ben, state.epoch));
    assert_eq!(gate.begin(&ada).await, (of_ada, state.epoch));
}

/// "Drops the gate's state of one product, holds included; the next call finds it closed."
pub async fn forgetting_closes_the_gate(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    let other = Gate::open(fixture, 8).await;
    gate.held(&user("ada"), 2).await;
    ok(gate.ledger.forget(gate.product).await);
    is_closed(&gate.ledger, gate.product, false).await;
    is_closed(&fixture.second_ledger(), gate.product, false).await;
    assert_eq!(gate.view(0).await.open, None);
    assert_eq!(other.status().await, (8, 0, 8));
    // Forgetting what is forgotten, or never was, is fine.
    ok(gate.ledger.forget(gate.product).await);
    ok(gate.ledger.forget(product_id()).await);
}

/// A forgotten gate starts over, with what the record has now.
pub async fn a_forgotten_gate_opens_without_its_holds(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    let (ada, ben) = (user("ada"), user("ben"));
    gate.reserve_keyed(&ada, 2, "key").await;
    gate.held(&ben, 2).await;
    let (hold, epoch) = gate.begin(&ben).await;
    gate.sell(&ben, hold, epoch).await;
    ok(gate.ledger.forget(gate.product).await);
    let state = gate.reopen().await;
    assert_eq!(state, state_of(&gate.record, gate.product).await);
    assert_eq!(gate.status().await, (5, 0, 5));
    assert_eq!(gate.hold(&ada).await, None);
    assert_eq!(gate.try_begin(&ben, None).await, BeginOutcome::NoHold);
    let again = gate.reserve_keyed(&ada, 5, "key").await;
    assert!(matches!(again, ReserveOutcome::Held { created: true, .. }), "{again:?}");
    some(gate.hold(&ada).await, "a new hold");
}

/// "Whether the gate can be asked now."
pub async fn the_gate_can_be_asked(fixture: &dyn LedgerFixture) {
    ok(fixture.ledger().ping().await);
    ok(fixture.second_ledger().ping().await);
}

/// Openings of many products may share their way to the store; each caller has the answer to their own call, also where several
/// call the same product at the same moment.
pub async fn a_crowd_opens_each_gate_of_its_own(fixture: &dyn LedgerFixture) {
    let gates = join_all((1..=40).map(|total| Gate::closed(fixture, total))).await;
    let claims = gates
        .iter()
        .flat_map(|gate| [gate.ledger.claim_opening(gate.product), gate.ledger.claim_opening(gate.product)]);
    let claims: Vec<OpeningToken> = join_all(claims).await.into_iter().map(ok).collect();
    let states = join_all(gates.iter().map(Gate::next_epoch)).await;
    let attempts = gates.iter().zip(&states).zip(claims.chunks(2)).flat_map(|((gate, state), leaves)| {
        leaves.iter().map(|leave| gate.ledger.open(gate.product, leave.clone(), *state))
    });
    let looks = gates.iter().map(|gate| gate.view(0));
    let (opened, looks) = join(join_all(attempts), join_all(looks)).await;
    for (at, opened) in opened.chunks(2).enumerate() {
        let wins = opened.iter().filter(|opened| matches!(opened, Ok(true))).count();
        assert_eq!(wins, 1, "gate {at}: one leave of two stands: {opened:?}");
    }
    for (gate, look) in gates.iter().zip(looks) {
        assert_eq!(look.product, gate.product);
    }
    for ((gate, state), total) in gates.iter().zip(states).zip(1..) {
        assert_eq!(gate.status().await, (total, 0, total));
        assert_eq!(gate.view(0).await.open, Some((state.epoch, state.version)));
    }
}
