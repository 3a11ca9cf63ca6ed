//! Holding units, setting how many, letting them go.

use flashdeal_domain::ports::reservation::{ReleaseOutcome, ReserveOutcome};
use flashdeal_domain::{Units, UserId};

use crate::LedgerFixture;
use crate::ledger::gate::Gate;
use crate::support::{odd_users, ok, reservation_id, units, user};

/// "Holds units": under the candidate's id, until now + ttl.
pub async fn a_reservation_holds_units(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    assert_eq!(gate.hold(&user("ada")).await, None);
    let hold = gate.held(&user("ada"), 3).await;
    assert_eq!(gate.hold(&user("ada")).await, Some(hold));
    assert_eq!(gate.status().await, (7, 3, 4));
    let other = gate.held(&user("ben"), 4).await;
    assert_ne!(hold.reservation, other.reservation);
    assert_eq!(gate.status().await, (7, 7, 0));
}

/// What one server held, every server sees.
pub async fn a_hold_is_seen_by_every_instance(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    let second = gate.second(fixture);
    let hold = gate.held(&user("ada"), 3).await;
    assert_eq!(second.hold(&user("ada")).await, Some(hold));
    assert_eq!(second.status().await, (7, 3, 4));
    second.set(&user("ada"), 5).await;
    assert_eq!(gate.status().await, (7, 5, 2));
}

/// "else the user's hold now has this quantity, with the reservation id and the deadline it had": whatever the call
/// offers.
pub async fn a_hold_can_be_set_larger_and_smaller_and_equal(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 10).await;
    let ada = user("ada");
    let first = gate.held(&ada, 4).await;
    for quantity in [6, 6, 1, 10, 4] {
        let set = gate.set(&ada, quantity).await;
        assert_eq!(set.quantity, units(quantity));
        assert_eq!((set.reservation, set.expires_at), (first.reservation, first.expires_at));
        assert_eq!(gate.hold(&ada).await, Some(set));
        assert_eq!(gate.status().await, (10, quantity, 10 - quantity));
    }
}

/// "Their own units are not counted against them".
pub async fn own_units_are_not_counted_when_set(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 10).await;
    gate.held(&user("ben"), 3).await;
    gate.held(&user("ada"), 6).await;
    gate.set(&user("ada"), 7).await;
    assert_eq!(gate.status().await, (10, 10, 0));
    // Nothing is available, and as many as they have, or fewer, are still theirs to set.
    gate.set(&user("ada"), 7).await;
    gate.set(&user("ada"), 5).await;
    gate.set(&user("ben"), 5).await;
    assert_eq!(gate.status().await, (10, 10, 0));
}

/// "The level is the one that was not enough."
pub async fn a_refusal_answers_the_level_that_was_not_enough(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 10).await;
    assert_eq!(gate.refused(&user("ada"), 11).await, (10, 0, 10));
    gate.held(&user("ben"), 6).await;
    assert_eq!(gate.refused(&user("ada"), 5).await, (10, 6, 4));
    assert_eq!(gate.refused(&user("ada"), Units::MAX).await, (10, 6, 4));
    assert_eq!(gate.hold(&user("ada")).await, None);
    assert_eq!(gate.status().await, (10, 6, 4));
    let empty = Gate::open(fixture, 0).await;
    assert_eq!(empty.status().await, (0, 0, 0));
    assert_eq!(empty.refused(&user("ada"), 1).await, (0, 0, 0));
}

/// "an existing hold stands as it was."
pub async fn a_hold_that_cannot_grow_stands_as_it_was(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 10).await;
    let (ada, ben) = (user("ada"), user("ben"));
    let hold = gate.held(&ada, 4).await;
    gate.held(&ben, 3).await;
    fixture.advance_clock(1000).await;
    assert_eq!(gate.refused(&ada, 8).await, (10, 7, 3));
    assert_eq!(gate.hold(&ada).await, Some(hold));
    assert_eq!(gate.status().await, (10, 7, 3));
    assert_eq!(gate.begin(&ada).await.0, hold);
}

/// Up to the last unit, and up to the most units there can be.
pub async fn all_units_can_be_held(fixture: &dyn LedgerFixture) {
    for total in [1, Units::MAX] {
        let gate = Gate::open(fixture, total).await;
        gate.held(&user("ada"), total).await;
        assert_eq!(gate.status().await, (total, total, 0));
        assert_eq!(gate.refused(&user("ben"), 1).await, (total, total, 0));
    }
}

/// "The hold is gone; its units are free"; "a repeated `release` answers [`ReleaseOutcome::NoHold`]".
pub async fn a_released_hold_is_gone(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    let ada = user("ada");
    let hold = gate.held(&ada, 3).await;
    assert_eq!(gate.release(&ada).await, ReleaseOutcome::Released(hold));
    assert_eq!(gate.hold(&ada).await, None);
    assert_eq!(gate.status().await, (7, 0, 7));
    assert_eq!(gate.release(&ada).await, ReleaseOutcome::NoHold);
    assert_eq!(gate.second(fixture).release(&ada).await, ReleaseOutcome::NoHold);
    assert_eq!(gate.status().await, (7, 0, 7));
}

/// After a release the next hold is a new one, of anyone.
pub async fn a_released_hold_leaves_room_for_another(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    let first = gate.held(&user("ada"), 7).await;
    gate.release(&user("ada")).await;
    gate.held(&user("ben"), 7).await;
    gate.release(&user("ben")).await;
    fixture.advance_clock(5).await;
    let again = gate.held(&user("ada"), 7).await;
    assert_ne!(first.reservation, again.reservation);
    assert_eq!(again.expires_at.as_millis(), first.expires_at.as_millis() + 5);
}

/// "The user has no live hold."
pub async fn who_holds_nothing_has_nothing_to_release(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    gate.held(&user("ben"), 3).await;
    assert_eq!(gate.release(&user("ada")).await, ReleaseOutcome::NoHold);
    assert_eq!(gate.status().await, (7, 3, 4));
}

/// One user may hold of many products, and holds of each as if there were no other.
pub async fn users_and_products_do_not_mix(fixture: &dyn LedgerFixture) {
    let phone = Gate::open(fixture, 7).await;
    let tablet = Gate::open(fixture, 5).await;
    let ada = user("ada");
    let of_phone = phone.held(&ada, 3).await;
    let of_tablet = tablet.held(&ada, 4).await;
    phone.begin(&ada).await;
    assert_eq!(tablet.release(&ada).await, ReleaseOutcome::Released(of_tablet));
    assert_eq!(phone.hold(&ada).await, Some(of_phone));
    assert_eq!((phone.status().await, tablet.status().await), ((7, 3, 4), (5, 0, 5)));
    ok(tablet.ledger.forget(tablet.product).await);
    assert_eq!(phone.status().await, (7, 3, 4));
}

/// A user id is data, to the last bit: no two of these are one user, and none breaks a call.
pub async fn odd_users_hold_as_anyone_does(fixture: &dyn LedgerFixture) {
    let odd = odd_users();
    let total = ok(u32::try_from(odd.len()));
    let gate = Gate::open(fixture, total).await;
    let mut made = Vec::new();
    for odd in odd {
        let mut call = gate.call(&odd, 1);
        call.key = Some(crate::support::key("{one:key}"));
        match gate.reserve_call(call).await {
            ReserveOutcome::Held { hold, created: true } => made.push((odd, hold)),
            other => panic!("expected a hold of its own for {odd:?}, got {other:?}"),
        }
    }
    assert_eq!(gate.status().await, (total, total, 0));
    for (nth, (odd, hold)) in made.iter().enumerate() {
        assert_eq!(gate.hold(odd).await, Some(*hold), "of {odd:?}");
        if nth % 2 == 0 {
            assert_eq!(gate.release(odd).await, ReleaseOutcome::Released(*hold), "{odd:?}");
        } else {
            assert_eq!(gate.begin(odd).await.0, *hold, "of {odd:?}");
        }
    }
    fixture.advance_clock(6000).await;
    for paying in gate.view(5000).await.paying {
        assert!(made.contains(&(paying.user.clone(), paying.hold)), "{paying:?}");
        gate.finish(&paying.user, reservation_id(), None).await;
        gate.finish(&paying.user, paying.hold.reservation, None).await;
    }
    assert_eq!(gate.status().await, (total, 0, total));
}

/// The domain's own holder of a decrease has a control character in its id, as no caller's can.
pub async fn the_holder_of_a_withdrawal_holds_as_anyone_does(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    let holder = UserId::from_store(&format!("\u{1}withdrawal:{}", reservation_id()));
    let hold = gate.held(&holder, 3).await;
    assert_eq!(gate.hold(&holder).await, Some(hold));
    gate.begin(&holder).await;
    fixture.advance_clock(1).await;
    let shown: Vec<_> = gate.view(0).await.paying.into_iter().map(|paying| paying.user).collect();
    assert_eq!(shown, std::slice::from_ref(&holder));
    gate.finish(&holder, hold.reservation, None).await;
    assert_eq!(gate.status().await, (7, 0, 7));
}
