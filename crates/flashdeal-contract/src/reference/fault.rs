//! Deliberate mistakes, so that the suite can be seen to find each.

/// One deliberate mistake of the reference implementation. Not part of the crate's API: the suite's own tests use it.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A commit checks and writes in two steps.
    CheckThenWrite,
    /// A commit does not ask how much is left.
    Oversold,
    /// A commit does not ask whether the reservation was sold.
    SoldTwice,
    /// A commit does not ask whether the reservation was voided.
    VoidIgnored,
    /// A commit does not look at the epoch.
    FenceIgnored,
    /// Idempotency keys are not looked up.
    KeysIgnored,
    /// A sale leaves the version alone.
    VersionStands,
    /// A hold lapses one millisecond late.
    LapseLate,
    /// A hold lapses one millisecond early.
    LapseEarly,
    /// A paying hold lapses too.
    PayingLapses,
    /// Setting a quantity counts the caller's own units against them.
    OwnUnitsCounted,
    /// Setting a quantity moves the deadline.
    ExtendOnSet,
    /// A clock that steps back lengthens holds.
    StepBackLengthens,
    /// An older state of the record is adopted too.
    AdoptsOlder,
}
