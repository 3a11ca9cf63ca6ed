//! The checker itself, on histories made by hand: what is right is explained, what is wrong is found.

use flashdeal_tests::linear::model::Did;
use flashdeal_tests::linear::{Event, Verdict, check};

/// Far beyond every time of these histories.
const LATER: i64 = 1_000_000_000;

fn call(user: usize, from: i64, to: i64, did: Did) -> Event {
    Event { user, call: 0, did, from: from * 1000, to: to * 1000, answered: true }
}

fn unanswered(user: usize, from: i64, did: Did) -> Event {
    Event { user, call: 0, did, from: from * 1000, to: LATER, answered: false }
}

/// One of several attempts at the reserve with this number.
fn attempt(number: u16, event: Event) -> Event {
    Event { call: number, ..event }
}

fn maybe_held(user: usize, from: i64, quantity: i32) -> Event {
    unanswered(user, from, Did::MaybeHeld { quantity, deadline: LATER })
}

fn held(id: u16, quantity: i32) -> Did {
    Did::Held { id, quantity, deadline: LATER, created: Some(true) }
}

/// Bought, and the gate knew of it before the buyer did: `to` is when they were answered, in milliseconds.
fn sold(id: u16, quantity: i32, to: i64) -> Did {
    Did::Sold { id, quantity, lingers: to * 1000 }
}

fn status(total: i32, reserved: i32) -> Did {
    Did::Status { total, reserved }
}

#[track_caller]
fn right(stock: i32, history: &[Event]) {
    assert_eq!(check(stock, history), Verdict::Explained);
}

#[track_caller]
fn wrong(stock: i32, history: &[Event]) {
    let verdict = check(stock, history);
    assert!(matches!(verdict, Verdict::Contradiction { .. }), "{verdict:?}");
}

#[test]
fn a_sale_one_after_the_other_is_explained() {
    let sale = [
        call(0, 0, 1, held(1, 3)),
        call(1, 2, 3, Did::Insufficient { quantity: 3 }),
        call(1, 4, 5, held(2, 2)),
        call(2, 6, 7, status(5, 5)),
        call(0, 8, 9, sold(1, 3, 9)),
        call(2, 10, 11, status(2, 2)),
        call(1, 12, 13, Did::Released { id: 2, quantity: 2 }),
        call(1, 14, 15, Did::HasNone),
        call(2, 16, 17, status(2, 0)),
        call(2, 18, 19, Did::Added { units: 4 }),
        call(2, 20, 21, status(6, 0)),
    ];
    right(5, &sale);
}

#[test]
fn calls_that_overlap_may_have_happened_in_any_order() {
    let refused_first = [call(0, 0, 10, held(1, 2)), call(1, 0, 10, Did::Insufficient { quantity: 2 })];
    right(2, &refused_first);
    let seen_early = [call(0, 0, 10, held(1, 2)), call(1, 1, 2, status(3, 2)), call(1, 3, 4, status(3, 2))];
    right(3, &seen_early);
    let seen_and_unseen = [call(0, 0, 10, held(1, 2)), call(1, 1, 2, status(3, 2)), call(1, 3, 4, status(3, 0))];
    wrong(3, &seen_and_unseen);
}

#[test]
fn an_oversell_is_found() {
    wrong(3, &[call(0, 0, 10, held(1, 2)), call(1, 0, 10, held(2, 2))]);
    let sold_twice = [
        call(0, 0, 1, held(1, 2)),
        call(0, 2, 3, sold(1, 2, 3)),
        call(0, 4, 5, sold(1, 2, 5)),
        call(1, 6, 7, status(0, 0)),
    ];
    wrong(4, &sold_twice);
}

#[test]
fn a_lost_hold_is_found() {
    let refused = [call(0, 0, 1, held(1, 2)), call(0, 2, 3, Did::NotSold { id: 1 })];
    wrong(3, &refused);
    let unseen = [call(0, 0, 1, held(1, 2)), call(1, 2, 3, status(3, 0))];
    wrong(3, &unseen);
    let given_to_another = [call(0, 0, 1, held(1, 2)), call(1, 2, 3, held(2, 2))];
    wrong(3, &given_to_another);
    let forgotten = |by: i64| [refused[0], refused[1], call(2, by, by + 1, Did::Forgot)];
    right(3, &forgotten(1));
    wrong(3, &forgotten(4));
}

#[test]
fn a_stale_status_is_found() {
    let sale = [call(0, 0, 1, held(1, 2)), call(0, 2, 3, sold(1, 2, 3))];
    right(3, &[sale[0], sale[1], call(1, 4, 5, status(1, 0))]);
    wrong(3, &[sale[0], sale[1], call(1, 4, 5, status(3, 2))]);
    wrong(3, &[sale[0], sale[1], call(1, 4, 5, status(3, 0))]);
    wrong(3, &[call(0, 0, 1, Did::Added { units: 1 }), call(1, 2, 3, status(3, 0))]);
}

#[test]
fn a_leak_is_found() {
    let released = [call(0, 0, 1, held(1, 2)), call(0, 2, 3, Did::Released { id: 1, quantity: 2 })];
    wrong(2, &[released[0], released[1], call(1, 4, 5, Did::Insufficient { quantity: 1 })]);
    wrong(2, &[released[0], released[1], call(1, 4, 5, status(2, 2))]);
}

#[test]
fn an_unanswered_call_may_have_happened_or_not_but_not_half() {
    let maybe = unanswered(0, 0, Did::MaybeHeld { quantity: 2, deadline: LATER });
    right(3, &[maybe, call(1, 2, 3, status(3, 0))]);
    right(3, &[maybe, call(1, 2, 3, status(3, 2))]);
    right(3, &[maybe, call(1, 2, 3, status(3, 0)), call(1, 4, 5, status(3, 2))]);
    wrong(3, &[maybe, call(1, 2, 3, status(3, 2)), call(1, 4, 5, status(3, 0))]);
    wrong(3, &[maybe, call(1, 2, 3, status(3, 1))]);
    let paid = [call(0, 0, 1, held(1, 2)), unanswered(0, 2, Did::MaybeSold { id: 1 })];
    right(3, &[paid[0], paid[1], call(1, 4, 5, status(1, 0))]);
    right(3, &[paid[0], paid[1], call(1, 4, 5, status(3, 2))]);
    wrong(3, &[paid[0], paid[1], call(1, 4, 5, status(3, 0))]);
    right(3, &[paid[0], paid[1], call(0, 4, 5, Did::InProgress)]);
    wrong(3, &[paid[0], call(0, 4, 5, Did::InProgress)]);
}

#[test]
fn a_hold_lapses_at_its_deadline_and_not_before() {
    let hold = call(0, 0, 1, Did::Held { id: 1, quantity: 2, deadline: 100_000, created: Some(true) });
    right(2, &[hold, call(1, 80, 90, Did::Insufficient { quantity: 1 })]);
    wrong(2, &[hold, call(1, 80, 90, held(2, 1))]);
    right(2, &[hold, call(1, 110, 120, held(2, 1))]);
    wrong(2, &[hold, call(1, 110, 120, Did::Insufficient { quantity: 1 })]);
    wrong(2, &[hold, call(0, 110, 120, sold(1, 2, 120))]);
    // A checkout that began in time keeps the hold while it lasts.
    let checkout = call(0, 90, 130, sold(1, 2, 130));
    right(2, &[hold, call(1, 110, 120, Did::Insufficient { quantity: 1 }), checkout]);
    wrong(2, &[hold, call(1, 110, 120, held(2, 1)), checkout]);
}

#[test]
fn a_gate_may_learn_of_a_sale_late_but_only_while_that_is_excused() {
    let sale = |lingers| [call(0, 0, 1, held(1, 2)), call(0, 2, 3, Did::Sold { id: 1, quantity: 2, lingers })];
    let late = [call(1, 10, 11, status(5, 2)), call(0, 12, 13, Did::InProgress), call(1, 14, 15, status(3, 0))];
    let history = |lingers: i64| {
        let [first, second] = sale(lingers);
        [first, second, late[0], late[1], late[2]]
    };
    right(5, &history(20_000));
    let [first, second] = sale(20_000);
    right(5, &[first, second, late[0], call(0, 12, 13, sold(1, 2, 13)), late[2]]);
    wrong(5, &history(5_000));
}

#[test]
fn the_same_hold_keeps_its_id() {
    let set = |id, created| Did::Held { id, quantity: 1, deadline: LATER, created: Some(created) };
    right(3, &[call(0, 0, 1, held(1, 2)), call(0, 2, 3, set(1, false)), call(1, 4, 5, status(3, 1))]);
    wrong(3, &[call(0, 0, 1, held(1, 2)), call(0, 2, 3, set(2, false))]);
    wrong(3, &[call(0, 0, 1, held(1, 2)), call(0, 2, 3, set(2, true))]);
    wrong(3, &[call(0, 2, 3, set(1, false))]);
}

/// Given up long ago: whatever is frozen, or starved, goes on where it was.
fn given_up(user: usize, from: i64, to: i64, did: Did) -> Event {
    Event { answered: false, ..call(user, from, to, did) }
}

#[test]
fn a_call_that_was_given_up_may_happen_at_any_time_later() {
    let minute = 60_000;
    let maybe = given_up(0, 0, 5, Did::MaybeHeld { quantity: 2, deadline: 10 * LATER });
    right(3, &[maybe, call(1, minute, minute + 1, status(3, 0)), call(1, minute + 2, minute + 3, status(3, 2))]);
    let added = given_up(1, 0, 5, Did::MaybeAdded { units: 4 });
    right(6, &[added, call(0, minute, minute + 1, status(6, 0)), call(0, minute + 2, minute + 3, status(10, 0))]);
    wrong(6, &[added, call(0, minute, minute + 1, status(10, 0)), call(0, minute + 2, minute + 3, status(6, 0))]);
    // It is no excuse for what else is wrong, nor does it make holds lapse before their time.
    let hold = call(2, 6, 7, Did::Held { id: 1, quantity: 2, deadline: 2 * LATER, created: Some(true) });
    wrong(6, &[added, hold, call(0, 10, 11, status(10, 0))]);
    wrong(6, &[added, hold, call(2, 10, 11, Did::NotSold { id: 1 })]);
}

#[test]
fn each_attempt_at_a_release_may_take_a_hold_away() {
    let again = |at| [call(0, at, at + 1, held(0, 1)), call(0, at + 2, at + 3, Did::HasNone)];
    let [first, gone] = again(10);
    let [second, gone_too] = again(20);
    let second = Event { did: held(2, 1), ..second };
    let first = Event { did: held(1, 1), ..first };
    let (one, other) = (given_up(0, 0, 5, Did::MaybeReleased), given_up(0, 6, 9, Did::MaybeReleased));
    right(3, &[one, other, first, gone, second, gone_too]);
    wrong(3, &[one, first, gone, second, gone_too]);
    wrong(3, &[one, first, gone, call(0, 20, 21, Did::Released { id: 1, quantity: 1 })]);
}

#[test]
fn attempts_at_one_reserve_make_one_hold_unless_their_key_is_forgotten() {
    let (one, other) = (attempt(7, maybe_held(0, 0, 2)), attempt(7, maybe_held(0, 1, 2)));
    let ended =
        [call(0, 10, 11, Did::Released { id: 1, quantity: 2 }), call(0, 12, 13, Did::Has { id: 2, quantity: 2 })];
    wrong(3, &[one, other, ended[0], ended[1]]);
    right(3, &[one, attempt(8, other), ended[0], ended[1]]);
    let lost = call(1, 11, 12, Did::Forgot);
    right(3, &[one, other, ended[0], ended[1], lost]);
    let answered = attempt(7, call(0, 0, 5, Did::Held { id: 1, quantity: 2, deadline: LATER, created: None }));
    wrong(3, &[answered, other, ended[0], ended[1]]);
    right(3, &[answered, other, ended[0], ended[1], lost]);
    // It is remembered as long as the hold would have lasted.
    let short = |did| match did {
        Did::MaybeHeld { quantity, .. } => Did::MaybeHeld { quantity, deadline: 9_000 },
        other => other,
    };
    let [one, other] = [one, other].map(|event| Event { did: short(event.did), ..event });
    right(3, &[one, other, call(1, 8, 10, status(3, 0)), ended[1]]);
}

#[test]
fn an_order_may_be_answered_again_but_not_refused_afterwards() {
    let bought = [call(0, 0, 1, held(1, 2)), given_up(0, 2, 5, Did::MaybeSold { id: 1 })];
    let seen = call(1, 10, 11, status(1, 0));
    right(3, &[bought[0], bought[1], seen, call(0, 20, 21, sold(1, 2, 21)), call(1, 22, 23, status(1, 0))]);
    wrong(3, &[bought[0], bought[1], seen, call(0, 20, 21, Did::NotSold { id: 1 })]);
    let sure = call(0, 2, 3, sold(1, 2, 3));
    wrong(3, &[bought[0], sure, call(0, 20, 21, Did::NotSold { id: 1 })]);
}

#[test]
fn the_gate_may_learn_of_each_state_of_the_record() {
    // Added, then sold, and the gate heard of neither in time; it hears of one after the other.
    let history = |late: i64| {
        [
            call(0, 0, 1, held(1, 2)),
            call(1, 2, 3, Did::MaybeAdded { units: 4 }),
            call(0, 4, 5, Did::Sold { id: 1, quantity: 2, lingers: late }),
            call(1, 6, 7, status(5, 2)),
            call(1, 8, 9, status(9, 2)),
            call(1, 10, 11, status(7, 0)),
        ]
    };
    right(5, &history(LATER));
    wrong(5, &history(5_000));
    let [hold, added, sale, first, second, third] = history(LATER);
    wrong(5, &[hold, added, sale, second, call(1, 10, 11, first.did)]);
    wrong(5, &[hold, added, sale, third, call(1, 12, 13, second.did)]);
}

#[test]
fn an_increase_that_was_acknowledged_in_time_is_seen() {
    let added = |did| [call(0, 0, 1, did), call(1, 2, 3, status(3, 0))];
    wrong(3, &added(Did::Added { units: 5 }));
    right(3, &added(Did::MaybeAdded { units: 5 }));
}
