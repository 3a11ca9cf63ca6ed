//! Checkouts: begin in the gate, commit in the record, finish in the gate; whole, repeated, or cut off half way.

use flashdeal_domain::ports::record::{ChangeOutcome, Commit, Settlement, StockChange, Withdrawal};
use flashdeal_domain::ports::reservation::BeginOutcome;
use flashdeal_domain::{OrderFilter, Units};

use crate::LedgerFixture;
use crate::ledger::gate::Gate;
use crate::support::{first_page, ok, reservation_id, some, state_of, stock, units, user};

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
    let orders = ok(gate.record.orders(&OrderFilter::of_user(&ada), first_page()).await).items;
    let sold: Vec<_> = orders.iter().map(|order| (order.reservation, order.quantity)).collect();
    assert_eq!(sold, [(hold.reservation, units(3))]);
    // The same user may buy again.
    gate.held(&ada, 4).await;
    let (hold, epoch) = gate.begin(&ada).await;
    let state = gate.sell(&ada, hold, epoch).await;
    gate.finish(&ada, hold.reservation, Some(state)).await;
    assert_eq!(gate.status().await, (0, 0, 0));
}

/// A server that died before the commit: another one begins again, and sells.
pub async fn a_checkout_cut_off_before_the_commit_is_begun_again(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    let ada = user("ada");
    gate.held_for(&ada, 3, 60_000).await;
    gate.begin(&ada).await;
    fixture.advance_clock(62_000).await;
    let other = gate.second(fixture);
    let (hold, epoch) = other.begin(&ada).await;
    let state = other.sell(&ada, hold, epoch).await;
    other.finish(&ada, hold.reservation, Some(state)).await;
    assert_eq!(gate.status().await, (4, 0, 4));
}

/// A server that died after the commit: the repeat finds the order, and ends the hold.
pub async fn a_checkout_cut_off_after_the_commit_is_one_order(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    let ada = user("ada");
    gate.held(&ada, 3).await;
    let (hold, epoch) = gate.begin(&ada).await;
    gate.sell(&ada, hold, epoch).await;
    let other = gate.second(fixture);
    // A store that keeps both may have ended the hold with the sale.
    let begun = other.try_begin(&ada, None).await;
    assert!(begun == BeginOutcome::NoHold || begun == (BeginOutcome::Paying { hold, epoch }), "{begun:?}");
    match ok(other.record.commit(other.sale_of(&ada, hold, epoch)).await) {
        Commit::Sold { earlier: true, record, .. } => {
            other.finish(&ada, hold.reservation, Some(record)).await;
        }
        other => panic!("expected the order again, got {other:?}"),
    }
    assert_eq!(gate.status().await, (4, 0, 4));
    assert_eq!(ok(gate.record.orders(&OrderFilter::default(), first_page()).await).items.len(), 1);
}

/// A checkout that nobody ends is voided after its deadline; a commit still on its way finds it so.
pub async fn a_checkout_that_died_is_voided_and_its_ghost_sells_nothing(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    let (ada, ben) = (user("ada"), user("ben"));
    gate.held_for(&ada, 7, 60_000).await;
    let (hold, epoch) = gate.begin(&ada).await;
    fixture.advance_clock(65_000).await;
    let dead = some(gate.view(5000).await.paying.pop(), "the dead checkout");
    assert_eq!((&dead.user, dead.hold, dead.overdue.as_millis()), (&ada, hold, 5000));
    let settled = ok(gate.record.void(gate.product, hold.reservation, &dead.user).await);
    assert_eq!(settled, Some(Settlement::Void));
    gate.finish(&ada, hold.reservation, None).await;
    gate.held(&ben, 7).await;
    let ghost = gate.sale_of(&ada, hold, epoch);
    assert_eq!(ok(gate.record.commit(ghost).await), Commit::Void);
    let (hold, epoch) = gate.begin(&ben).await;
    let state = gate.sell(&ben, hold, epoch).await;
    gate.finish(&ben, hold.reservation, Some(state)).await;
    assert_eq!(gate.status().await, (0, 0, 0));
}

/// "the fence: a commit that began before Redis lost its memory is refused by the record".
pub async fn a_gate_that_forgot_cannot_sell_a_unit_twice(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    let (ada, ben) = (user("ada"), user("ben"));
    gate.held(&ada, 7).await;
    let (of_ada, old) = gate.begin(&ada).await;
    ok(gate.ledger.forget(gate.product).await);
    gate.reopen().await;
    gate.held(&ben, 7).await;
    let (of_ben, new) = gate.begin(&ben).await;
    let late = gate.sale_of(&ada, of_ada, old);
    assert_eq!(ok(gate.record.commit(late).await), Commit::Fenced);
    let state = gate.sell(&ben, of_ben, new).await;
    gate.finish(&ben, of_ben.reservation, Some(state)).await;
    assert_eq!(gate.status().await, (0, 0, 0));
}

/// The other order: what was sold before the gate lost its memory is not promised again.
pub async fn a_gate_that_forgot_promises_nothing_that_was_sold(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    let (ada, ben) = (user("ada"), user("ben"));
    gate.held(&ada, 5).await;
    let (of_ada, epoch) = gate.begin(&ada).await;
    let state = gate.sell(&ada, of_ada, epoch).await;
    ok(gate.ledger.forget(gate.product).await);
    gate.reopen().await;
    assert_eq!(gate.refused(&ben, 3).await, (2, 0, 2));
    // The late end of that sale changes nothing.
    gate.finish(&ada, of_ada.reservation, Some(state)).await;
    assert_eq!(gate.status().await, (2, 0, 2));
}

/// A checkout whose gate was reopened is fenced once, begins again under the new epoch, and sells.
pub async fn a_fenced_checkout_begins_again_and_sells(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    let ada = user("ada");
    gate.held(&ada, 3).await;
    let (hold, old) = gate.begin(&ada).await;
    gate.second(fixture).reopen().await;
    let fenced = ok(gate.record.commit(gate.sale_of(&ada, hold, old)).await);
    assert_eq!(fenced, Commit::Fenced);
    let (hold, new) = gate.begin(&ada).await;
    let state = gate.sell(&ada, hold, new).await;
    gate.finish(&ada, hold.reservation, Some(state)).await;
    assert_eq!(gate.status().await, (4, 0, 4));
}

/// "A decrease first takes the units out of the gate, then out of the record, so it can never take a held unit."
pub async fn a_decrease_goes_through_the_gate(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    let (ada, shop) = (user("ada"), user("the shop"));
    let hold = gate.held(&ada, 3).await;
    assert_eq!(gate.refused(&shop, 5).await, (7, 3, 4));
    gate.held(&shop, 4).await;
    let (taken, epoch) = gate.begin(&shop).await;
    let withdrawal = Withdrawal { reservation: taken.reservation, epoch, units: units(4) };
    let change = stock(StockChange::Withdraw(withdrawal));
    let changed = ok(gate.record.change_product(gate.product, change).await);
    let ChangeOutcome::Changed(_, state) = changed else { panic!("expected a decrease, got {changed:?}") };
    gate.finish(&shop, taken.reservation, Some(state)).await;
    assert_eq!(gate.status().await, (3, 3, 0));
    assert_eq!(gate.begin(&ada).await.0, hold);
    gate.sell(&ada, hold, epoch).await;
    assert_eq!(state_of(&gate.record, gate.product).await.total, Units::ZERO);
}

/// A hold that lapsed is not sold by a checkout that comes too late, though the record would still sell it.
pub async fn a_lapsed_hold_is_not_sold(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    let ada = user("ada");
    let hold = gate.held_for(&ada, 7, 60_000).await;
    fixture.advance_clock(60_000).await;
    assert_eq!(gate.try_begin(&ada, Some(hold.reservation)).await, BeginOutcome::NoHold);
    let settled = ok(gate.record.settlement(gate.product, hold.reservation).await);
    assert_eq!(settled, None);
    gate.finish(&ada, reservation_id(), None).await;
    assert_eq!(gate.status().await, (7, 0, 7));
}
