//! Beginning and finishing: "`paying` is a one-way street".

use flashdeal_domain::ports::reservation::{BeginOutcome, ReleaseOutcome, ReserveOutcome};

use crate::LedgerFixture;
use crate::ledger::gate::Gate;
use crate::support::{reservation_id, user};

/// "The hold is paying now": all of it, under the epoch of the gate.
pub async fn a_checkout_begins_with_all_of_the_hold(fixture: &dyn LedgerFixture) {
    let gate = Gate::closed(fixture, 7).await;
    let state = gate.reopen().await;
    let ada = user("ada");
    let hold = gate.held(&ada, 3).await;
    assert_eq!(gate.begin(&ada).await, (hold, state.epoch));
    assert_eq!(gate.hold(&ada).await, Some(hold));
    assert_eq!(gate.status().await, (7, 3, 4));
}

/// "or was already (a checkout may begin again: it is re-entrant) … so after its deadline too."
pub async fn a_checkout_may_begin_again(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    let ada = user("ada");
    let hold = gate.held_for(&ada, 3, 60_000).await;
    let first = gate.begin(&ada).await;
    for by_ms in [0, 59_999, 1, 1, 3_600_000] {
        fixture.advance_clock(by_ms).await;
        assert_eq!(gate.begin(&ada).await, first);
        assert_eq!(gate.second(fixture).begin(&ada).await, first);
        let named = gate.try_begin(&ada, Some(hold.reservation)).await;
        let (hold, epoch) = first;
        assert_eq!(named, BeginOutcome::Paying { hold, epoch });
    }
    assert_eq!(gate.status().await, (7, 3, 4));
}

/// "The user has no live hold, or it is not the one named": and then nothing began.
pub async fn only_the_hold_that_is_named_begins(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    let (ada, ben) = (user("ada"), user("ben"));
    let of_ada = gate.held(&ada, 3).await;
    let of_ben = gate.held(&ben, 1).await;
    for other in [of_ben.reservation, reservation_id()] {
        assert_eq!(gate.try_begin(&ada, Some(other)).await, BeginOutcome::NoHold);
    }
    // Neither is paying: both can still be set, and released.
    gate.set(&ada, 2).await;
    assert_eq!(gate.release(&ben).await, ReleaseOutcome::Released(of_ben));
    let named = gate.try_begin(&ada, Some(of_ada.reservation)).await;
    assert!(matches!(named, BeginOutcome::Paying { .. }), "{named:?}");
    // Nor is a wrong name taken for a checkout that did begin.
    let wrong = gate.try_begin(&ada, Some(of_ben.reservation)).await;
    assert_eq!(wrong, BeginOutcome::NoHold);
}

/// Nothing held, nothing to pay.
pub async fn without_a_hold_no_checkout_begins(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    let ada = user("ada");
    assert_eq!(gate.try_begin(&ada, None).await, BeginOutcome::NoHold);
    gate.held(&ada, 3).await;
    gate.release(&ada).await;
    assert_eq!(gate.try_begin(&ada, None).await, BeginOutcome::NoHold);
    let hold = gate.held(&ada, 3).await;
    gate.begin(&ada).await;
    gate.finish(&ada, hold.reservation, None).await;
    assert_eq!(gate.try_begin(&ada, None).await, BeginOutcome::NoHold);
}

/// "The user's hold is being paid for. Nothing was changed."
pub async fn a_paying_hold_cannot_be_set(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    let ada = user("ada");
    gate.held(&ada, 3).await;
    let paying = gate.begin(&ada).await;
    for quantity in [1, 3, 5, 100] {
        let answer = gate.reserve(&ada, quantity).await;
        assert_eq!(answer, ReserveOutcome::CheckoutInProgress, "for {quantity}");
    }
    assert_eq!(gate.begin(&ada).await, paying);
    assert_eq!(gate.status().await, (7, 3, 4));
}

/// "The hold is being paid for and was left alone".
pub async fn a_paying_hold_cannot_be_released(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    let ada = user("ada");
    let hold = gate.held_for(&ada, 3, 60_000).await;
    let paying = gate.begin(&ada).await;
    for by_ms in [0, 60_000] {
        fixture.advance_clock(by_ms).await;
        assert_eq!(gate.release(&ada).await, ReleaseOutcome::Paying(hold));
        assert_eq!(gate.status().await, (7, 3, 4));
    }
    assert_eq!(gate.begin(&ada).await, paying);
}

/// "A hold on which a checkout began does not lapse": whatever calls come by after its deadline.
pub async fn a_paying_hold_never_lapses(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    let (ada, ben) = (user("ada"), user("ben"));
    let hold = gate.held_for(&ada, 3, 60_000).await;
    gate.held_for(&user("cyd"), 4, 60_000).await;
    gate.begin(&ada).await;
    fixture.advance_clock(86_400_000).await;
    // Cyd's units are free, Ada's are not.
    assert_eq!(gate.refused(&ben, 5).await, (7, 3, 4));
    gate.held(&ben, 4).await;
    gate.view(0).await;
    assert_eq!(gate.status().await, (7, 7, 0));
    assert_eq!(gate.hold(&ada).await, Some(hold));
}

/// "it ends by [`ReservationLedger::finish`](flashdeal_domain::ReservationLedger::finish) only": sold, its units are gone.
pub async fn a_finished_sale_is_out_of_hold_and_total(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    let ada = user("ada");
    gate.held(&ada, 3).await;
    gate.held(&user("ben"), 2).await;
    let (hold, epoch) = gate.begin(&ada).await;
    let state = gate.sell(&ada, hold, epoch).await;
    gate.finish(&ada, hold.reservation, Some(state)).await;
    assert_eq!(gate.status().await, (4, 2, 2));
    assert_eq!(gate.hold(&ada).await, None);
    assert_eq!(gate.release(&ada).await, ReleaseOutcome::NoHold);
    assert_eq!(gate.refused(&ada, 3).await, (4, 2, 2));
}

/// Void, its units are free again.
pub async fn a_finished_void_gives_its_units_back(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    let ada = user("ada");
    gate.held(&ada, 7).await;
    let (hold, _) = gate.begin(&ada).await;
    gate.finish(&ada, hold.reservation, None).await;
    assert_eq!(gate.status().await, (7, 0, 7));
    gate.held(&user("ben"), 7).await;
}

/// "Takes out a hold that the record settled, in whatever state it is".
pub async fn a_held_hold_can_be_finished(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    let ada = user("ada");
    let hold = gate.held(&ada, 3).await;
    gate.finish(&ada, hold.reservation, None).await;
    assert_eq!(gate.hold(&ada).await, None);
    assert_eq!(gate.status().await, (7, 0, 7));
}

/// "another hold of the same user is left alone"; a repeat "changes nothing more".
pub async fn finishing_leaves_another_hold_of_the_user_alone(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    let ada = user("ada");
    gate.held(&ada, 3).await;
    let (first, epoch) = gate.begin(&ada).await;
    let state = gate.sell(&ada, first, epoch).await;
    gate.finish(&ada, first.reservation, Some(state)).await;
    let second = gate.held(&ada, 2).await;
    for _ in 0..2 {
        gate.finish(&ada, first.reservation, Some(state)).await;
        assert_eq!(gate.hold(&ada).await, Some(second));
        assert_eq!(gate.status().await, (4, 2, 2));
    }
    gate.begin(&ada).await;
    gate.finish(&ada, first.reservation, Some(state)).await;
    assert_eq!(gate.begin(&ada).await.0, second);
    // Nor does a right id under a wrong user end a hold.
    gate.finish(&user("ben"), second.reservation, None).await;
    assert_eq!(gate.hold(&ada).await, Some(second));
}

/// There may be nothing to finish: it is fine, and what the record says is taken all the same.
pub async fn finishing_an_unknown_hold_is_fine(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    gate.finish(&user("ada"), reservation_id(), None).await;
    assert_eq!(gate.status().await, (7, 0, 7));
    let state = gate.shrink(3).await;
    gate.finish(&user("ada"), reservation_id(), Some(state)).await;
    assert_eq!(gate.status().await, (4, 0, 4));
}
