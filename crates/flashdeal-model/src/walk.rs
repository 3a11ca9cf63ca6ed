//! Random walks through the protocol, to be replayed against the real stores: what each step answers, and what both
//! stores look like after it.
//!
//! A replay makes the call that the step names on the adapter, and compares. Reservations, runs and tokens are the
//! replay's to map to real ids; epochs and versions count from where the walk starts, and a version is only to be compared
//! for order (a void may or may not raise it). A hold whose [`Step::DeadlinePasses`] lies ahead in the walk needs a short
//! time to live there, the others a long one. [`Step::LoseConnection`], [`Step::SettleLook`], [`Step::SettleStops`] and
//! [`Step::Persist`] call nothing, and [`Step::Land`] is the same commit again.

use crate::config::{Budget, Config};
use crate::gate::{Hold, Status};
use crate::ids::{PerReservation, PerUser, Reservation};
use crate::model::Protocol;
use crate::record::{RecordState, Settlement};
use crate::rules::Rules;
use crate::state::State;
use crate::step::{Answer, Step};

/// What a step answered, and what both stores have after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The call's answer.
    pub answer: Answer,
    /// The record's row.
    pub record: RecordState,
    /// How the record settled each reservation.
    pub settlements: PerReservation<Option<Settlement>>,
    /// What the gate's status answers; `None` if it is closed. Due holds are already out of it.
    pub status: Option<Status>,
    /// The holds that the gate shows; none if it is closed. Due holds are already out of them.
    pub holds: PerUser<Option<Hold>>,
}

impl Expected {
    fn new(answer: Answer, state: &State) -> Self {
        let mut settlements = PerReservation::default();
        for reservation in Reservation::all() {
            settlements[reservation] = state.record.settlement(reservation);
        }
        let mut gate = state.gate;
        let book = gate.script(&state.clock).ok();
        Self {
            answer,
            record: state.record.row,
            settlements,
            status: book.as_ref().map(|book| book.status()),
            holds: book.map_or_else(PerUser::default, |book| book.holds),
        }
    }
}

/// `n` walks of at most `len` steps each, the same for the same seed: three buyers, every call, the gate flushed twice, but
/// no time passes and no store is restarted.
#[must_use]
pub fn walks(seed: u64, n: usize, len: usize) -> Vec<Vec<(Step, Expected)>> {
    let config = Config {
        allotted: 4,
        buyers: 3,
        reservations_each: 2,
        time: false,
        loaders: 2,
        budget: Budget { openings: 6, flushes: 2, restocks: 2, decreases: 2, ..Budget::default() },
        ..Config::calm(Rules::default())
    };
    walks_in(config, seed, n, len)
}

/// Walks through any world.
#[must_use]
pub fn walks_in(config: Config, seed: u64, n: usize, len: usize) -> Vec<Vec<(Step, Expected)>> {
    let mut random = SplitMix(seed);
    (0..n).map(|_| walk(Protocol(config), &mut random, len)).collect()
}

fn walk(model: Protocol, random: &mut SplitMix, len: usize) -> Vec<(Step, Expected)> {
    let mut state = State::new(&model.0);
    let mut walked = Vec::with_capacity(len);
    while walked.len() < len {
        let mut offers = model.offers(&state);
        // A flush is always possible, and would make every walk begin with two.
        if random.below(8) != 0 {
            offers.retain(|step| !matches!(step, Step::Flush | Step::Restart));
        }
        let Some(step) = offers.get(random.below(offers.len())).copied() else {
            break;
        };
        let answer = model.take(&mut state, step);
        walked.push((step, Expected::new(answer, &state)));
    }
    walked
}

/// Steele, Lea and Flood's `SplitMix64`: walks must not change with a dependency's version.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 if the bound is 0.
    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % bound).unwrap_or(0)
    }
}
