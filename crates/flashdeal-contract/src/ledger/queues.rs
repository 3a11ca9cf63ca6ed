//! Somebody waits: no hold is made or raised but by who is called and by the shop.

use flashdeal_domain::ports::reservation::{Caller, Hold, ReleaseOutcome, ReserveCall, ReserveOutcome};
use flashdeal_domain::{RecordState, StockLevel, Terms, TermsPatch, TermsRefusal, UserId};
use futures_util::future::join_all;

use crate::LedgerFixture;
use crate::ledger::gate::Gate;
use crate::ledger::terms::{ending, limited, now, put, starting};
use crate::support::{join, ok, some, units, user};

/// The gate knows that somebody waits.
async fn queued(gate: &Gate) -> RecordState {
    let (_, record) = join(&gate.waiting, gate.product, "who waits", 1).await;
    gate.adopt(record).await;
    record
}

/// Nobody waits any more, and the gate knows it.
async fn unqueued(gate: &Gate) {
    let (_, record) = some(ok(gate.waiting.leave(gate.product, &user("who waits")).await), "who left");
    gate.adopt(record).await;
}

fn behind(total: u32, reserved: u32) -> ReserveOutcome {
    ReserveOutcome::Queued(StockLevel::new(units(total), units(reserved)))
}

async fn called(gate: &Gate, user: &UserId, quantity: u32) -> ReserveOutcome {
    gate.reserve_call(ReserveCall { caller: Caller::Called, ..gate.call(user, quantity) }).await
}

fn held(outcome: ReserveOutcome) -> Hold {
    match outcome {
        ReserveOutcome::Held { hold, .. } => hold,
        other => panic!("expected a hold, got {other:?}"),
    }
}

/// "but by who is called and by the shop itself, however many units are free", on every instance.
pub async fn nobody_is_let_past_those_who_wait(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 9).await;
    queued(&gate).await;
    for (nth, name) in ["ada", "ben", "cid", "dora"].into_iter().enumerate() {
        assert_eq!(gate.instance(fixture, nth).reserve(&user(name), 1).await, behind(9, 0));
    }
    // Two are called at the same moment.
    let second = gate.second(fixture);
    let (ada, dora) = (user("ada"), user("dora"));
    let both = [called(&second, &ada, 1), called(&second, &dora, 1)];
    join_all(both).await.into_iter().map(held).for_each(drop);
    let shop = ReserveCall { caller: Caller::Shop, ..gate.call(&user("the shop"), 3) };
    held(gate.reserve_call(shop).await);
    assert_eq!(gate.reserve(&user("ben"), 1).await, behind(9, 5));
    assert_eq!(called(&gate, &user("ben"), 5).await, ReserveOutcome::Insufficient(StockLevel::new(units(9), units(5))));
    held(called(&gate, &user("ben"), 4).await);
    assert_eq!(gate.status().await, (9, 9, 0));
}

/// "made or raised": a hold that stands may be kept, lowered, given back and paid for.
pub async fn a_hold_that_stands_may_only_become_less(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 9).await;
    let (ada, ben) = (user("ada"), user("ben"));
    let of_ada = gate.held(&ada, 3).await;
    let of_ben = gate.held(&ben, 3).await;
    queued(&gate).await;
    assert_eq!(gate.reserve(&ada, 4).await, behind(9, 6));
    assert_eq!(gate.hold(&ada).await, Some(of_ada));
    assert_eq!(gate.set(&ada, 3).await, of_ada);
    let lowered = gate.set(&ada, 2).await;
    assert_eq!((lowered.reservation, lowered.expires_at), (of_ada.reservation, of_ada.expires_at));
    assert_eq!(gate.reserve(&ada, 3).await, behind(9, 5));
    assert_eq!(gate.release(&ben).await, ReleaseOutcome::Released(of_ben));
    assert_eq!(gate.begin(&ada).await.0, lowered);
    assert_eq!(gate.status().await, (9, 2, 7));
}

/// "The order of the checks: … the terms, who waits, the stock." Who is called is bound by the terms as everybody is.
pub async fn the_terms_come_before_the_queue(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 9).await;
    let (ada, start) = (user("ada"), now(&gate).await + 1000);
    let terms = TermsPatch { ends_at: ending(start + 1000).ends_at, ..starting(start) };
    put(&gate, TermsPatch { max_per_reservation: limited(2).max_per_reservation, ..terms }).await;
    queued(&gate).await;
    let refused = async |quantity| match (gate.reserve(&ada, quantity).await, called(&gate, &ada, quantity).await) {
        (ReserveOutcome::Refused(one), ReserveOutcome::Refused(other)) if one == other => Some(one),
        (ReserveOutcome::Queued(_), _) => None,
        other => panic!("{other:?}"),
    };
    assert!(
        matches!(refused(3).await, Some(TermsRefusal::NotStarted { starts_at, .. }) if starts_at.as_millis() == start)
    );
    fixture.advance_clock(1000).await;
    assert!(matches!(refused(3).await, Some(TermsRefusal::OverLimit { .. })));
    assert_eq!(refused(2).await, None);
    // Two of nine are held now, by who was called; there are not enough for all nine, and that is told last.
    assert_eq!(gate.reserve(&user("ben"), 2).await, behind(9, 2));
    fixture.advance_clock(1000).await;
    assert!(matches!(refused(3).await, Some(TermsRefusal::Ended { ends_at }) if ends_at.as_millis() == start + 1000));
}

/// With the last who waits the gate is as it was.
pub async fn where_nobody_waits_any_more_everybody_is_let_in(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 9).await;
    put(&gate, limited(4)).await;
    for _ in 0..2 {
        queued(&gate).await;
        assert_eq!(gate.reserve(&user("ada"), 1).await, behind(9, 0));
        unqueued(&gate).await;
        gate.held(&user("ada"), 4).await;
        assert!(matches!(gate.reserve(&user("ben"), 5).await, ReserveOutcome::Refused(_)));
        gate.release(&user("ada")).await;
    }
}

/// An opening brings what the record says, and what a gate has heard of already stays.
pub async fn a_queue_outlives_a_reopening(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 9).await;
    queued(&gate).await;
    gate.reopen().await;
    assert_eq!(gate.reserve(&user("ada"), 1).await, behind(9, 0));
    ok(gate.ledger.forget(gate.product).await);
    gate.second(fixture).reopen().await;
    assert_eq!(gate.reserve(&user("ada"), 1).await, behind(9, 0));
    unqueued(&gate).await;
    gate.reopen().await;
    gate.held(&user("ada"), 1).await;
}

/// "The order of the checks: the key, …": a delayed duplicate is answered as it was.
pub async fn a_replay_is_answered_while_others_wait(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 9).await;
    let first = ReserveCall { key: Some(crate::support::key("one")), ..gate.call(&user("ada"), 2) };
    let hold = held(gate.reserve_call(first.clone()).await);
    queued(&gate).await;
    let again = ReserveCall { candidate: crate::support::reservation_id(), ..first };
    assert_eq!(gate.reserve_call(again).await, ReserveOutcome::Replayed(hold));
}

/// "A gate that was told of the same version by somebody who knew nothing of queues learns of the queue all the same."
pub async fn a_gate_learns_of_a_queue_at_the_version_it_has(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 9).await;
    put(&gate, limited(4)).await;
    let (_, record) = join(&gate.waiting, gate.product, "who waits", 1).await;
    let ignorant = RecordState { terms: record.terms.with_queue(false), ..record };
    gate.adopt(ignorant).await;
    gate.held(&user("ada"), 1).await;
    gate.adopt(record).await;
    assert_eq!(gate.reserve(&user("ben"), 1).await, behind(9, 1));
    // And what is older than that is still not adopted.
    gate.adopt(ignorant).await;
    assert_eq!(gate.reserve(&user("ben"), 1).await, behind(9, 1));
}

/// An audit sees it.
pub async fn a_queue_is_in_the_books(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 9).await;
    let start = now(&gate).await - 5000;
    for terms in [TermsPatch::default(), limited(3), starting(start), ending(start + 10_000)] {
        put(&gate, terms).await;
        let record = queued(&gate).await;
        let books = ok(gate.ledger.books(gate.product, std::time::Duration::ZERO).await);
        assert_eq!(books.terms, record.terms.binding());
        assert!(books.terms.queued() && books.terms != Terms::NONE);
        unqueued(&gate).await;
        let books = ok(gate.ledger.books(gate.product, std::time::Duration::ZERO).await);
        assert!(!books.terms.queued());
    }
}
