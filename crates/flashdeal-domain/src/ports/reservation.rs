//! The gate: who holds what, until when.
//!
//! # What every implementation owes
//!
//! - **May forget, never lies.** It may lose everything at any moment. It must then know that it did: a gate without state
//!   answers [`LedgerError::Closed`], and so does one whose store was restarted or promoted since it was opened (its memory
//!   may be an older one). A closed gate does nothing else until it is [opened](ReservationLedger::open).
//! - **Atomic.** Each call on one product happens whole, at one instant of the ledger's own clock, or not at all.
//! - **The deadline is exact.** `now >= expires_at` is over: the hold's units are free in that very call, swept or not.
//!   `now < expires_at` may begin a checkout. A clock that steps back never lengthens a hold past `now + ttl`.
//! - **`paying` is a one-way street.** A hold on which a checkout began does not lapse and never becomes held again; it
//!   ends by [`ReservationLedger::finish`] only.
//! - **Holds to the terms.** They bind each call that would make or raise a hold, at the instant of that call: `now < starts_at`
//!   is too early, `now >= ends_at` too late. A hold that stands is not bound by them. They come with the record's version: a
//!   gate that has a version has the terms of that version.
//! - **Keeps the turn.** While the terms say that somebody waits, no hold is made or raised but by who is [called](Caller::Called)
//!   and by the shop itself, however many units are free.
//! - Never promises more than it has: the sum of all holds made under one opening stays within `total`.
//! - **Safe to repeat**, every call: a repeat after a lost answer changes nothing more (a repeated `release` answers
//!   [`ReleaseOutcome::NoHold`]).
//! - **Bounded in time.** No call hangs: after the adapter's own limit it answers [`StoreError::Unavailable`].
//! - **Cancel-safe.** A caller who stops waiting takes nobody else's answer away.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::error::StoreError;
use crate::ids::{ProductId, ReservationId};
use crate::ports::books::GateBooks;
use crate::stock::{Epoch, RecordState, StockLevel, Units, Version};
use crate::terms::TermsRefusal;
use crate::text::{IdempotencyKey, UserId};
use crate::time::{HoldTime, Timestamp};

/// Why a gate did not answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LedgerError {
    /// The gate of this product has no state (`had_state: false`, protocol: LOAD), or one from before its store was
    /// restarted (`had_state: true`, protocol: REOPEN). Open it from the record, then call again.
    #[error("the gate is closed")]
    Closed {
        /// Whether holds may have survived.
        had_state: bool,
    },
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A hold as the gate has it; the product and the user are the call's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// Its id.
    pub reservation: ReservationId,
    /// How many.
    pub quantity: Units,
    /// Its deadline by the ledger's clock.
    pub expires_at: Timestamp,
}

/// A wish to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReserveCall {
    /// Of what.
    pub product: ProductId,
    /// By whom.
    pub user: UserId,
    /// How many: 1 to [`Units::MAX`].
    pub quantity: Units,
    /// The id the hold gets if this call makes it.
    pub candidate: ReservationId,
    /// How long the hold lasts if this call makes it.
    pub ttl: HoldTime,
    /// The caller's idempotency key. It is remembered with the answer if the call succeeds, until the hold would lapse,
    /// even when the hold ends before that.
    pub key: Option<IdempotencyKey>,
    /// Who asks.
    pub caller: Caller,
}

/// Who makes a [`ReserveCall`], which says what binds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// A buyer: bound by the terms of the sale, and where others wait ([`Terms::queued`](crate::Terms::queued)) by their turn.
    Buyer,
    /// A buyer who waited and is called, by whoever sees to the order: bound by the terms alone.
    Called,
    /// The shop itself, which takes units off sale: bound by nothing.
    Shop,
}

/// What became of a [`ReserveCall`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReserveOutcome {
    /// The units are held. `created`: by a new hold; else the user's hold now has this quantity, with the reservation id
    /// and the deadline it had.
    Held {
        /// The hold.
        hold: Hold,
        /// Whether this call made it.
        created: bool,
    },
    /// The key was used before with the same quantity: the first answer again. The hold may have ended since.
    Replayed(Hold),
    /// The key was used before with another quantity. Nothing was changed.
    KeyReused,
    /// Others wait for units, and it is not this buyer's turn; an existing hold stands as it was. The level is the one there is.
    Queued(StockLevel),
    /// The units are not there; an existing hold stands as it was. The level is the one that was not enough.
    Insufficient(StockLevel),
    /// The terms of the sale do not allow it; an existing hold stands as it was.
    Refused(TermsRefusal),
    /// The user's hold is being paid for. Nothing was changed.
    CheckoutInProgress,
}

/// What became of beginning a checkout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BeginOutcome {
    /// The hold is paying now, or was already (a checkout may begin again: it is re-entrant). A hold that was already
    /// paying answers so after its deadline too.
    Paying {
        /// The hold.
        hold: Hold,
        /// The epoch under which the gate is open.
        epoch: Epoch,
    },
    /// The user has no live hold, or it is not the one named.
    NoHold,
}

/// A hold that the record settled, to be taken out of the gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finish {
    /// Of what.
    pub product: ProductId,
    /// Whose.
    pub user: UserId,
    /// Which; another hold of the same user is left alone.
    pub reservation: ReservationId,
    /// The record after it, adopted if newer; `None` if it is not known.
    pub record: Option<RecordState>,
}

/// What became of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReleaseOutcome {
    /// The hold is gone; its units are free.
    Released(Hold),
    /// The hold is being paid for and was left alone: the record must void it first, then [`ReservationLedger::finish`].
    Paying(Hold),
    /// The user has no live hold.
    NoHold,
}

/// Leave to open one gate once. Whoever asks for it later takes it over; it lapses after 5 seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpeningToken(pub Arc<str>);

/// A hold whose checkout has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayingHold {
    /// Whose.
    pub user: UserId,
    /// The hold.
    pub hold: Hold,
    /// How long ago its checkout first began.
    pub paying_for: Duration,
    /// How long its deadline has passed; zero if it has not.
    pub overdue: Duration,
}

/// What the background looks at, per product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateView {
    /// Of what.
    pub product: ProductId,
    /// Epoch and version the gate has, or `None` if it has no state.
    pub open: Option<(Epoch, Version)>,
    /// Whether its store was restarted since it was opened.
    pub needs_reopening: bool,
    /// The oldest holds that have been paying for over [`ReservationLedger::view`]'s `paying_over`, at most 64.
    pub paying: Vec<PayingHold>,
}

/// The gate. See the [module](self) for what every implementation owes.
///
/// Every call on one product may answer [`LedgerError::Closed`] unless it says otherwise.
#[async_trait]
pub trait ReservationLedger: Send + Sync {
    /// Holds units, or *sets* the quantity of the hold the user has. Their own units are not counted against them; the
    /// deadline never moves. The order of the checks: the key, a checkout under way, the terms, who waits, the stock.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn reserve(&self, call: ReserveCall) -> Result<ReserveOutcome, LedgerError>;

    /// The user's live hold (held or paying), or `None`.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn hold(&self, product: ProductId, user: &UserId) -> Result<Option<Hold>, LedgerError>;

    /// Begins a checkout of the user's hold, or of exactly the one named.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn begin(
        &self,
        product: ProductId,
        user: &UserId,
        named: Option<ReservationId>,
    ) -> Result<BeginOutcome, LedgerError>;

    /// Takes out a hold that the record settled, in whatever state it is, and adopts the record's state if it is newer, in
    /// one step: a reader never sees the units as both sold and available.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn finish(&self, finish: Finish) -> Result<(), LedgerError>;

    /// Ends the user's hold if it is held.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn release(&self, product: ProductId, user: &UserId) -> Result<ReleaseOutcome, LedgerError>;

    /// The three counters in one read, every due hold already out of them.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn status(&self, product: ProductId) -> Result<StockLevel, LedgerError>;

    /// Adopts the record's version with its total and terms if they are newer than the gate's; another epoch is left to
    /// [`ReservationLedger::open`]. A gate that was told of the same version by somebody who knew nothing of queues learns of the
    /// queue all the same.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn adopt(&self, product: ProductId, record: RecordState) -> Result<(), LedgerError>;

    /// Asks for leave to open the gate; any earlier leave for it ends. Works on a closed gate.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn claim_opening(&self, product: ProductId) -> Result<OpeningToken, StoreError>;

    /// Opens the gate with a state the record gave *after* the token was claimed. Holds that survived are kept, with their
    /// states. `false`, and nothing done, if the leave has ended or the gate already has this epoch or a newer one under
    /// the same run of its store.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn open(&self, product: ProductId, token: OpeningToken, record: RecordState) -> Result<bool, StoreError>;

    /// Drops the gate's state of one product, holds included; the next call finds it closed. For `flashdeal rebuild`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn forget(&self, product: ProductId) -> Result<(), StoreError>;

    /// The products that may have state in the gate, in the order of their ids, at most `limit`, those after `after`.
    /// Ones without state may be among them; none with a paying hold is missing.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn products(&self, after: Option<ProductId>, limit: usize) -> Result<Vec<ProductId>, StoreError>;

    /// What the background needs to know of these products (at most 1000), and ends their due holds, a bounded number each.
    /// Closed gates are answered for too. Does not count as use of a product.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn view(&self, products: &[ProductId], paying_over: Duration) -> Result<Vec<GateView>, StoreError>;

    /// The books of one product, counted hold by hold; ends no hold, changes nothing and does not count as use.
    /// [`GateBooks::unsettled`] counts the paying holds whose deadline passed more than `overdue` ago. Where that would hold
    /// others up, a large gate is read in slices ([`GateBooks::exact`]): what looks wrong is then to be looked at again.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn books(&self, product: ProductId, overdue: Duration) -> Result<GateBooks, LedgerError>;

    /// Whether the gate can be asked now.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], naming the store and the cause.
    async fn ping(&self) -> Result<(), StoreError>;
}
