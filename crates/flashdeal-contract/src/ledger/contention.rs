//! Many at once, over two instances: what must hold however they interleave.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use flashdeal_domain::UserId;
use flashdeal_domain::ports::record::Commit;
use flashdeal_domain::ports::reservation::{BeginOutcome, ReleaseOutcome, ReserveOutcome};

use crate::LedgerFixture;
use crate::ledger::gate::{Gate, counters};
use crate::support::{Dice, at_once, ok, state_of, units, user, users};

/// "Never promises more than it has", and never less.
pub async fn fifty_units_are_held_by_fifty_of_five_hundred(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 50).await;
    let everyone = users("buyer", 500);
    let answers = at_once(everyone.iter().cloned().enumerate().map(|(nth, user)| {
        let gate = gate.instance(fixture, nth);
        async move { gate.reserve(&user, 1).await }
    }))
    .await;
    let mut held = 0;
    for (user, answer) in everyone.iter().zip(answers) {
        match answer {
            ReserveOutcome::Held { hold, created: true } => {
                assert_eq!(gate.hold(user).await, Some(hold));
                held += 1;
            }
            ReserveOutcome::Insufficient(level) => assert_eq!(counters(level), (50, 50, 0)),
            other => panic!("expected a hold or none left, got {other:?}"),
        }
    }
    assert_eq!(held, 50);
    assert_eq!(gate.status().await, (50, 50, 0));
}

/// One hold per user and product, however often they click.
pub async fn one_user_at_once_has_one_hold(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 50).await;
    let ada = user("ada");
    let answers = at_once((0..64).map(|nth| {
        let (gate, ada) = (gate.instance(fixture, nth), ada.clone());
        let quantity = ok(u32::try_from(nth % 5)) + 1;
        async move { gate.reserve(&ada, quantity).await }
    }))
    .await;
    let (mut ids, mut made) = (BTreeSet::new(), 0);
    for answer in answers {
        match answer {
            ReserveOutcome::Held { hold, created } => {
                ids.insert((hold.reservation, hold.expires_at));
                made += u32::from(created);
            }
            other => panic!("expected the hold, got {other:?}"),
        }
    }
    assert_eq!((ids.len(), made), (1, 1));
    let hold = crate::support::some(gate.hold(&ada).await, "the hold");
    let quantity = hold.quantity.get();
    assert_eq!(gate.status().await, (50, quantity, 50 - quantity));
}

/// Whatever quantities are asked for: the holds' sum stays within the total.
pub async fn mixed_quantities_never_sum_above_the_total(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 300).await;
    let mut dice = Dice::new(11);
    let wanted: Vec<(UserId, u32)> = users("buyer", 200).into_iter().map(|user| (user, 1 + dice.roll(9))).collect();
    let answers = at_once(wanted.into_iter().enumerate().map(|(nth, (user, quantity))| {
        let gate = gate.instance(fixture, nth);
        async move { (quantity, gate.reserve(&user, quantity).await) }
    }))
    .await;
    let mut held = 0;
    for (quantity, answer) in answers {
        match answer {
            ReserveOutcome::Held { hold, created: true } => {
                assert_eq!(hold.quantity, units(quantity));
                held += quantity;
            }
            ReserveOutcome::Insufficient(level) => assert!(level.available() < units(quantity)),
            other => panic!("expected a hold or none left, got {other:?}"),
        }
    }
    assert!(held <= 300 && held > 291, "held {held} of 300");
    assert_eq!(gate.status().await, (300, held, 300 - held));
}

/// Exactly one of them wins: a hold is never released and paid for.
pub async fn a_checkout_racing_a_release_has_one_outcome(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 1000).await;
    let everyone = users("buyer", 60);
    for user in &everyone {
        gate.held(user, 1).await;
    }
    let races = at_once(everyone.iter().cloned().enumerate().map(|(nth, user)| {
        let (one, other) = (gate.instance(fixture, nth), gate.instance(fixture, nth + 1));
        async move {
            let buyer = user.clone();
            let release = tokio::spawn(async move { other.release(&buyer).await });
            if nth % 3 == 0 {
                tokio::task::yield_now().await;
            }
            (one.try_begin(&user, None).await, ok(release.await))
        }
    }))
    .await;
    let mut paying = 0;
    for (user, race) in everyone.iter().zip(races) {
        match race {
            (BeginOutcome::Paying { hold, .. }, ReleaseOutcome::Paying(of)) => {
                assert_eq!(hold, of);
                assert_eq!(gate.hold(user).await, Some(hold));
                paying += 1;
            }
            (BeginOutcome::NoHold, ReleaseOutcome::Released(_)) => {
                assert_eq!(gate.hold(user).await, None);
            }
            contradiction => panic!("two outcomes of one hold: {contradiction:?}"),
        }
    }
    assert_eq!(gate.status().await, (1000, paying, 1000 - paying));
}

/// "in one step: a reader never sees the units as both sold and available."
pub async fn sold_units_are_never_seen_as_available(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 60).await;
    let everyone = users("buyer", 60);
    for user in &everyone {
        gate.held(user, 1).await;
    }
    let over = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..4)
        .map(|nth| {
            let (gate, over) = (gate.instance(fixture, nth), Arc::clone(&over));
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    let (total, reserved, available) = gate.status().await;
                    assert_eq!(available, 0, "of {total}, {reserved} reserved");
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    at_once(everyone.into_iter().enumerate().map(|(nth, user)| {
        let gate = gate.instance(fixture, nth);
        async move {
            let (hold, epoch) = gate.begin(&user).await;
            let state = gate.sell(&user, hold, epoch).await;
            gate.finish(&user, hold.reservation, Some(state)).await;
        }
    }))
    .await;
    over.store(true, Ordering::Relaxed);
    for reader in readers {
        ok(reader.await);
    }
    assert_eq!(gate.status().await, (0, 0, 0));
}

/// One user's next step, chosen by the dice.
async fn step(gate: &Gate, user: &UserId, dice: &mut Dice) {
    match dice.roll(6) {
        0..=2 => drop(gate.reserve(user, 1 + dice.roll(4)).await),
        3 => drop(gate.release(user).await),
        4 => drop(gate.status().await),
        _ => {
            let BeginOutcome::Paying { hold, epoch } = gate.try_begin(user, None).await else {
                return;
            };
            match ok(gate.record.commit(gate.sale_of(user, hold, epoch)).await) {
                Commit::Sold { record, .. } => {
                    gate.finish(user, hold.reservation, Some(record)).await;
                }
                other => panic!("the gate promised what the record has not: {other:?}"),
            }
        }
    }
}

/// Two devices each of 32 users, all at it at once: afterwards the books balance.
pub async fn after_a_storm_the_books_balance(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 150).await;
    let everyone = users("buyer", 32);
    let devices = everyone.iter().chain(&everyone).cloned().enumerate();
    at_once(devices.map(|(nth, user)| {
        let gate = gate.instance(fixture, nth);
        let mut dice = Dice::new(ok(u64::try_from(nth)));
        async move {
            for _ in 0..25 {
                step(&gate, &user, &mut dice).await;
            }
        }
    }))
    .await;
    let mut held = 0;
    for user in &everyone {
        held += gate.hold(user).await.map_or(0, |hold| hold.quantity.get());
    }
    let left = state_of(&gate.record, gate.product).await.total.get();
    assert_eq!(gate.status().await, (left, held, left - held));
    assert_eq!(gate.view(0).await.paying, []);
    // And they empty: what is released is all there is.
    for user in &everyone {
        gate.release(user).await;
    }
    assert_eq!(gate.status().await, (left, 0, left));
}

/// "A caller who stops waiting takes nobody else's answer away."
pub async fn a_caller_who_stops_waiting_takes_no_answer_away(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 200).await;
    let everyone = users("buyer", 200);
    let mut waiting = Vec::new();
    for (nth, user) in everyone.iter().cloned().enumerate() {
        let gate = gate.instance(fixture, nth / 2);
        let task = tokio::spawn(async move { gate.reserve(&user, 1).await });
        for _ in 0..nth % 7 {
            tokio::task::yield_now().await;
        }
        if nth % 2 == 0 {
            task.abort();
        } else {
            waiting.push(task);
        }
    }
    for task in waiting {
        let answer = ok(task.await);
        assert!(matches!(answer, ReserveOutcome::Held { .. }), "{answer:?}");
    }
    // Whether the others' calls happened is open; that the gate counts right is not.
    for user in &everyone {
        let again = gate.reserve(user, 1).await;
        assert!(matches!(again, ReserveOutcome::Held { .. }), "{again:?}");
    }
    assert_eq!(gate.status().await, (200, 200, 0));
}

/// Reopening while callers are at it loses no hold and makes none up.
pub async fn reopening_under_load_keeps_the_books(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 100).await;
    let everyone = users("buyer", 150);
    let opener = {
        let gate = gate.second(fixture);
        tokio::spawn(async move {
            for _ in 0..5 {
                gate.reopen().await;
            }
        })
    };
    let answers = at_once(everyone.iter().cloned().enumerate().map(|(nth, user)| {
        let gate = gate.instance(fixture, nth);
        async move { gate.reserve(&user, 1).await }
    }))
    .await;
    ok(opener.await);
    let held = answers.iter().filter(|answer| matches!(answer, ReserveOutcome::Held { created: true, .. })).count();
    assert_eq!(held, 100);
    assert_eq!(gate.status().await, (100, 100, 0));
}
