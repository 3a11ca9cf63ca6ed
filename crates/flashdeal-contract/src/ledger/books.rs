//! What an audit reads of a gate.

use std::time::Duration;

use flashdeal_domain::ports::GateBooks;
use flashdeal_domain::{Edit, Quantity, Terms, TermsPatch, Timestamp};

use crate::LedgerFixture;
use crate::ledger::gate::{Gate, closed};
use crate::ledger::terms::{limited, written};
use crate::support::{Dice, at_once, ok, state_of, units, user, users};

async fn of(gate: &Gate, overdue_ms: u64) -> GateBooks {
    ok(gate.ledger.books(gate.product, Duration::from_millis(overdue_ms)).await)
}

/// "The books of one product, counted hold by hold; … changes nothing."
pub async fn the_books_of_a_gate_count_its_holds(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 100).await;
    let state = state_of(&gate.record, gate.product).await;
    let new = GateBooks {
        epoch: state.epoch,
        version: state.version,
        total: units(100),
        terms: Terms::NONE,
        reserved: 0,
        held_units: 0,
        holds: 0,
        past_deadline: 0,
        unsettled: 0,
        unindexed: 0,
        exact: true,
    };
    assert_eq!(of(&gate, 5000).await, new);
    gate.held(&user("ada"), 3).await;
    gate.held(&user("ben"), 4).await;
    gate.begin(&user("ben")).await;
    gate.set(&user("ada"), 5).await;
    let held = GateBooks { reserved: 9, held_units: 9, holds: 2, ..new };
    for gate in [gate.clone(), gate.second(fixture)] {
        assert_eq!(of(&gate, 5000).await, held);
    }
    assert_eq!(gate.status().await, (100, 9, 91));
    gate.release(&user("ada")).await;
    let state = gate.restock(10).await;
    gate.adopt(state).await;
    let after = GateBooks { version: state.version, total: units(110), reserved: 4, held_units: 4, holds: 1, ..new };
    assert_eq!(of(&gate, 5000).await, after);
}

/// The terms of the version it has, whatever the record says by then.
pub async fn books_tell_the_terms_of_their_version(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 100).await;
    let at = |millis: i64| Edit::Set(Timestamp::from_millis(millis));
    let limit = Edit::Set(ok(Quantity::new(2)));
    let (all, none) = (
        TermsPatch { starts_at: at(1), ends_at: Edit::Set(Terms::LATEST), max_per_reservation: limit },
        TermsPatch { starts_at: Edit::Clear, ends_at: Edit::Clear, max_per_reservation: Edit::Clear },
    );
    let keep = TermsPatch::default();
    let some = [limited(2), TermsPatch { starts_at: at(0), ..keep }, TermsPatch { ends_at: at(0), ..keep }];
    let mut before = Terms::NONE;
    for terms in [all].into_iter().chain(some.into_iter().flat_map(|terms| [none, terms])).chain([none]) {
        let state = written(&gate, terms).await;
        assert_eq!(of(&gate, 0).await.terms, before);
        gate.adopt(state).await;
        before = state.terms.binding();
        let books = of(&gate.second(fixture), 0).await;
        assert_eq!((books.version, books.terms), (state.version, before));
    }
}

/// "counts the paying holds whose deadline passed more than `overdue` ago", and no held one counts once a look has ended it.
pub async fn books_tell_what_is_unsettled(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 100).await;
    for user in users("held", 5) {
        gate.held_for(&user, 1, 60_000).await;
    }
    gate.held_for(&user("paying"), 2, 60_000).await;
    gate.begin(&user("paying")).await;
    fixture.advance_clock(65_000).await;
    gate.view(0).await;
    let books = of(&gate, 5000).await;
    assert_eq!((books.holds, books.past_deadline, books.unsettled), (1, 0, 0), "{books:?}");
    assert_eq!((books.reserved, books.held_units), (2, 2), "{books:?}");
    fixture.advance_clock(1).await;
    assert_eq!(of(&gate, 5000).await.unsettled, 1);
    assert_eq!(of(&gate, 5001).await.unsettled, 0);
}

/// A gate that was never opened, or was forgotten, has none.
pub async fn a_closed_gate_has_no_books(fixture: &dyn LedgerFixture) {
    let gate = Gate::closed(fixture, 7).await;
    closed(gate.ledger.books(gate.product, Duration::ZERO).await, false);
    gate.reopen().await;
    assert_eq!(of(&gate, 0).await.holds, 0);
    ok(gate.ledger.forget(gate.product).await);
    closed(gate.ledger.books(gate.product, Duration::ZERO).await, false);
}

/// After many at once, and however many holds there are, the counter is the sum of the holds.
pub async fn the_books_of_a_gate_balance_after_a_storm(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 100_000).await;
    let everyone = users("buyer", 400);
    at_once(everyone.iter().cloned().enumerate().map(|(nth, user)| {
        let gate = gate.instance(fixture, nth);
        let mut dice = Dice::new(ok(u64::try_from(nth)));
        async move {
            gate.reserve(&user, 1 + dice.roll(5)).await;
            match dice.roll(4) {
                0 => drop(gate.release(&user).await),
                1 => drop(gate.begin(&user).await),
                2 => drop(gate.reserve(&user, 1 + dice.roll(5)).await),
                _ => {}
            }
        }
    }))
    .await;
    let (_, reserved, _) = gate.status().await;
    let books = of(&gate, 0).await;
    assert_eq!((books.reserved, books.held_units), (reserved.into(), reserved.into()), "{books:?}");
    assert_eq!((books.past_deadline, books.unindexed, books.exact), (0, 0, true), "{books:?}");
}
