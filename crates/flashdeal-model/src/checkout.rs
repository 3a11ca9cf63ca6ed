//! The calls of buyers (protocol, "Checkout", and `release` of "The gate"): the program of one attempt, step by step.
//!
//! A process that dies takes no further step, and so any attempt may stay where it is for ever: a crash needs no step of
//! its own. What its last message does is [`Step::Land`].

use crate::config::Config;
use crate::gate::{Begin, Release, Reserve};
use crate::ids::{CallId, Reservation, Units, User};
use crate::record::{Commit, RecordState, Sale, Settlement};
use crate::state::{Broken, Fact, State};
use crate::step::{Answer, Step};

/// Where a call is in its program. `in_time` says that it began before the hold's deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Call {
    /// Not made yet.
    #[default]
    Idle,
    /// It was fenced: the gate is reopened, then step 1 again.
    Again(Reservation, bool),
    /// Step 1 is done, the hold is paying: step 2.
    Begun(Sale, bool),
    /// The gate has no such hold: look into the record.
    Missing(Reservation, bool),
    /// The record must void it before the answer.
    Voiding(Reservation, Reply),
    /// The record has settled it: step 3.
    Finishing(Reservation, RecordState, Reply),
    /// Answered, or given up.
    Done,
}

/// What the owner is told at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reply {
    /// 2xx: the order.
    Order,
    /// 4xx to a checkout: no, for ever.
    No,
    /// 2xx to a release.
    Released,
    /// 4xx to a release: too late, it is sold.
    TooLate,
}

/// What a buyer, or the shop, may do next.
pub fn offers(config: &Config, state: &State, user: User, steps: &mut Vec<Step>) {
    let shop = user == User::SHOP;
    let most = if shop { 1 } else { config.quantity };
    let each = if shop { state.left.decreases } else { config.reservations_each };
    let candidate = user.reservations().take(usize::from(each)).find(|r| !state.made(*r));
    let has_hold = state.gate.memory.book.is_some_and(|book| book.holds[user].is_some());
    if candidate.is_some() || (has_hold && !shop) {
        steps.extend((1..=most).map(|quantity| Step::Reserve { user, quantity, candidate }));
    }
    let Some(reservation) = state.latest(user) else {
        return;
    };
    let calls = if shop { 1 } else { config.calls_each };
    for call in user.calls().take(usize::from(calls)) {
        offer_call(config, state, call, reservation, steps);
        if state.calls[call] == Call::Idle {
            // Calls are alike: the second is made after the first.
            break;
        }
    }
}

fn offer_call(config: &Config, state: &State, id: CallId, latest: Reservation, steps: &mut Vec<Step>) {
    match state.calls[id] {
        Call::Idle => {
            steps.push(Step::Begin(id, latest));
            if config.releases && id.user != User::SHOP {
                steps.push(Step::Release(id));
            }
        }
        Call::Again(reservation, _) => steps.push(Step::Begin(id, reservation)),
        Call::Begun(sale, _) => {
            steps.push(Step::Commit(id, sale));
            if config.lost_answers || !config.rules.unknown_is_not_failed {
                steps.push(Step::LoseConnection(id, sale));
            }
            if !config.rules.never_revert {
                steps.push(Step::Revert(id, sale.reservation));
            }
        }
        Call::Missing(reservation, _) => steps.push(Step::LookUp(id, reservation)),
        Call::Voiding(reservation, _) => steps.push(Step::Void(id, reservation)),
        Call::Finishing(reservation, record, _) => {
            steps.push(Step::Finish(id, reservation, record));
            steps.push(Step::AnswerAnyway(id, reservation));
        }
        Call::Done => {}
    }
}

impl State {
    pub(crate) fn reserve(&mut self, user: User, candidate: Option<Reservation>, quantity: Units) -> Answer {
        let book = match self.gate.script(&self.clock) {
            Ok(book) => book,
            Err(closed) => return Answer::Closed(closed),
        };
        let outcome = book.reserve(user, candidate, quantity);
        if let Reserve::Created(hold) = outcome {
            self.facts[hold.reservation].note(Fact::Made);
        }
        Answer::Reserve(outcome)
    }

    /// Step 1. "No hold: look the reservation up in the record."
    pub(crate) fn begin(&mut self, id: CallId, reservation: Reservation) -> Answer {
        let in_time = match self.calls[id] {
            Call::Again(_, in_time) => in_time,
            _ => self.in_time(reservation),
        };
        let book = match self.gate.script(&self.clock) {
            Ok(book) => book,
            Err(closed) => return Answer::Closed(closed),
        };
        let outcome = book.begin(reservation);
        self.calls[id] = match outcome {
            Begin::Paying(hold, epoch) => {
                let sale = Sale { reservation, epoch, quantity: hold.quantity };
                Call::Begun(sale, in_time)
            }
            Begin::NoHold => Call::Missing(reservation, in_time),
        };
        Answer::Begin(outcome)
    }

    /// "Sold → the order; else 404."
    pub(crate) fn look_up(&mut self, id: CallId, reservation: Reservation) -> Answer {
        let settled = self.record.settlement(reservation);
        match settled {
            Some(Settlement::Sold) => self.reply(id, reservation, Reply::Order),
            _ => self.refuse(id, reservation),
        }
        Answer::Settlement(settled, self.record.row)
    }

    /// Step 2. `Sold` → 3. `Fenced` → reopen, then 1 again. `Void` → 404. `NoStock`: only a gate that lost memory can have
    /// promised it; a no must be final, so the record voids the reservation before the answer.
    pub(crate) fn commit(&mut self, config: &Config, id: CallId, sale: Sale) -> Answer {
        let in_time = matches!(self.calls[id], Call::Begun(_, true));
        let outcome = self.commit_one(config, sale);
        let reservation = sale.reservation;
        match outcome {
            Commit::Sold => {
                self.calls[id] = Call::Finishing(reservation, self.record.row, Reply::Order);
            }
            Commit::Fenced => self.calls[id] = Call::Again(reservation, in_time),
            Commit::Void => self.refuse(id, reservation),
            Commit::NoStock => {
                if !self.facts[reservation].has(Fact::Lost) {
                    self.broken = Some(Broken::NoStockForHold(reservation));
                }
                self.calls[id] = Call::Voiding(reservation, Reply::No);
            }
        }
        Answer::Commit(outcome, self.record.row)
    }

    /// "Lost connection → the same call again": the attempt stays at step 2, and its first message is on its way.
    /// Without the rule `unknown_is_not_failed` the attempt gives the units back and says no.
    pub(crate) fn lose_connection(&mut self, config: &Config, id: CallId, sale: Sale) -> Answer {
        self.send(sale);
        if !config.rules.unknown_is_not_failed {
            let row = self.record.row;
            if let Ok(book) = self.gate.script(&self.clock) {
                book.finish(config.rules, sale.reservation, row);
            }
            self.reply(id, sale.reservation, Reply::No);
        }
        Answer::Done
    }

    pub(crate) fn land(&mut self, config: &Config, sale: Sale) -> Answer {
        let outcome = self.commit_one(config, sale);
        Answer::Commit(outcome, self.record.row)
    }

    fn commit_one(&mut self, config: &Config, sale: Sale) -> Commit {
        let answers = self.record.commit_batch(config.rules, &[sale]);
        answers.first().copied().unwrap_or(Commit::NoStock)
    }

    /// What the rule `never_revert` forbids: an error, a hold that is held again, and a 503.
    pub(crate) fn revert(&mut self, id: CallId, reservation: Reservation) -> Answer {
        if let Ok(book) = self.gate.script(&self.clock) {
            book.revert(reservation);
        }
        self.calls[id] = Call::Done;
        Answer::Done
    }

    /// `void_batch`, "then as it answers".
    pub(crate) fn void(&mut self, id: CallId, reservation: Reservation) -> Answer {
        let release = matches!(self.calls[id], Call::Voiding(_, Reply::Released));
        let settled = self.record.void_batch(&[reservation]).first().copied();
        let reply = match (settled, release) {
            (Some(Settlement::Sold), false) => Reply::Order,
            (Some(Settlement::Sold), true) => Reply::TooLate,
            (_, false) => Reply::No,
            (_, true) => Reply::Released,
        };
        self.calls[id] = Call::Finishing(reservation, self.record.row, reply);
        Answer::Settlement(settled, self.record.row)
    }

    /// Step 3: "`finish`; then the buyer is answered."
    pub(crate) fn finish(
        &mut self,
        config: &Config,
        id: CallId,
        reservation: Reservation,
        record: RecordState,
    ) -> Answer {
        let book = match self.gate.script(&self.clock) {
            Ok(book) => book,
            Err(closed) => return Answer::Closed(closed),
        };
        book.finish(config.rules, reservation, record);
        self.answer_anyway(id, reservation)
    }

    /// "If it is not acknowledged within 100 ms the buyer is answered all the same."
    pub(crate) fn answer_anyway(&mut self, id: CallId, reservation: Reservation) -> Answer {
        match self.calls[id] {
            Call::Finishing(_, _, Reply::No) => self.refuse(id, reservation),
            Call::Finishing(_, _, reply) => self.reply(id, reservation, reply),
            _ => {}
        }
        Answer::Done
    }

    /// "`held` → gone. `paying` → the record first (`void_batch`), then gone."
    pub(crate) fn release(&mut self, id: CallId) -> Answer {
        let book = match self.gate.script(&self.clock) {
            Ok(book) => book,
            Err(closed) => return Answer::Closed(closed),
        };
        let outcome = book.release(id.user);
        match outcome {
            Release::Released(hold) => {
                self.facts[hold.reservation].note(Fact::ReleaseAsked);
                self.reply(id, hold.reservation, Reply::Released);
            }
            Release::Paying(hold) => {
                self.facts[hold.reservation].note(Fact::ReleaseAsked);
                self.calls[id] = Call::Voiding(hold.reservation, Reply::Released);
            }
            Release::NoHold => self.calls[id] = Call::Done,
        }
        Answer::Release(outcome)
    }

    /// A final no. It breaks a promise if the checkout began in time, the gate lost nothing, and no release was asked for.
    fn refuse(&mut self, id: CallId, reservation: Reservation) {
        let began_in_time = match self.calls[id] {
            Call::Begun(_, in_time) | Call::Missing(_, in_time) => in_time,
            // A hold that met no stock: if that broke a promise, it did so there.
            _ => false,
        };
        let facts = self.facts[reservation];
        if began_in_time && !facts.has(Fact::Lost) && !facts.has(Fact::ReleaseAsked) {
            self.broken = Some(Broken::LiveHoldRefused(reservation));
        }
        self.reply(id, reservation, Reply::No);
    }

    fn reply(&mut self, id: CallId, reservation: Reservation, reply: Reply) {
        let lost = self.facts[reservation].has(Fact::Lost);
        let facts = &mut self.facts[reservation];
        match reply {
            Reply::Order => facts.note(Fact::Acknowledged),
            Reply::No => facts.note(Fact::Refused),
            // A gate that lost memory may release as held what is sold, or being sold.
            Reply::Released if !lost => facts.note(Fact::Released),
            Reply::Released | Reply::TooLate => {}
        }
        self.calls[id] = Call::Done;
    }
}
