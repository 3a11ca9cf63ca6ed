//! The background of every instance (protocol, "The background"): load and reopen, settle, reconcile, restock.

use crate::config::Config;
use crate::gate::{Age, OpeningToken};
use crate::ids::{Reservation, User};
use crate::record::{RecordState, Settlement};
use crate::state::State;
use crate::step::{Answer, Step};

/// Where one who loads or reopens the gate is. One that dies takes no further step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Loader {
    /// Nothing to do.
    #[default]
    Idle,
    /// It has leave to open the gate.
    Leave(OpeningToken),
    /// It has opened a new epoch in the record.
    Fenced(OpeningToken, RecordState),
}

/// Where the one who settles is. It may be slow: between two of its steps anything can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Settler {
    /// Between two rounds.
    #[default]
    Idle,
    /// It saw this hold paying for long.
    Saw(Reservation),
    /// The record has settled it.
    Finishing(Reservation, RecordState),
}

/// What the background may do next.
pub fn offers(config: &Config, state: &State, steps: &mut Vec<Step>) {
    offer_opening(config, state, steps);
    if config.rules.settle {
        offer_settling(state, steps);
    }
    let row = state.record.row;
    if let Some(book) = state.gate.memory.book
        && state.gate.is_open()
        && book.version < row.version
    {
        steps.push(Step::Adopt(row));
    }
    if state.left.restocks > 0 {
        steps.push(Step::Restock);
    }
    if state.left.decreases > 0 && !config.rules.decrease_through_gate {
        steps.push(Step::DecreaseBehindTheGate);
    }
}

/// A gate is opened when it answers LOAD or REOPEN, when a commit was fenced, and when reconcile sees a newer epoch.
fn offer_opening(config: &Config, state: &State, steps: &mut Vec<Step>) {
    let current = state.gate.memory.book.map(|book| book.epoch) == Some(state.record.row.epoch);
    let needed = !(state.gate.is_open() && current);
    let mut idle_seen = false;
    for (loader, id) in state.loaders.iter().zip(0_u8..) {
        match *loader {
            Loader::Idle => {
                // Loaders are alike: one idle one is enough to try.
                if needed && state.left.openings > 0 && !idle_seen && id < config.loaders {
                    steps.push(Step::ClaimOpening(id));
                }
                idle_seen = true;
            }
            Loader::Leave(_) => steps.push(Step::OpenEpoch(id)),
            Loader::Fenced(token, record) => steps.push(Step::Open(id, token, record)),
        }
    }
    if state.gate.memory.token.is_some() && config.time {
        steps.push(Step::TokenExpires);
    }
}

fn offer_settling(state: &State, steps: &mut Vec<Step>) {
    match state.settler {
        Settler::Idle => {
            if let Some(book) = state.gate.memory.book
                && state.gate.is_open()
            {
                let paying = User::all().filter_map(|user| book.holds[user]).filter(|hold| hold.paying);
                steps.extend(paying.map(|hold| Step::SettleLook(hold.reservation)));
            }
        }
        Settler::Saw(reservation) => steps.push(Step::SettleAsk(reservation)),
        Settler::Finishing(reservation, record) => {
            steps.push(Step::SettleFinish(reservation, record));
            steps.push(Step::SettleStops);
        }
    }
}

impl State {
    fn loader(&mut self, id: u8) -> &mut Loader {
        let [first, second] = &mut self.loaders;
        if id == 0 { first } else { second }
    }

    pub(crate) fn claim_opening(&mut self, id: u8) -> Answer {
        let nonce = self.left.openings;
        self.left.openings = nonce.saturating_sub(1);
        let token = self.gate.claim_opening(nonce);
        *self.loader(id) = Loader::Leave(token);
        Answer::Token(token)
    }

    /// "Bumping the epoch is the fence."
    pub(crate) fn open_epoch(&mut self, id: u8) -> Answer {
        let record = self.record.open_epoch();
        if let Loader::Leave(token) = *self.loader(id) {
            *self.loader(id) = Loader::Fenced(token, record);
        }
        Answer::Epoch(record)
    }

    pub(crate) fn open(&mut self, config: &Config, id: u8, token: OpeningToken, record: RecordState) -> Answer {
        *self.loader(id) = Loader::Idle;
        Answer::Opened(self.gate.open(config.rules, token, record))
    }

    pub(crate) fn token_expires(&mut self) -> Answer {
        self.gate.memory.token = None;
        Answer::Done
    }

    pub(crate) fn settle_look(&mut self, reservation: Reservation) -> Answer {
        self.settler = Settler::Saw(reservation);
        Answer::Done
    }

    /// "Sold → `finish`. Unsettled at its deadline + 5 s (longer than any attempt may last): `void_batch`, then as it
    /// answers. Before that it only ever moves towards sold." Needs the rule `late_void`.
    pub(crate) fn settle_ask(&mut self, config: &Config, reservation: Reservation) -> Answer {
        let may_void = !config.rules.late_void || self.clock[reservation] == Age::Overdue;
        let settled: Option<Settlement> = if may_void {
            self.record.void_batch(&[reservation]).first().copied()
        } else {
            self.record.settlement(reservation)
        };
        self.settler = match settled {
            Some(_) => Settler::Finishing(reservation, self.record.row),
            None => Settler::Idle,
        };
        Answer::Settlement(settled, self.record.row)
    }

    pub(crate) fn settle_finish(&mut self, config: &Config, reservation: Reservation, record: RecordState) -> Answer {
        self.settler = Settler::Idle;
        match self.gate.script(&self.clock) {
            Ok(book) => book.finish(config.rules, reservation, record),
            Err(closed) => return Answer::Closed(closed),
        }
        Answer::Done
    }

    pub(crate) fn settle_stops(&mut self) -> Answer {
        self.settler = Settler::Idle;
        Answer::Done
    }

    /// "Adopt a newer `version, total`."
    pub(crate) fn adopt(&mut self, record: RecordState) -> Answer {
        match self.gate.script(&self.clock) {
            Ok(book) => book.adopt(record),
            Err(closed) => return Answer::Closed(closed),
        }
        Answer::Done
    }

    pub(crate) fn restock(&mut self) -> Answer {
        self.left.restocks = self.left.restocks.saturating_sub(1);
        self.record.restock(1);
        Answer::Done
    }

    pub(crate) fn decrease_behind_the_gate(&mut self) -> Answer {
        self.left.decreases = self.left.decreases.saturating_sub(1);
        self.record.decrease_behind_the_gate(1);
        Answer::Done
    }
}
