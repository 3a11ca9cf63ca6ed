//! Buyers are alike, and so are a buyer's two calls and the two loaders: of the states that differ only in which is which,
//! one is enough to search.

use stateright::Representative;

use crate::background::Settler;
use crate::checkout::Call;
use crate::gate::{Age, Hold, Memory};
use crate::ids::{EACH, PerUser, Reservation, User};
use crate::record::{Rows, Sale};
use crate::state::{Broken, Facts, State};

/// Who becomes whom.
pub type Renaming = PerUser<User>;

/// All there is to a buyer, said as if they were the first: two buyers for whom it is the same can change places unnoticed.
type Portrait = ([(Rows, Age, Facts); 2], (Option<Hold>, Option<Hold>), [Call; 2], Vec<Sale>, Settler, Option<Broken>);

impl Representative for State {
    fn representative(&self) -> Self {
        let mut state = self.clone();
        state.loaders.sort_unstable();
        for user in User::all() {
            // One that is not made yet stays the last, as whoever makes it expects.
            let [first, second] = state.calls_of(user);
            if first < second {
                state.set_calls(user, [second, first]);
            }
        }
        let mut buyers = [User(0), User(1), User(2)].map(|user| (state.portrait(user), user));
        buyers.sort_unstable();
        let mut names = PerUser([User::SHOP; 4]);
        for ((_, user), place) in buyers.into_iter().zip(0..) {
            names[user] = User(place);
        }
        state.renamed(names)
    }
}

impl State {
    /// The same, with everyone under another name.
    #[must_use]
    pub fn renamed(&self, to: Renaming) -> Self {
        let mut state = self.clone();
        for user in User::all() {
            for (old, new) in user.reservations().zip(to[user].reservations()) {
                state.record.rows[new] = self.record.rows[old];
                state.clock[new] = self.clock[old];
                state.facts[new] = self.facts[old];
            }
            state.set_calls(to[user], self.calls_of(user).map(|call| call.renamed(to)));
        }
        state.gate.memory = self.gate.memory.renamed(to);
        state.disk = self.disk.renamed(to);
        state.in_flight.iter_mut().for_each(|sale| *sale = sale.renamed(to));
        state.in_flight.sort_unstable();
        state.settler = self.settler.renamed(to);
        state.broken = self.broken.map(|broken| broken.renamed(to));
        state
    }

    fn calls_of(&self, user: User) -> [Call; 2] {
        let mut calls = [Call::Idle; 2];
        for (call, id) in calls.iter_mut().zip(user.calls()) {
            *call = self.calls[id];
        }
        calls
    }

    fn set_calls(&mut self, user: User, calls: [Call; 2]) {
        for (call, id) in calls.into_iter().zip(user.calls()) {
            self.calls[id] = call;
        }
    }

    fn portrait(&self, user: User) -> Portrait {
        let to = PerUser([User(0); 4]);
        let mut reservations = [(Rows::default(), Age::default(), Facts::default()); 2];
        for (place, r) in reservations.iter_mut().zip(user.reservations()) {
            *place = (self.record.rows[r], self.clock[r], self.facts[r]);
        }
        let hold = |memory: &Memory| memory.book.and_then(|book| book.holds[user]).map(|hold| hold.renamed(to));
        let theirs = self.in_flight.iter().filter(|sale| sale.reservation.user() == user);
        (
            reservations,
            (hold(&self.gate.memory), hold(&self.disk)),
            self.calls_of(user).map(|call| call.renamed(to)),
            theirs.map(|sale| sale.renamed(to)).collect(),
            match self.settler {
                Settler::Saw(r) | Settler::Finishing(r, _) if r.user() == user => self.settler.renamed(to),
                _ => Settler::Idle,
            },
            self.broken.filter(|broken| broken.reservation().user() == user).map(|broken| broken.renamed(to)),
        )
    }
}

impl Reservation {
    fn renamed(self, to: Renaming) -> Self {
        Self(to[self.user()].0 * EACH + self.0 % EACH)
    }
}

impl Hold {
    fn renamed(self, to: Renaming) -> Self {
        Self { reservation: self.reservation.renamed(to), ..self }
    }
}

impl Sale {
    fn renamed(self, to: Renaming) -> Self {
        Self { reservation: self.reservation.renamed(to), ..self }
    }
}

impl Memory {
    fn renamed(self, to: Renaming) -> Self {
        let book = self.book.map(|old| {
            let mut book = old;
            for user in User::all() {
                book.holds[to[user]] = old.holds[user].map(|hold| hold.renamed(to));
            }
            book
        });
        Self { book, ..self }
    }
}

impl Call {
    fn renamed(self, to: Renaming) -> Self {
        match self {
            Self::Idle => Self::Idle,
            Self::Again(r, in_time) => Self::Again(r.renamed(to), in_time),
            Self::Begun(sale, in_time) => Self::Begun(sale.renamed(to), in_time),
            Self::Missing(r, in_time) => Self::Missing(r.renamed(to), in_time),
            Self::Voiding(r, reply) => Self::Voiding(r.renamed(to), reply),
            Self::Finishing(r, record, reply) => Self::Finishing(r.renamed(to), record, reply),
            Self::Done => Self::Done,
        }
    }
}

impl Settler {
    fn renamed(self, to: Renaming) -> Self {
        match self {
            Self::Idle => Self::Idle,
            Self::Saw(r) => Self::Saw(r.renamed(to)),
            Self::Finishing(r, record) => Self::Finishing(r.renamed(to), record),
        }
    }
}

impl Broken {
    fn reservation(self) -> Reservation {
        match self {
            Self::NoStockForHold(r) | Self::LiveHoldRefused(r) => r,
        }
    }

    fn renamed(self, to: Renaming) -> Self {
        match self {
            Self::NoStockForHold(r) => Self::NoStockForHold(r.renamed(to)),
            Self::LiveHoldRefused(r) => Self::LiveHoldRefused(r.renamed(to)),
        }
    }
}
