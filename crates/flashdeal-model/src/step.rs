//! The steps of the protocol. Each names a call of a port, or a fault, with its arguments, so that a trace reads like a log.

use crate::gate::{Begin, Closed, OpeningToken, Release, Reserve};
use crate::ids::{CallId, Reservation, Units, User};
use crate::record::{Commit, RecordState, Sale, Settlement};

/// One step. Everything between two steps can go wrong: a process that dies takes no further one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Gate, `reserve`. `candidate` is the id a new hold gets; without one the buyer can only set the hold they have.
    Reserve {
        /// Who.
        user: User,
        /// How many.
        quantity: Units,
        /// The new hold's id.
        candidate: Option<Reservation>,
    },
    /// Gate, `begin`: a checkout's step 1.
    Begin(CallId, Reservation),
    /// Record: the gate has no such hold; was it sold?
    LookUp(CallId, Reservation),
    /// Record, `commit_batch`: a checkout's step 2, sent, done and answered.
    Commit(CallId, Sale),
    /// A checkout's step 2, sent, and the connection lost: the commit is in flight, and may land at any time or never.
    LoseConnection(CallId, Sale),
    /// Record, `commit_batch`: a commit lands that nobody waits for.
    Land(Sale),
    /// The record answered an error and the hold is made `held` again: what the rule `never_revert` forbids.
    Revert(CallId, Reservation),
    /// Record, `void_batch`, for a release or for a hold that met no stock.
    Void(CallId, Reservation),
    /// Gate, `finish`, and the buyer is answered: a checkout's step 3.
    Finish(CallId, Reservation, RecordState),
    /// The gate did not acknowledge the `finish` in time: the buyer is answered all the same.
    AnswerAnyway(CallId, Reservation),
    /// Gate, `release`.
    Release(CallId),
    /// Gate, `claim_opening`, by loader 0 or 1: load or reopen begins.
    ClaimOpening(u8),
    /// Record, `open_epoch`.
    OpenEpoch(u8),
    /// Gate, `open`.
    Open(u8, OpeningToken, RecordState),
    /// Gate: the opening token's `PX` has run out.
    TokenExpires,
    /// Settle finds a hold that has been paying for long.
    SettleLook(Reservation),
    /// Record: settle asks how the reservation stands, and once it is overdue voids it if it is unsettled.
    SettleAsk(Reservation),
    /// Gate, `finish`, by settle, however late.
    SettleFinish(Reservation, RecordState),
    /// Settle dies, or leaves it for the next round.
    SettleStops,
    /// Reconcile, or whoever restocked, reads the record's state; gate, `adopt`.
    Adopt(RecordState),
    /// Record: an increase of one unit.
    Restock,
    /// Record: a decrease of one unit that the gate knows nothing of: what the rule `decrease_through_gate` forbids.
    DecreaseBehindTheGate,
    /// A hold's deadline passes.
    DeadlinePasses(Reservation),
    /// 5 s more pass: every attempt that began in time has given up. What it sent may still be in flight.
    GracePasses(Reservation),
    /// All that the gate's server remembers is gone. It runs on.
    Flush,
    /// What the server remembers now has reached its disk.
    Persist,
    /// The server starts again with what its disk has (nothing, if nothing reached it), under a new run.
    Restart,
}

/// What a step answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Nothing to answer.
    Done,
    /// The gate was closed and did nothing.
    Closed(Closed),
    /// Of `reserve`.
    Reserve(Reserve),
    /// Of `begin`.
    Begin(Begin),
    /// Of `release`.
    Release(Release),
    /// Of `commit_batch`, with the row after it.
    Commit(Commit, RecordState),
    /// Of a look into the record: `None` is unsettled.
    Settlement(Option<Settlement>, RecordState),
    /// Of `claim_opening`.
    Token(OpeningToken),
    /// Of `open_epoch`.
    Epoch(RecordState),
    /// Of `open`: whether it did.
    Opened(bool),
}
