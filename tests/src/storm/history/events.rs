//! What a history means to the checker.
//!
//! No guess is made at how fast anything is. Of time it is only assumed what the server promises, and only to the side that a busy
//! machine cannot break: an answer that came sooner than the server would have given the gate up was given with the gate's leave.
//! What was not answered may happen whenever.

use crate::linear::Event;
use crate::linear::model::Did;

use super::{Asked, Fault, History, Sent, Told, Wish};

/// A sale that the gate does not acknowledge in this time is answered all the same: the gate then shows it when it can.
const FINISH_PATIENCE: i64 = 100_000;
/// The same of a change of stock: two thirds of a checkout's patience.
const ADOPTION_PATIENCE: i64 = 1_200_000;

impl History {
    /// Its calls as the checker takes them.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        let mut events: Vec<Event> = Vec::new();
        for (index, call) in self.calls.iter().enumerate() {
            let number = u16::try_from(index + 1).unwrap_or(0);
            events.extend(self.of_call(number, call));
        }
        events.extend(self.forgettings().map(|fault| Event {
            user: 0,
            call: 0,
            did: Did::Forgot,
            from: fault.from,
            to: fault.to.unwrap_or(i64::MAX),
            answered: true,
        }));
        events
    }

    fn forgettings(&self) -> impl Iterator<Item = &Fault> {
        self.faults.iter().filter(|fault| fault.forgot)
    }

    fn of_call(&self, number: u16, call: &Asked) -> Vec<Event> {
        let (Some(first), Some(last)) = (call.attempts.first(), call.attempts.last()) else { return Vec::new() };
        let answered = |did, from| Event { user: call.user, call: 0, did, from, to: last.to, answered: true };
        let unanswered =
            |did, sent: &Sent| Event { user: call.user, call: 0, did, from: sent.from, to: sent.to, answered: false };
        let open = if call.told.is_some() { call.attempts.len() - 1 } else { call.attempts.len() };
        let open = call.attempts.get(..open).unwrap_or_default();
        let once = open.is_empty();
        let mut events: Vec<Event> = match call.wish {
            Wish::Reserve { quantity } => return self.of_reserve(number, call, open, quantity),
            // An attempt that was only slow releases what comes after it: a release has no key.
            Wish::Release => open.iter().map(|sent| unanswered(Did::MaybeReleased, sent)).collect(),
            // However many attempts: the hold can be sold once.
            Wish::Checkout { id } if !matches!(call.told, Some(Told::Order { .. })) => {
                open.first().map(|sent| unanswered(Did::MaybeSold { id }, sent)).into_iter().collect()
            }
            Wish::Add { units } => open.iter().map(|sent| unanswered(Did::MaybeAdded { units }, sent)).collect(),
            Wish::Checkout { .. } | Wish::Hold | Wish::Status => Vec::new(),
        };
        let took = last.to - last.from;
        let told = match (call.wish, call.told) {
            (Wish::Checkout { id }, Some(Told::Order { quantity, created })) => {
                // The order of an attempt before, or a repeat: then it is answered without asking the gate.
                let with_the_gate = once && created && took < FINISH_PATIENCE;
                let lingers = if with_the_gate { last.to } else { i64::MAX };
                Some((Did::Sold { id, quantity, lingers }, first.from))
            }
            (Wish::Checkout { id }, Some(_)) => Some((Did::NotSold { id }, last.from)),
            (Wish::Release, Some(Told::Hold { id, quantity, .. })) => Some((Did::Released { id, quantity }, last.from)),
            (Wish::Release, Some(_)) => Some((Did::NothingReleased, last.from)),
            (Wish::Hold, Some(Told::Hold { id, quantity, .. })) => Some((Did::Has { id, quantity }, last.from)),
            (Wish::Hold, Some(_)) => Some((Did::HasNone, last.from)),
            (Wish::Status, Some(Told::Counters { total, reserved })) => {
                Some((Did::Status { total, reserved }, last.from))
            }
            (Wish::Add { units }, Some(_)) if took < ADOPTION_PATIENCE => Some((Did::Added { units }, last.from)),
            (Wish::Add { units }, Some(_)) => Some((Did::MaybeAdded { units }, last.from)),
            _ => None,
        };
        events.extend(told.map(|(did, from)| answered(did, from)));
        events
    }

    fn of_reserve(&self, number: u16, call: &Asked, open: &[Sent], quantity: i32) -> Vec<Event> {
        let (Some(first), Some(last)) = (call.attempts.first(), call.attempts.last()) else { return Vec::new() };
        // What is tried once needs no key to be told apart.
        let number = if call.attempts.len() > 1 { number } else { 0 };
        let answered = |did, from| Event { user: call.user, call: number, did, from, to: last.to, answered: true };
        let told = match call.told {
            Some(Told::Hold { id, quantity, deadline, created, replayed }) => {
                let created = (open.is_empty() && !replayed).then_some(created);
                Some(answered(Did::Held { id, quantity, deadline, created }, first.from))
            }
            Some(Told::InProgress) => Some(answered(Did::InProgress, last.from)),
            Some(_) => Some(answered(Did::Insufficient { quantity }, last.from)),
            None => None,
        };
        let maybe = |sent: &Sent| Event {
            user: call.user,
            call: number,
            did: Did::MaybeHeld { quantity, deadline: sent.from.saturating_add(self.hold_time) },
            from: sent.from,
            to: sent.to,
            answered: false,
        };
        // A gate that remembers the key gives every attempt the answer of the one that was first.
        let held = matches!(call.told, Some(Told::Hold { .. }));
        let moot = held && !self.may_forget_key_of(first.from);
        let open = if moot { &[] } else { open };
        told.into_iter().chain(open.iter().map(maybe)).collect()
    }

    /// Whether the key of a reserve that was first sent then may be forgotten within this history.
    fn may_forget_key_of(&self, sent: i64) -> bool {
        let end = self.calls.iter().flat_map(|call| &call.attempts).map(|sent| sent.to).max().unwrap_or_default();
        end.saturating_sub(sent) > self.hold_time
            || self.forgettings().any(|fault| fault.to.is_none_or(|to| to >= sent))
    }
}
