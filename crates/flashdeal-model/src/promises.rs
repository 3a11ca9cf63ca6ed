//! The promises (protocol, "Promises"), each a property that holds in every state.

use stateright::Property;

use crate::checkout::Call;
use crate::gate::Age;
use crate::ids::{CallId, PerCall, Reservation, Units, User};
use crate::model::Protocol;
use crate::record::Settlement;
use crate::state::{Broken, Fact, State};

/// Promise 1.
pub const NEVER_OVERSOLD: &str = "never more is sold than the record had";
/// Promises 1 and 3.
pub const SETTLED_ONCE: &str = "a reservation is settled at most once";
/// Promise 2.
pub const ORDERS_ARE_DURABLE: &str = "an acknowledged order is in the record for ever";
/// Promise 2.
pub const NO_IS_FINAL: &str = "a no is final";
/// Promise 3.
pub const RELEASED_IS_NOT_SOLD: &str = "a released hold is never sold";
/// Promise 3.
pub const NO_UNIT_LEAKS: &str = "from any state the background frees every unit";
/// Promise 4.
pub const LIVE_HOLD_IS_HONOURED: &str = "a live hold is refused only if the gate lost it";
/// Promise 4.
pub const HOLD_FINDS_STOCK: &str = "a hold that the gate remembers never meets no stock";
/// Promise 4, before anyone notices.
pub const GATE_IS_BACKED: &str = "the gate promises nothing that the record has not";
/// Promise 5.
pub const LEDGER_SUMS: &str = "the ledger's deltas sum to the stock";
/// Promise 5.
pub const STATUS_ADDS_UP: &str = "total = reserved + available";

/// Every promise.
#[must_use]
pub fn properties() -> Vec<Property<Protocol>> {
    vec![
        Property::always(NEVER_OVERSOLD, |_, s: &State| {
            s.record.row.total >= 0 && s.record.sold() <= s.record.allotted
        }),
        Property::always(SETTLED_ONCE, |_, s: &State| {
            Reservation::all().all(|r| s.record.rows[r].sold + s.record.rows[r].void <= 1)
        }),
        Property::always(ORDERS_ARE_DURABLE, |_, s: &State| told(s, Fact::Acknowledged).all(|r| sold(s, r))),
        Property::always(NO_IS_FINAL, |_, s: &State| {
            told(s, Fact::Refused).all(|r| !sold(s, r) || s.facts[r].has(Fact::BroughtBack))
        }),
        Property::always(RELEASED_IS_NOT_SOLD, |_, s: &State| {
            told(s, Fact::Released).all(|r| !sold(s, r) || s.facts[r].has(Fact::BroughtBack))
        }),
        Property::always(NO_UNIT_LEAKS, |model, s: &State| nothing_leaks(model, s)),
        Property::always(LIVE_HOLD_IS_HONOURED, |_, s: &State| !matches!(s.broken, Some(Broken::LiveHoldRefused(_)))),
        Property::always(HOLD_FINDS_STOCK, |_, s: &State| !matches!(s.broken, Some(Broken::NoStockForHold(_)))),
        Property::always(GATE_IS_BACKED, |_, s: &State| gate_is_backed(s)),
        Property::always(LEDGER_SUMS, |_, s: &State| s.record.ledger_sum() == s.record.row.total),
        Property::always(STATUS_ADDS_UP, |_, s: &State| status_adds_up(s)),
    ]
}

fn told(state: &State, fact: Fact) -> impl Iterator<Item = Reservation> {
    Reservation::all().filter(move |r| state.facts[*r].has(fact))
}

fn sold(state: &State, reservation: Reservation) -> bool {
    state.record.settlement(reservation) == Some(Settlement::Sold)
}

fn status_adds_up(state: &State) -> bool {
    let Some(book) = state.gate.memory.book else {
        return true;
    };
    let held = User::all().filter_map(|user| book.holds[user]).map(|hold| hold.quantity);
    let status = book.status();
    book.reserved == held.sum::<Units>()
        && status.total == status.reserved + status.available
        && status.available >= 0
        && status.reserved >= 0
}

/// What an open, unfenced gate can still promise is what the record has, less the holds that may yet be sold.
fn gate_is_backed(state: &State) -> bool {
    let Some(book) = state.gate.memory.book else {
        return true;
    };
    if !state.gate.is_open() || book.epoch != state.record.row.epoch {
        return true;
    }
    let unsettled = User::all()
        .filter_map(|user| book.holds[user])
        .filter(|hold| state.record.settlement(hold.reservation).is_none())
        .map(|hold| hold.quantity);
    book.total - book.reserved <= state.record.row.total - unsettled.sum::<Units>()
}

/// Everyone dies, every deadline passes, nothing in flight lands, and then the background does its rounds, undisturbed:
/// no hold is left, and the gate has what the record has.
fn nothing_leaks(model: &Protocol, state: &State) -> bool {
    let rules = model.0.rules;
    let mut end = state.clone();
    end.calls = PerCall::default();
    for call in CallId::all() {
        end.calls[call] = Call::Done;
    }
    for reservation in Reservation::all() {
        end.clock[reservation] = Age::Overdue;
    }
    let current = end.gate.memory.book.map(|book| book.epoch) == Some(end.record.row.epoch);
    if !(end.gate.is_open() && current) {
        end.open_at_once(rules);
    }
    let Ok(book) = end.gate.script(&end.clock) else {
        return false;
    };
    let paying: Vec<_> = User::all().filter_map(|user| book.holds[user]).filter(|_| rules.settle).collect();
    for hold in paying {
        end.settle_look(hold.reservation);
        end.settle_ask(&model.0, hold.reservation);
        end.settle_finish(&model.0, hold.reservation, end.record.row);
    }
    end.adopt(end.record.row);
    end.gate.memory.book.is_some_and(|book| {
        let empty = User::all().all(|user| book.holds[user].is_none());
        empty && book.reserved == 0 && book.total == end.record.row.total
    })
}
