//! The terms of a sale: to the millisecond, of the version the gate has, and only for what makes or raises a hold.

use std::time::Duration;

use flashdeal_domain::ports::record::Change;
use flashdeal_domain::ports::reservation::{Caller, ReleaseOutcome, ReserveCall, ReserveOutcome};
use flashdeal_domain::{Edit, Quantity, RecordState, TermsPatch, TermsRefusal, Timestamp, UserId};
use futures_util::future::join_all;

use crate::LedgerFixture;
use crate::ledger::gate::{Gate, TTL};
use crate::support::{change, ok, reservation_id, user};

/// What the record says after its terms were changed. The gate is not told.
pub(crate) async fn written(gate: &Gate, terms: TermsPatch) -> RecordState {
    change(&gate.record, gate.product, Change { terms, ..Change::default() }).await.1
}

/// Terms that the record and the gate have.
pub(crate) async fn put(gate: &Gate, terms: TermsPatch) {
    gate.adopt(written(gate, terms).await).await;
}

/// Now by the ledger's clock, which stands still: a hold's deadline tells.
pub(crate) async fn now(gate: &Gate) -> i64 {
    let asking = user("what time is it");
    let hold = gate.held(&asking, 1).await;
    gate.release(&asking).await;
    hold.expires_at.as_millis() - i64::try_from(TTL).unwrap_or(i64::MAX)
}

pub(crate) fn starting(at: i64) -> TermsPatch {
    TermsPatch { starts_at: Edit::Set(Timestamp::from_millis(at)), ..TermsPatch::default() }
}

pub(crate) fn ending(at: i64) -> TermsPatch {
    TermsPatch { ends_at: Edit::Set(Timestamp::from_millis(at)), ..TermsPatch::default() }
}

pub(crate) fn limited(to: u32) -> TermsPatch {
    TermsPatch { max_per_reservation: Edit::Set(ok(Quantity::new(to))), ..TermsPatch::default() }
}

fn not_started(starts_at: i64, in_ms: u64) -> ReserveOutcome {
    let (starts_at, starts_in) = (Timestamp::from_millis(starts_at), Duration::from_millis(in_ms));
    ReserveOutcome::Refused(TermsRefusal::NotStarted { starts_at, starts_in })
}

fn ended(ends_at: i64) -> ReserveOutcome {
    ReserveOutcome::Refused(TermsRefusal::Ended { ends_at: Timestamp::from_millis(ends_at) })
}

fn over(limit: u32) -> ReserveOutcome {
    ReserveOutcome::Refused(TermsRefusal::OverLimit { max_per_reservation: ok(Quantity::new(limit)) })
}

/// "`now < starts_at` is too early": one millisecond before it, and no more at it. For every instance.
pub async fn a_sale_starts_at_its_millisecond(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    let ada = user("ada");
    let start = now(&gate).await + 1000;
    put(&gate, starting(start)).await;
    assert_eq!(gate.reserve(&ada, 1).await, not_started(start, 1000));
    fixture.advance_clock(999).await;
    assert_eq!(gate.reserve(&ada, 1).await, not_started(start, 1));
    assert_eq!(gate.second(fixture).reserve(&ada, 1).await, not_started(start, 1));
    assert_eq!((gate.hold(&ada).await, gate.status().await), (None, (7, 0, 7)));
    fixture.advance_clock(1).await;
    gate.held(&ada, 1).await;
    gate.second(fixture).held(&user("ben"), 6).await;
}

/// "`now >= ends_at` too late": one millisecond before it is not.
pub async fn a_sale_ends_at_its_millisecond(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 7).await;
    let end = now(&gate).await + 1000;
    put(&gate, ending(end)).await;
    fixture.advance_clock(999).await;
    gate.held(&user("ada"), 1).await;
    fixture.advance_clock(1).await;
    assert_eq!(gate.reserve(&user("ben"), 1).await, ended(end));
    assert_eq!(gate.second(fixture).reserve(&user("ben"), 1).await, ended(end));
    assert_eq!(gate.status().await, (7, 1, 6));
}

/// "A hold that stands is not bound by them": it may be lowered, paid for and released until its own deadline; not raised.
pub async fn a_hold_outlives_the_end_of_its_sale(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 12).await;
    let (ada, ben) = (user("ada"), user("ben"));
    let of_ada = gate.held(&ada, 3).await;
    let of_ben = gate.held(&ben, 3).await;
    let end = now(&gate).await + 1000;
    put(&gate, ending(end)).await;
    fixture.advance_clock(1000).await;
    assert_eq!(gate.reserve(&ada, 4).await, ended(end));
    assert_eq!(gate.hold(&ada).await, Some(of_ada));
    assert_eq!(gate.set(&ada, 3).await, of_ada);
    let lowered = gate.set(&ada, 2).await;
    assert_eq!((lowered.reservation, lowered.expires_at), (of_ada.reservation, of_ada.expires_at));
    // What was given back is not had again.
    assert_eq!(gate.reserve(&ada, 3).await, ended(end));
    assert_eq!(gate.release(&ben).await, ReleaseOutcome::Released(of_ben));
    assert_eq!(gate.begin(&ada).await.0, lowered);
    assert_eq!(gate.status().await, (12, 2, 10));
}

/// The start binds as the end does, if it is put off while a hold stands.
pub async fn a_hold_outlives_a_start_that_is_put_off(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 12).await;
    let ada = user("ada");
    gate.held(&ada, 3).await;
    let start = now(&gate).await + 1000;
    put(&gate, starting(start)).await;
    assert_eq!(gate.reserve(&ada, 4).await, not_started(start, 1000));
    gate.set(&ada, 2).await;
    fixture.advance_clock(1000).await;
    gate.set(&ada, 4).await;
}

/// The limit is on what one user holds, made at once or raised; what they hold above it may only become less.
pub async fn a_limit_is_on_each_hold(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 20).await;
    let (ada, ben, cyd) = (user("ada"), user("ben"), user("cyd"));
    let of_cyd = gate.held(&cyd, 6).await;
    put(&gate, limited(2)).await;
    assert_eq!(gate.reserve(&ada, 3).await, over(2));
    let of_ada = gate.held(&ada, 2).await;
    assert_eq!(gate.reserve(&ada, 3).await, over(2));
    assert_eq!(gate.hold(&ada).await, Some(of_ada));
    gate.held(&ben, 1).await;
    gate.set(&ben, 2).await;
    assert_eq!(gate.reserve(&cyd, 7).await, over(2));
    assert_eq!(gate.hold(&cyd).await, Some(of_cyd));
    gate.set(&cyd, 5).await;
    assert_eq!(gate.reserve(&cyd, 6).await, over(2));
}

/// "The order of the checks": whether the sale is on, the limit, the stock.
pub async fn terms_come_before_the_stock(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 1).await;
    let ada = user("ada");
    let start = now(&gate).await + 1000;
    let terms = TermsPatch { max_per_reservation: limited(2).max_per_reservation, ..starting(start) };
    put(&gate, TermsPatch { ends_at: ending(start + 1000).ends_at, ..terms }).await;
    assert_eq!(gate.reserve(&ada, 5).await, not_started(start, 1000));
    fixture.advance_clock(1000).await;
    assert_eq!(gate.reserve(&ada, 5).await, over(2));
    assert_eq!(gate.refused(&ada, 2).await, (1, 0, 1));
    fixture.advance_clock(1000).await;
    assert_eq!(gate.reserve(&ada, 5).await, ended(start + 1000));
}

/// "The order of the checks": the key and a checkout under way come before the terms.
pub async fn terms_come_after_keys_and_checkouts(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 9).await;
    let (ada, ben) = (user("ada"), user("ben"));
    let ReserveOutcome::Held { hold, created: true } = gate.reserve_keyed(&ada, 3, "key").await else {
        panic!("expected a new hold");
    };
    gate.held(&ben, 3).await;
    gate.begin(&ben).await;
    let end = now(&gate).await + 1000;
    let terms = TermsPatch { max_per_reservation: limited(1).max_per_reservation, ..ending(end) };
    put(&gate, terms).await;
    fixture.advance_clock(1000).await;
    assert_eq!(gate.reserve_keyed(&ada, 3, "key").await, ReserveOutcome::Replayed(hold));
    assert_eq!(gate.reserve_keyed(&ada, 4, "key").await, ReserveOutcome::KeyReused);
    assert_eq!(gate.reserve_keyed(&ada, 4, "another").await, ended(end));
    assert_eq!(gate.reserve(&ben, 4).await, ReserveOutcome::CheckoutInProgress);
    // A refused call keeps no key: it can be made again with another quantity.
    assert!(matches!(gate.reserve_keyed(&ada, 2, "another").await, ReserveOutcome::Held { created: false, .. }));
}

/// "A gate that has a version has the terms of that version": by adoption, in whatever order the states arrive.
pub async fn terms_are_adopted_by_their_version(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 20).await;
    let ada = user("ada");
    let first = written(&gate, limited(1)).await;
    let second = written(&gate, limited(2)).await;
    let third = gate.restock(1).await;
    let clear = TermsPatch { max_per_reservation: Edit::Clear, ..TermsPatch::default() };
    let fourth = written(&gate, clear).await;
    for (state, limit) in [(first, 1), (second, 2), (first, 2), (third, 2), (second, 2)] {
        gate.adopt(state).await;
        assert_eq!(gate.reserve(&ada, 9).await, over(limit));
    }
    // The end of a hold brings them as well.
    gate.finish(&user("nobody"), reservation_id(), Some(fourth)).await;
    gate.held(&ada, 9).await;
    gate.finish(&user("nobody"), reservation_id(), Some(third)).await;
    gate.set(&ada, 10).await;
    let fifth = written(&gate, limited(3)).await;
    gate.finish(&user("nobody"), reservation_id(), Some(fifth)).await;
    assert_eq!(gate.second(fixture).reserve(&ada, 11).await, over(3));
}

/// An opening brings the terms of its version, and keeps those of a later one.
pub async fn terms_survive_a_reopening(fixture: &dyn LedgerFixture) {
    let gate = Gate::closed(fixture, 20).await;
    let ada = user("ada");
    written(&gate, limited(3)).await;
    gate.reopen().await;
    assert_eq!(gate.reserve(&ada, 4).await, over(3));
    gate.reopen().await;
    assert_eq!(gate.reserve(&ada, 4).await, over(3));
    // What the gate had not heard of comes with the opening.
    written(&gate, limited(4)).await;
    gate.reopen().await;
    assert_eq!(gate.reserve(&ada, 5).await, over(4));
    let leave = ok(gate.ledger.claim_opening(gate.product).await);
    let opening = gate.next_epoch().await;
    put(&gate, limited(2)).await;
    let later = written(&gate, limited(1)).await;
    gate.finish(&user("nobody"), reservation_id(), Some(later)).await;
    assert!(ok(gate.ledger.open(gate.product, leave, opening).await));
    assert_eq!(gate.reserve(&ada, 4).await, over(1));
    ok(gate.ledger.forget(gate.product).await);
    gate.reopen().await;
    assert_eq!(gate.reserve(&ada, 4).await, over(1));
}

/// The terms bind buyers: what the shop itself takes off sale, it takes under any of them.
pub async fn an_unbound_call_is_under_no_terms(fixture: &dyn LedgerFixture) {
    let gate = Gate::open(fixture, 40).await;
    let start = now(&gate).await + 1000;
    let terms = TermsPatch { max_per_reservation: limited(1).max_per_reservation, ..starting(start) };
    put(&gate, TermsPatch { ends_at: ending(start + 1000).ends_at, ..terms }).await;
    for refused in [not_started(start, 1000), over(1), ended(start + 1000)] {
        // Alone, or at the same moment as others of its kind.
        let withdrawals = (0..4).map(|_| {
            let shop = UserId::from_store(&format!("\u{1}withdrawal:{}", reservation_id()));
            gate.reserve_call(ReserveCall { caller: Caller::Shop, ..gate.call(&shop, 2) })
        });
        for withdrawn in join_all(withdrawals).await {
            assert!(matches!(withdrawn, ReserveOutcome::Held { created: true, .. }), "{withdrawn:?}");
        }
        // The same name does not free a call that is bound.
        let another = UserId::from_store(&format!("\u{1}withdrawal:{}", reservation_id()));
        assert_eq!(gate.reserve(&another, 2).await, refused);
        fixture.advance_clock(1000).await;
    }
    assert_eq!(gate.status().await, (40, 24, 16));
}
