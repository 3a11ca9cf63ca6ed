//! Adopting what the record says: only if it is newer.

use crate::LedgerFixture;
use crate::ledger::gate::Gate;
use crate::support::{reservation_id, user};

/// "Adopts the record's version and total if they are newer than the gate's".
pub async fn a_newer_total_is_adopted(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    gate.held(&user("ada"), 3).await;
    let more = gate.restock(5).await;
    gate.adopt(more).await;
    assert_eq!(gate.status().await, (12, 3, 9));
    assert_eq!(gate.view(0).await.open, Some((more.epoch, more.version)));
    let less = gate.shrink(4).await;
    gate.second(fixture).adopt(less).await;
    assert_eq!(gate.status().await, (8, 3, 5));
    assert_eq!(gate.view(0).await.open, Some((less.epoch, less.version)));
    gate.held(&user("ben"), 5).await;
    assert_eq!(gate.refused(&user("cyd"), 1).await, (8, 8, 0));
}

/// States arrive in any order: an older one changes nothing, nor does the same one again.
pub async fn an_older_total_is_not_adopted(fixture: &dyn LedgerFixture) {
    let gate = Gate::closed(fixture, 7).await;
    let first = gate.reopen().await;
    let second = gate.restock(5).await;
    let third = gate.restock(1).await;
    for state in [third, second, first, third] {
        gate.adopt(state).await;
        assert_eq!(gate.status().await, (13, 0, 13));
        assert_eq!(gate.view(0).await.open, Some((third.epoch, third.version)));
    }
}

/// "adopts the record's state if it is newer": the end of a sale takes its hold out, and nothing older in.
pub async fn finishing_adopts_a_newer_total_only(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    let (ada, ben) = (user("ada"), user("ben"));
    gate.held(&ada, 3).await;
    gate.held(&ben, 2).await;
    let (of_ada, epoch) = gate.begin(&ada).await;
    let (of_ben, _) = gate.begin(&ben).await;
    let after_ada = gate.sell(&ada, of_ada, epoch).await;
    let after_ben = gate.sell(&ben, of_ben, epoch).await;
    gate.finish(&ben, of_ben.reservation, Some(after_ben)).await;
    gate.finish(&ada, of_ada.reservation, Some(after_ada)).await;
    assert_eq!(gate.status().await, (2, 0, 2));
    gate.finish(&ada, reservation_id(), Some(after_ada)).await;
    assert_eq!(gate.status().await, (2, 0, 2));
    assert_eq!(gate.view(0).await.open, Some((after_ben.epoch, after_ben.version)));
}

/// `available` never falls below zero: where the record has less than is held, nobody gets more, and nothing is lost.
pub async fn a_total_below_what_is_held_is_never_negative(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    let ada = user("ada");
    let hold = gate.held(&ada, 5).await;
    let less = gate.shrink(4).await;
    gate.adopt(less).await;
    assert_eq!(gate.status().await, (3, 3, 0));
    assert_eq!(gate.refused(&user("ben"), 1).await, (3, 3, 0));
    assert_eq!(gate.refused(&ada, 6).await, (3, 3, 0));
    assert_eq!(gate.hold(&ada).await, Some(hold));
    let none = gate.shrink(3).await;
    gate.adopt(none).await;
    assert_eq!(gate.status().await, (0, 0, 0));
    gate.release(&ada).await;
    gate.adopt(gate.restock(2).await).await;
    assert_eq!(gate.status().await, (2, 0, 2));
}

/// "another epoch is left to [`open`](flashdeal_domain::ReservationLedger::open)": or the fence would be worth nothing.
pub async fn adopting_leaves_the_epoch_alone(fixture: &dyn LedgerFixture) {
    let gate = Gate::closed(fixture, 7).await;
    let opened = gate.reopen().await;
    let ada = user("ada");
    let hold = gate.held(&ada, 1).await;
    let elsewhere = gate.next_epoch().await;
    gate.adopt(elsewhere).await;
    gate.finish(&user("ben"), reservation_id(), Some(elsewhere)).await;
    assert_eq!(gate.begin(&ada).await, (hold, opened.epoch));
    let seen = gate.view(0).await.open;
    assert_eq!(seen.map(|(epoch, _)| epoch), Some(opened.epoch));
    // Opening is what brings the epoch.
    let reopened = gate.reopen().await;
    assert_eq!(gate.begin(&ada).await, (hold, reopened.epoch));
}
