//! "The deadline is exact": to the millisecond, in the very call, swept or not.

use std::time::Duration;

use flashdeal_domain::Timestamp;
use flashdeal_domain::ports::reservation::{BeginOutcome, ReleaseOutcome};

use crate::LedgerFixture;
use crate::ledger::gate::Gate;
use crate::support::{some, user, users};

/// A deadline is now + ttl, to the millisecond; each call has its own ttl.
pub async fn a_hold_lasts_as_long_as_was_said(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 10).await;
    let one = gate.held_for(&user("a"), 1, 1).await.expires_at.as_millis();
    for (name, ttl_ms, off) in [("b", 2, 1), ("c", 600_000, 599_999), ("d", 86_400_000, 86_399_999)] {
        let hold = gate.held_for(&user(name), 1, ttl_ms).await;
        assert_eq!(hold.expires_at.as_millis(), one + off, "for {ttl_ms} ms");
    }
    fixture.advance_clock(12_345).await;
    let later = gate.held_for(&user("e"), 1, 1).await;
    assert_eq!(later.expires_at, Timestamp::from_millis(one + 12_345));
}

/// `now < expires_at`: live.
pub async fn a_hold_lives_one_millisecond_before_its_deadline(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 5).await;
    let ada = user("ada");
    let hold = gate.held_for(&ada, 5, 60_000).await;
    fixture.advance_clock(59_999).await;
    assert_eq!(gate.hold(&ada).await, Some(hold));
    assert_eq!(gate.status().await, (5, 5, 0));
    assert_eq!(gate.refused(&user("ben"), 1).await, (5, 5, 0));
    assert_eq!(gate.release(&ada).await, ReleaseOutcome::Released(hold));
}

/// "`now >= expires_at` is over".
pub async fn a_hold_is_over_at_its_deadline(fixture: &dyn LedgerFixture) {
    for late in [0, 1, 86_400_000] {
        let gate = Gate::open(fixture, 5).await;
        let ada = user("ada");
        gate.held_for(&ada, 5, 60_000).await;
        fixture.advance_clock(60_000 + late).await;
        assert_eq!(gate.hold(&ada).await, None, "{late} ms after the deadline");
    }
}

/// "the hold's units are free in that very call, swept or not": no other call came between.
pub async fn a_lapsed_hold_leaves_its_units_to_the_next_caller(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 5).await;
    gate.held_for(&user("ada"), 5, 60_000).await;
    fixture.advance_clock(60_000).await;
    gate.held(&user("ben"), 5).await;
    assert_eq!(gate.status().await, (5, 5, 0));
    assert_eq!(gate.hold(&user("ada")).await, None);
}

/// However many are due: one call gets the units of them all.
pub async fn many_lapsed_holds_leave_their_units_in_one_call(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 1000).await;
    for user in users("held", 1000) {
        gate.held_for(&user, 1, 60_000).await;
    }
    fixture.advance_clock(60_000).await;
    gate.held(&user("ben"), 1000).await;
    assert_eq!(gate.status().await, (1000, 1000, 0));
}

/// "The three counters in one read, every due hold already out of them": however many are due.
pub async fn the_status_at_a_deadline_is_exact(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 1000).await;
    for user in users("early", 700) {
        gate.held_for(&user, 1, 60_000).await;
    }
    gate.held_for(&user("late"), 50, 60_001).await;
    assert_eq!(gate.status().await, (1000, 750, 250));
    fixture.advance_clock(59_999).await;
    assert_eq!(gate.status().await, (1000, 750, 250));
    fixture.advance_clock(1).await;
    assert_eq!(gate.status().await, (1000, 50, 950));
    fixture.advance_clock(1).await;
    assert_eq!(gate.status().await, (1000, 0, 1000));
}

/// "the deadline never moves": nobody hogs stock by refreshing.
pub async fn setting_a_quantity_never_moves_the_deadline(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 5).await;
    let ada = user("ada");
    let hold = gate.held_for(&ada, 1, 60_000).await;
    for quantity in [2, 1, 1, 5] {
        fixture.advance_clock(14_000).await;
        // This call's ttl is ten minutes; it counts for new holds only.
        let set = gate.set(&ada, quantity).await;
        assert_eq!(set.expires_at, hold.expires_at);
    }
    fixture.advance_clock(4000).await;
    assert_eq!(gate.hold(&ada).await, None);
    assert_eq!(gate.status().await, (5, 0, 5));
}

/// "`now < expires_at` may begin a checkout", and that checkout outlives the deadline.
pub async fn a_checkout_may_begin_one_millisecond_before_the_deadline(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 5).await;
    let ada = user("ada");
    let hold = gate.held_for(&ada, 5, 60_000).await;
    fixture.advance_clock(59_999).await;
    let (paying, epoch) = gate.begin(&ada).await;
    assert_eq!(paying, hold);
    fixture.advance_clock(1).await;
    assert_eq!(gate.refused(&user("ben"), 1).await, (5, 5, 0));
    fixture.advance_clock(86_400_000).await;
    assert_eq!(gate.hold(&ada).await, Some(hold));
    assert_eq!(gate.status().await, (5, 5, 0));
    let state = gate.sell(&ada, hold, epoch).await;
    gate.finish(&ada, hold.reservation, Some(state)).await;
    assert_eq!(gate.status().await, (0, 0, 0));
}

/// "`now >= expires_at` is over": for a checkout too, in the very call.
pub async fn a_checkout_cannot_begin_at_the_deadline(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 5).await;
    let ada = user("ada");
    let hold = gate.held_for(&ada, 5, 60_000).await;
    fixture.advance_clock(60_000).await;
    assert_eq!(gate.try_begin(&ada, Some(hold.reservation)).await, BeginOutcome::NoHold);
    assert_eq!(gate.try_begin(&ada, None).await, BeginOutcome::NoHold);
    assert_eq!(gate.status().await, (5, 0, 5));
}

/// What lapsed is no longer there to be given back.
pub async fn a_lapsed_hold_cannot_be_released(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 5).await;
    gate.held_for(&user("ada"), 5, 60_000).await;
    fixture.advance_clock(60_000).await;
    assert_eq!(gate.release(&user("ada")).await, ReleaseOutcome::NoHold);
    assert_eq!(gate.status().await, (5, 0, 5));
}

/// The same user may hold again, under another id and with a new deadline.
pub async fn after_a_lapse_a_new_hold_is_made(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 5).await;
    let ada = user("ada");
    let first = gate.held_for(&ada, 5, 60_000).await;
    fixture.advance_clock(60_000).await;
    let second = gate.held_for(&ada, 5, 60_000).await;
    assert_ne!(first.reservation, second.reservation);
    assert_eq!(second.expires_at.as_millis(), first.expires_at.as_millis() + 60_000);
    let named = gate.try_begin(&ada, Some(first.reservation)).await;
    assert_eq!(named, BeginOutcome::NoHold);
}

/// "A clock that steps back never lengthens a hold past `now + ttl`."
pub async fn a_clock_that_steps_back_lengthens_no_hold(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 5).await;
    let ada = user("ada");
    let hold = gate.held_for(&ada, 5, 60_000).await;
    fixture.advance_clock(-3_600_000).await;
    // The first call after the step sees it.
    assert_eq!(gate.status().await, (5, 5, 0));
    let now = some(gate.hold(&ada).await, "the hold");
    assert_eq!(now.expires_at.as_millis(), hold.expires_at.as_millis() - 3_600_000);
    assert_eq!((now.reservation, now.quantity), (hold.reservation, hold.quantity));
    fixture.advance_clock(59_999).await;
    assert_eq!(gate.status().await, (5, 5, 0));
    fixture.advance_clock(1).await;
    assert_eq!(gate.status().await, (5, 0, 5));
    gate.held(&user("ben"), 5).await;
}

/// Once with the clock running: nothing but time has to pass.
pub async fn a_hold_ends_by_real_time(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 5).await;
    fixture.run_clock().await;
    gate.held_for(&user("ada"), 5, 300).await;
    let mut waited = Duration::ZERO;
    while gate.status().await != (5, 0, 5) {
        assert!(waited < Duration::from_secs(3), "the hold did not end");
        let step = Duration::from_millis(20);
        tokio::time::sleep(step).await;
        waited += step;
    }
    assert!(waited >= Duration::from_millis(100), "the hold ended after {waited:?}");
    gate.held(&user("ben"), 5).await;
}
