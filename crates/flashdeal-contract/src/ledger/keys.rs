//! Idempotency keys of reservations: remembered with the answer until the hold would lapse.

use flashdeal_domain::ports::reservation::{Hold, ReserveOutcome};
use flashdeal_domain::{IdempotencyKey, UserId};

use crate::LedgerFixture;
use crate::ledger::gate::Gate;
use crate::support::{at_once, hold_time, key, units, user, users};

/// A new hold with a key, for a minute.
async fn keyed(gate: &Gate, user: &UserId, quantity: u32, text: &str) -> Hold {
    let mut call = gate.call(user, quantity);
    call.key = Some(key(text));
    call.ttl = hold_time(60_000);
    match gate.reserve_call(call).await {
        ReserveOutcome::Held { hold, created: true } => hold,
        other => panic!("expected a new hold, got {other:?}"),
    }
}

/// "The key was used before with the same quantity: the first answer again."
pub async fn a_key_repeated_answers_the_first_hold(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    let ada = user("ada");
    let hold = keyed(&gate, &ada, 3, "key").await;
    for gate in [gate.clone(), gate.second(fixture)] {
        fixture.advance_clock(100).await;
        let again = gate.reserve_keyed(&ada, 3, "key").await;
        assert_eq!(again, ReserveOutcome::Replayed(hold));
    }
    assert_eq!(gate.hold(&ada).await, Some(hold));
    assert_eq!(gate.status().await, (7, 3, 4));
}

/// "The key was used before with another quantity. Nothing was changed."
pub async fn a_key_with_another_quantity_is_reused(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    let ada = user("ada");
    let hold = keyed(&gate, &ada, 3, "key").await;
    for quantity in [1, 4, 100] {
        let other = gate.reserve_keyed(&ada, quantity, "key").await;
        assert_eq!(other, ReserveOutcome::KeyReused, "for {quantity}");
    }
    assert_eq!(gate.hold(&ada).await, Some(hold));
    assert_eq!(gate.status().await, (7, 3, 4));
}

/// The first answer, also when the hold has another quantity by now.
pub async fn a_key_repeated_does_not_set_the_hold_back(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    let ada = user("ada");
    let hold = keyed(&gate, &ada, 3, "key").await;
    gate.set(&ada, 5).await;
    let again = gate.reserve_keyed(&ada, 3, "key").await;
    assert_eq!(again, ReserveOutcome::Replayed(hold));
    assert_eq!(gate.status().await, (7, 5, 2));
}

/// "even when the hold ends before that": a delayed double of a reserve that was since released makes no ghost hold.
pub async fn a_key_repeated_after_a_release_makes_no_ghost_hold(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    let ada = user("ada");
    let hold = keyed(&gate, &ada, 3, "key").await;
    gate.release(&ada).await;
    let again = gate.reserve_keyed(&ada, 3, "key").await;
    assert_eq!(again, ReserveOutcome::Replayed(hold));
    assert_eq!(gate.hold(&ada).await, None);
    assert_eq!(gate.status().await, (7, 0, 7));
}

/// Nor one that was since paid, however little is left.
pub async fn a_key_repeated_after_a_sale_makes_no_ghost_hold(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    let ada = user("ada");
    let hold = keyed(&gate, &ada, 7, "key").await;
    let (_, epoch) = gate.begin(&ada).await;
    let paying = gate.reserve_keyed(&ada, 7, "key").await;
    assert_eq!(paying, ReserveOutcome::Replayed(hold));
    let state = gate.sell(&ada, hold, epoch).await;
    gate.finish(&ada, hold.reservation, Some(state)).await;
    let again = gate.reserve_keyed(&ada, 7, "key").await;
    assert_eq!(again, ReserveOutcome::Replayed(hold));
    assert_eq!(gate.hold(&ada).await, None);
    assert_eq!(gate.status().await, (0, 0, 0));
}

/// "until the hold would lapse": to the millisecond.
pub async fn a_key_is_gone_at_the_deadline(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    let (ada, ben) = (user("ada"), user("ben"));
    let of_ada = keyed(&gate, &ada, 3, "key").await;
    let of_ben = keyed(&gate, &ben, 3, "key").await;
    gate.release(&ben).await;
    fixture.advance_clock(59_999).await;
    for (user, hold) in [(&ada, of_ada), (&ben, of_ben)] {
        let again = gate.reserve_keyed(user, 3, "key").await;
        assert_eq!(again, ReserveOutcome::Replayed(hold));
    }
    fixture.advance_clock(1).await;
    for (user, hold) in [(&ada, of_ada), (&ben, of_ben)] {
        let again = keyed(&gate, user, 2, "key").await;
        assert_ne!(again.reservation, hold.reservation);
    }
    assert_eq!(gate.status().await, (7, 4, 3));
}

/// A hold that is still being paid for after its deadline has no key any more.
pub async fn a_key_of_a_paying_hold_is_gone_at_the_deadline(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    let ada = user("ada");
    keyed(&gate, &ada, 3, "key").await;
    gate.begin(&ada).await;
    fixture.advance_clock(60_000).await;
    let again = gate.reserve_keyed(&ada, 3, "key").await;
    assert_eq!(again, ReserveOutcome::CheckoutInProgress);
}

/// The key of a call that set a hold is remembered as long as that hold's own deadline.
pub async fn a_key_of_a_set_quantity_is_remembered(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    let ada = user("ada");
    let hold = gate.held_for(&ada, 3, 60_000).await;
    let set = match gate.reserve_keyed(&ada, 5, "key").await {
        ReserveOutcome::Held { hold, created: false } => hold,
        other => panic!("expected the hold to be set, got {other:?}"),
    };
    assert_eq!((set.reservation, set.quantity), (hold.reservation, units(5)));
    gate.set(&ada, 1).await;
    fixture.advance_clock(59_999).await;
    let again = gate.reserve_keyed(&ada, 5, "key").await;
    assert_eq!(again, ReserveOutcome::Replayed(set));
    assert_eq!(gate.status().await, (7, 1, 6));
    fixture.advance_clock(1).await;
    keyed(&gate, &ada, 4, "key").await;
}

/// Scoped to one user and one product; a key is all of its characters, as they are.
pub async fn a_key_is_scoped_to_user_and_product(fixture: &dyn LedgerFixture) {
    let phone = Gate::open(fixture, 100).await;
    let tablet = Gate::open(fixture, 100).await;
    let longest = "k".repeat(IdempotencyKey::MAX_CHARS);
    let nearly_longest = "k".repeat(IdempotencyKey::MAX_CHARS - 1);
    let mut made = Vec::new();
    for gate in [&phone, &tablet] {
        for (name, text) in [
            ("ada", "key"),
            ("ben", "key"),
            ("cyd", "KEY"),
            ("ada:k", "ey"),
            ("ada ", "key"),
            ("dan", "{}:|'\"\\"),
            ("eve", &longest),
            ("fay", &nearly_longest),
        ] {
            let hold = keyed(gate, &user(name), 1, text).await;
            made.push((gate, name, text.to_owned(), hold));
        }
    }
    for (gate, name, text, hold) in made {
        let again = gate.reserve_keyed(&user(name), 1, &text).await;
        assert_eq!(again, ReserveOutcome::Replayed(hold), "of {name:?}, {text:?}");
    }
    // The same user may use many keys.
    let other = phone.reserve_keyed(&user("ada"), 2, "KEY").await;
    assert!(matches!(other, ReserveOutcome::Held { created: false, .. }), "{other:?}");
}

/// "It is remembered with the answer if the call succeeds": a refusal is not an answer to stand by.
pub async fn a_refused_call_keeps_no_key(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    let (ada, ben) = (user("ada"), user("ben"));
    gate.held(&ben, 5).await;
    let refused = gate.reserve_keyed(&ada, 3, "key").await;
    assert!(matches!(refused, ReserveOutcome::Insufficient(_)), "{refused:?}");
    gate.release(&ben).await;
    let hold = keyed(&gate, &ada, 4, "key").await;
    gate.begin(&ada).await;
    let paying = gate.reserve_keyed(&ada, 1, "other").await;
    assert_eq!(paying, ReserveOutcome::CheckoutInProgress);
    gate.finish(&ada, hold.reservation, None).await;
    keyed(&gate, &ada, 2, "other").await;
}

/// Doubles that race: one hold, one that made it, the same answer for all.
pub async fn a_key_used_at_once_makes_one_hold(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 100).await;
    for user in users("buyer", 8) {
        let answers = at_once((0..16).map(|nth| {
            let (gate, user) = (gate.instance(fixture, nth), user.clone());
            async move { gate.reserve_keyed(&user, 3, "key").await }
        }))
        .await;
        let hold = crate::support::some(gate.hold(&user).await, "the hold");
        let mut made = 0;
        for answer in answers {
            match answer {
                ReserveOutcome::Held { hold: of, created: true } => {
                    assert_eq!(of, hold);
                    made += 1;
                }
                ReserveOutcome::Replayed(of) => assert_eq!(of, hold),
                other => panic!("expected the hold or its replay, got {other:?}"),
            }
        }
        assert_eq!(made, 1);
    }
    assert_eq!(gate.status().await, (100, 24, 76));
}
