//! The gate (protocol, "The gate (Redis)"): who holds what, until when. It may lose everything at any moment.

use crate::ids::{Epoch, PerReservation, PerUser, Reservation, Run, Units, User, Version};
use crate::record::RecordState;
use crate::rules::Rules;

/// How far a reservation's time has run. There is no other time in the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Age {
    /// `now < deadline`.
    #[default]
    Live,
    /// `now >= deadline`.
    Due,
    /// `now >= deadline + 5 s`: longer than any attempt that began in time may last.
    Overdue,
}

/// What the gate's TIME says of each reservation.
pub type Clock = PerReservation<Age>;

/// A hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hold {
    /// Its id.
    pub reservation: Reservation,
    /// How many.
    pub quantity: Units,
    /// Whether a checkout began on it. If not it is `held`, and lapses at its deadline.
    pub paying: bool,
}

/// The one authoritative hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Book {
    /// The run of the server in which this gate was opened.
    pub run: Run,
    /// The epoch under which its promises can be sold.
    pub epoch: Epoch,
    /// The newest version of the record it has seen.
    pub version: Version,
    /// The record's total at that version.
    pub total: Units,
    /// The sum of the holds.
    pub reserved: Units,
    /// The holds.
    pub holds: PerUser<Option<Hold>>,
}

/// Leave to open the gate once: a number that no other leave has, and the run that gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OpeningToken {
    /// Unique.
    pub nonce: u8,
    /// The server's own run when it was asked.
    pub run: Run,
}

/// Everything the server remembers, and may forget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Memory {
    /// The product's hash.
    pub book: Option<Book>,
    /// The newest leave to open it, if it has not expired.
    pub token: Option<OpeningToken>,
}

impl Memory {
    /// The hold of this reservation, if it is here.
    #[must_use]
    pub fn hold_of(&self, reservation: Reservation) -> Option<Hold> {
        let hold = self.book?.holds[reservation.user()]?;
        (hold.reservation == reservation).then_some(hold)
    }
}

/// The server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Gate {
    /// Its own `run_id`.
    pub run: Run,
    /// What it remembers.
    pub memory: Memory,
}

/// Why a gate did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// No state: `LOAD`.
    Load,
    /// A state from before the server was restarted: `REOPEN`.
    Reopen,
}

/// What became of a reserve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserve {
    /// A new hold.
    Created(Hold),
    /// The hold the user had, with this quantity.
    Set(Hold),
    /// The units are not there.
    Insufficient,
    /// The user's hold is being paid for.
    CheckoutInProgress,
}

/// What became of a begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// It is paying now, or was already.
    Paying(Hold, Epoch),
    /// No such hold.
    NoHold,
}

/// What became of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// Gone.
    Released(Hold),
    /// The record first.
    Paying(Hold),
    /// No such hold.
    NoHold,
}

/// `total = reserved + available`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// What is left to sell.
    pub total: Units,
    /// What live holds hold, as shown.
    pub reserved: Units,
    /// What can be held.
    pub available: Units,
}

impl Gate {
    /// How each script begins: "no state → LOAD, other run → REOPEN; in both cases it does nothing else", and then ends
    /// the due holds: `held` ones, "never `paying` ones".
    ///
    /// # Errors
    /// [`Closed`].
    pub fn script(&mut self, clock: &Clock) -> Result<&mut Book, Closed> {
        let book = self.memory.book.as_mut().ok_or(Closed::Load)?;
        if book.run != self.run {
            return Err(Closed::Reopen);
        }
        for user in User::all() {
            if let Some(hold) = book.holds[user]
                && !hold.paying
                && clock[hold.reservation] >= Age::Due
            {
                book.end(user);
            }
        }
        Ok(book)
    }

    /// Whether a script would be answered.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.memory.book.is_some_and(|book| book.run == self.run)
    }

    /// "Put a random token in Redis": any earlier leave ends.
    pub fn claim_opening(&mut self, nonce: u8) -> OpeningToken {
        let token = OpeningToken { nonce, run: self.run };
        self.memory.token = Some(token);
        token
    }

    /// "Write `run, epoch, version, total` only if the token is still there and the epoch is newer; keep the holds that
    /// survived." Needs [`Rules::opening_token`] and [`Rules::token_of_this_run`].
    pub fn open(&mut self, rules: Rules, token: OpeningToken, record: RecordState) -> bool {
        let here = !rules.token_of_this_run || token.run == self.run;
        let leave = !rules.opening_token || (self.memory.token == Some(token) && here);
        let newer = self.memory.book.is_none_or(|book| book.epoch < record.epoch);
        if !(leave && newer) {
            return false;
        }
        let book = self.memory.book.get_or_insert_default();
        book.run = self.run;
        book.epoch = record.epoch;
        // A version is a fact of the record: a later one that was adopted meanwhile stays.
        book.adopt_if_newer(record);
        self.memory.token = None;
        true
    }
}

impl Book {
    /// Holds units, or sets the quantity of the hold the user has; their own units do not count against them.
    pub fn reserve(&mut self, user: User, candidate: Option<Reservation>, quantity: Units) -> Reserve {
        let own = self.holds[user];
        if own.is_some_and(|hold| hold.paying) {
            return Reserve::CheckoutInProgress;
        }
        let own_units = own.map_or(0, |hold| hold.quantity);
        if quantity > self.total - (self.reserved - own_units) {
            return Reserve::Insufficient;
        }
        let Some(reservation) = own.map(|hold| hold.reservation).or(candidate) else {
            return Reserve::Insufficient;
        };
        let hold = Hold { reservation, quantity, paying: false };
        self.reserved += quantity - own_units;
        self.holds[user] = Some(hold);
        if own.is_some() { Reserve::Set(hold) } else { Reserve::Created(hold) }
    }

    /// "`held` → `paying`; `paying` again is fine (re-entrant)."
    pub fn begin(&mut self, reservation: Reservation) -> Begin {
        let epoch = self.epoch;
        match &mut self.holds[reservation.user()] {
            Some(hold) if hold.reservation == reservation => {
                hold.paying = true;
                Begin::Paying(*hold, epoch)
            }
            _ => Begin::NoHold,
        }
    }

    /// "Removes the holds in whatever state; adopts `version, total` if newer. One call." Needs [`Rules::finish_adopts`].
    pub fn finish(&mut self, rules: Rules, reservation: Reservation, record: RecordState) {
        let user = reservation.user();
        if self.holds[user].is_some_and(|hold| hold.reservation == reservation) {
            self.end(user);
        }
        if rules.finish_adopts {
            self.adopt_if_newer(record);
        }
    }

    /// Adopts a newer state of the record; "another epoch is left to `open`".
    pub fn adopt(&mut self, record: RecordState) {
        if record.epoch == self.epoch {
            self.adopt_if_newer(record);
        }
    }

    fn adopt_if_newer(&mut self, record: RecordState) {
        if record.version > self.version {
            self.version = record.version;
            self.total = record.total;
        }
    }

    /// "`held` → gone. `paying` → the record first."
    pub fn release(&mut self, user: User) -> Release {
        match self.holds[user] {
            Some(hold) if hold.paying => Release::Paying(hold),
            Some(hold) => {
                self.end(user);
                Release::Released(hold)
            }
            None => Release::NoHold,
        }
    }

    /// `paying` → `held`: what [`Rules::never_revert`] forbids.
    pub fn revert(&mut self, reservation: Reservation) {
        if let Some(hold) = &mut self.holds[reservation.user()]
            && hold.reservation == reservation
        {
            hold.paying = false;
        }
    }

    /// "Units of a hold already sold are then no longer shown as reserved, and `available` never falls below 0."
    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            total: self.total,
            reserved: self.reserved.min(self.total),
            available: (self.total - self.reserved).max(0),
        }
    }

    fn end(&mut self, user: User) {
        if let Some(hold) = self.holds[user].take() {
            self.reserved -= hold.quantity;
        }
    }
}
