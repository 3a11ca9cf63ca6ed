//! The protocol as a [`stateright::Model`].

use stateright::{Model, Property};

use crate::config::Config;
use crate::ids::User;
use crate::state::State;
use crate::step::{Answer, Step};
use crate::{background, checkout, faults, promises};

/// The protocol in a world of a given size.
#[derive(Debug, Clone, Copy)]
pub struct Protocol(pub Config);

impl Protocol {
    /// Every step that can be taken next.
    #[must_use]
    pub fn offers(&self, state: &State) -> Vec<Step> {
        let mut steps = Vec::new();
        self.actions(state, &mut steps);
        steps
    }

    /// Takes a step that was offered, and answers what the store answered.
    pub fn take(&self, state: &mut State, step: Step) -> Answer {
        let config = &self.0;
        let answer = match step {
            Step::Reserve { user, quantity, candidate } => state.reserve(user, candidate, quantity),
            Step::Begin(call, reservation) => state.begin(call, reservation),
            Step::LookUp(call, reservation) => state.look_up(call, reservation),
            Step::Commit(call, sale) => state.commit(config, call, sale),
            Step::LoseConnection(call, sale) => state.lose_connection(config, call, sale),
            Step::Land(sale) => state.land(config, sale),
            Step::Revert(call, reservation) => state.revert(call, reservation),
            Step::Void(call, reservation) => state.void(call, reservation),
            Step::Finish(call, reservation, record) => state.finish(config, call, reservation, record),
            Step::AnswerAnyway(call, reservation) => state.answer_anyway(call, reservation),
            Step::Release(call) => state.release(call),
            Step::ClaimOpening(loader) => state.claim_opening(loader),
            Step::OpenEpoch(loader) => state.open_epoch(loader),
            Step::Open(loader, token, record) => state.open(config, loader, token, record),
            Step::TokenExpires => state.token_expires(),
            Step::SettleLook(reservation) => state.settle_look(reservation),
            Step::SettleAsk(reservation) => state.settle_ask(config, reservation),
            Step::SettleFinish(reservation, record) => state.settle_finish(config, reservation, record),
            Step::SettleStops => state.settle_stops(),
            Step::Adopt(record) => state.adopt(record),
            Step::Restock => state.restock(),
            Step::DecreaseBehindTheGate => state.decrease_behind_the_gate(),
            Step::DeadlinePasses(reservation) => state.deadline_passes(reservation),
            Step::GracePasses(reservation) => state.grace_passes(reservation),
            Step::Flush => state.flush(),
            Step::Persist => state.persist(),
            Step::Restart => state.restart(),
        };
        state.tidy(config.rules);
        answer
    }
}

impl Model for Protocol {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![State::new(&self.0)]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        if state.broken.is_some() {
            return;
        }
        let config = &self.0;
        for user in User::buyers(config.buyers) {
            checkout::offers(config, state, user, steps);
        }
        if config.budget.decreases > 0 && config.rules.decrease_through_gate {
            checkout::offers(config, state, User::SHOP, steps);
        }
        steps.extend(state.in_flight.iter().map(|sale| Step::Land(*sale)));
        background::offers(config, state, steps);
        faults::offers(config, state, steps);
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut next = last.clone();
        self.take(&mut next, step);
        (next != *last).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        promises::properties()
    }
}
