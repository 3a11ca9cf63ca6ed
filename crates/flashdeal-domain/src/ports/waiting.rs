//! The waiting list: who stands in line for units of a product, in which order.
//!
//! It is a part of the record: what it says is durable, and whether anybody waits is a part of the product's
//! [terms](crate::Terms::queued), so that a gate hears of it with its version.
//!
//! # What every implementation owes
//!
//! - **Durable**, **bounded in time** and **cancel-safe**, as the [record](super::record).
//! - **In order.** Whoever joins after another's join was answered stands behind them. Who joins again keeps their place.
//! - **One mark.** Whether a product is queued changes in the very transaction in which the first joins or the last leaves, and the
//!   product's version rises with it; not otherwise.
//! - **Safe to repeat**, every call. A repeat of [`WaitingList::join`] with the same reservation answers what the first did.

use async_trait::async_trait;

use crate::error::StoreError;
use crate::ids::{ProductId, ReservationId};
use crate::stock::{Quantity, RecordState};
use crate::text::UserId;
use crate::time::Timestamp;

/// A place in the line of one product. Only their order means anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(pub i64);

/// A wish to stand in line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// For what.
    pub product: ProductId,
    /// Who.
    pub user: UserId,
    /// How many.
    pub quantity: Quantity,
    /// The id that the hold gets which is made for them, if they stand in line by this call.
    pub reservation: ReservationId,
    /// How many may stand in line at most, by the span of their places: those who left in the middle count until they are passed.
    pub most: u32,
}

/// Somebody who waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// For what.
    pub product: ProductId,
    /// Where.
    pub place: Place,
    /// Who.
    pub user: UserId,
    /// How many they want.
    pub quantity: Quantity,
    /// The id of the hold that will be made for them. It names this wait: who leaves and joins again gets another.
    pub reservation: ReservationId,
    /// Since when, by the record's clock.
    pub joined_at: Timestamp,
}

/// What became of a [`Wish`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JoinOutcome {
    /// They stand in line.
    Waits {
        /// As.
        waiting: Waiting,
        /// Whether by this call; else they stood there before, and their quantity is this one now.
        created: bool,
        /// The record after it.
        record: RecordState,
    },
    /// Too many stand there. Nothing was changed.
    Full,
    /// No product has this id.
    UnknownProduct,
}

/// The waiting lists of a record. See the [module](self) for what every implementation owes.
#[async_trait]
pub trait WaitingList: Send + Sync {
    /// Puts a user at the end of the line, or sets the quantity of one who stands there.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn join(&self, wish: Wish) -> Result<JoinOutcome, StoreError>;

    /// Takes a user out of the line, and answers as what they stood there with the record after it; `None` if they did not.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn leave(&self, product: ProductId, user: &UserId) -> Result<Option<(Waiting, RecordState)>, StoreError>;

    /// Takes these out of the line, who were called (or who will never be); who is not there any more, or waits anew, is passed over.
    /// Answers the record after it, in which the mark is right whatever it was before; `None` if no product has this id. At most 1000.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove(&self, product: ProductId, who: &[Waiting]) -> Result<Option<RecordState>, StoreError>;

    /// As what a user stands in line, and how many stand before them; `None` if they do not.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn waiting(&self, product: ProductId, user: &UserId) -> Result<Option<(Waiting, u64)>, StoreError>;

    /// Those in line after `after`, in their order, at most `limit` (1 to 1000).
    ///
    /// # Errors
    /// [`StoreError`].
    async fn line(&self, product: ProductId, after: Option<Place>, limit: usize) -> Result<Vec<Waiting>, StoreError>;

    /// The products after `after`, in the order of their ids, for which somebody waits or which are marked so: at most `limit` (1 to
    /// 1000). A shorter answer is the last. It costs nothing for products of which neither is true.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn queues(&self, after: Option<ProductId>, limit: usize)
    -> Result<Vec<(ProductId, RecordState)>, StoreError>;
}
