//! Time, and what goes wrong with the gate's memory.

use crate::checkout::Call;
use crate::config::Config;
use crate::gate::{Age, Memory};
use crate::ids::{Reservation, User};
use crate::state::{Fact, State};
use crate::step::{Answer, Step};

/// What may happen next.
pub fn offers(config: &Config, state: &State, steps: &mut Vec<Step>) {
    // Time matters to a reservation as long as the gate has its hold, or may get it back.
    let dated = |r: &Reservation| state.gate.memory.hold_of(*r).is_some() || state.disk.hold_of(*r).is_some();
    for reservation in Reservation::all().filter(dated).filter(|_| config.time) {
        match state.clock[reservation] {
            Age::Live => steps.push(Step::DeadlinePasses(reservation)),
            Age::Due => steps.push(Step::GracePasses(reservation)),
            Age::Overdue => {}
        }
    }
    if state.left.flushes > 0 {
        steps.push(Step::Flush);
    }
    if state.left.restarts > 0 {
        steps.push(Step::Restart);
        if state.left.persists > 0 {
            steps.push(Step::Persist);
        }
    }
}

impl State {
    pub(crate) fn deadline_passes(&mut self, reservation: Reservation) -> Answer {
        self.clock[reservation] = Age::Due;
        Answer::Done
    }

    /// "Longer than any attempt may last": those that began in time have given up (503).
    pub(crate) fn grace_passes(&mut self, reservation: Reservation) -> Answer {
        self.clock[reservation] = Age::Overdue;
        for id in Self::calls_on(reservation) {
            match self.calls[id] {
                Call::Begun(sale, true) if sale.reservation == reservation => {
                    self.calls[id] = Call::Done;
                    self.send(sale);
                }
                Call::Again(of, true) if of == reservation => self.calls[id] = Call::Done,
                _ => {}
            }
        }
        Answer::Done
    }

    pub(crate) fn flush(&mut self) -> Answer {
        self.left.flushes = self.left.flushes.saturating_sub(1);
        self.lose_all_but(Memory::default());
        Answer::Done
    }

    pub(crate) fn persist(&mut self) -> Answer {
        self.left.persists = self.left.persists.saturating_sub(1);
        self.disk = self.gate.memory;
        Answer::Done
    }

    pub(crate) fn restart(&mut self) -> Answer {
        self.left.restarts = self.left.restarts.saturating_sub(1);
        self.gate.run += 1;
        self.lose_all_but(self.disk);
        Answer::Done
    }

    /// A gate that forgot any hold has lost memory, and no hold made before that is sure. One that remembers each
    /// (`appendfsync always`) has lost nothing, whatever else it forgot.
    fn lose_all_but(&mut self, kept: Memory) {
        let holds =
            |memory: &Memory| User::all().map(|user| memory.book.and_then(|book| book.holds[user])).collect::<Vec<_>>();
        let before = self.gate.memory;
        self.gate.memory = kept;
        if holds(&before) == holds(&kept) {
            return;
        }
        for reservation in Reservation::all() {
            if !self.made(reservation) {
                continue;
            }
            let facts = &mut self.facts[reservation];
            facts.note(Fact::Lost);
            if kept.hold_of(reservation).is_some() && before.hold_of(reservation).is_none() {
                facts.note(Fact::BroughtBack);
            }
        }
    }
}
