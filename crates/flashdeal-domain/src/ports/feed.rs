//! The feed: every order, in the order of the ledger, for whoever passes orders on to others.
//!
//! # What every implementation owes
//!
//! - **Whole.** A reader is given every order whose sale was answered after the reader began; none is passed over, however many
//!   sales are written at the same time and in whichever order they become visible. An order may be held back for as long as
//!   something before it is unsettled.
//! - **In order.** Positions rise in the order of the ledger, which is the same for every reader and every instance, for ever.
//! - **One at a time.** Of those who hold a reader's lease, one does at any time; the others are told so. It lapses by the
//!   store's clock, so that whoever dies with it is succeeded. No lock of the store is held from one call to the next.
//! - **Forward.** A position moves under its lease, in the same step that looks at the lease, and never back but by
//!   [`OrderFeed::rewind`].
//! - **From the record.** Nothing is remembered outside of it that a crash could take along, and a sale writes nothing for it.
//! - **Safe to repeat**, every call, and **bounded in time**, as those of the [record](super::record).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use crate::error::{Invalid, StoreError};
use crate::order::Order;
use crate::time::Timestamp;

/// Who reads: a name that stays the same over restarts, 1 to 300 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reader(Arc<str>);

impl Reader {
    /// The longest a name may be.
    pub const MAX_CHARS: usize = 300;

    /// A reader by name.
    ///
    /// # Errors
    /// [`Invalid`] if the name is empty, too long, or has other characters.
    pub fn parse(name: &str) -> Result<Self, Invalid> {
        let fits = (1..=Self::MAX_CHARS).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic());
        if fits { Ok(Self(name.into())) } else { Err(Invalid::new("must have 1 to 300 visible ASCII characters")) }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A place in the ledger. Only their order means anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position(pub i64);

/// Whose lease it is; new for every term of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseToken(pub Uuid);

/// Orders that follow each other in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedPage {
    /// The orders, each with its own position, in rising order.
    pub orders: Vec<(Position, Order)>,
    /// How far the page reaches: whoever has read it reads on after this. At or after its last order.
    pub through: Position,
}

/// How far a reader is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Who.
    pub reader: Reader,
    /// How far it is.
    pub position: Position,
    /// When that last changed.
    pub moved_at: Timestamp,
    /// Whether somebody has its lease, as far as can be seen from here.
    pub held: bool,
    /// The last failure that was noted, and when.
    pub failure: Option<(Timestamp, String)>,
    /// How many orders are after its position, counted up to [`Self::MOST`].
    pub waiting: u32,
    /// How long ago the first of those was sold; `None` if there are none.
    pub oldest: Option<Duration>,
}

impl Standing {
    /// How far waiting orders are counted.
    pub const MOST: u32 = 10_000;
}

/// The longest text of a failure that is kept, in characters.
pub const MAX_FAILURE_CHARS: usize = 500;

/// The feed of orders. See the [module](self) for what every implementation owes.
#[async_trait]
pub trait OrderFeed: Send + Sync {
    /// Takes the reader's lease for `lasts` from now on, or renews it, and answers where the reader is; `None` if somebody else
    /// has it. A reader that was never seen before begins at the present end of the ledger: it is not given what was sold before,
    /// but for what was sold at that very moment. All who ask use about the same `lasts`: a lease that ends later than a minute and
    /// twice `lasts` from now was taken before the store's clock was set back, and counts as lapsed.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Unavailable`] also when the end of the ledger cannot be told for now.
    async fn hold(&self, reader: &Reader, token: LeaseToken, lasts: Duration) -> Result<Option<Position>, StoreError>;

    /// Lets the lease last for `lasts` from now on, if this token has it; whether it has. It has not either if the store was started
    /// anew since, and so may not have what was read from it before: then hold it again, and read on from where the reader is.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn renew(&self, reader: &Reader, token: LeaseToken, lasts: Duration) -> Result<bool, StoreError>;

    /// What follows `after`: at most `limit` (1 to 1000) rows of the ledger are looked at, and the orders among them given. So a
    /// page without orders may still reach further than `after`; if it does not, there is no more for now.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn next_orders(&self, after: Position, limit: usize) -> Result<FeedPage, StoreError>;

    /// Moves the reader forward, if this token has its lease. `false`, and nothing done, if it has not (see [`OrderFeed::renew`]), or
    /// if the reader is further than `to` already: then hold it again.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn advance(&self, reader: &Reader, token: LeaseToken, to: Position) -> Result<bool, StoreError>;

    /// Notes why the reader gets no further, if this token has its lease; of a long text the first [`MAX_FAILURE_CHARS`].
    ///
    /// # Errors
    /// [`StoreError`].
    async fn note_failure(&self, reader: &Reader, token: LeaseToken, why: &str) -> Result<(), StoreError>;

    /// Gives the lease back, if this token has it: the next who asks gets it.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn release(&self, reader: &Reader, token: LeaseToken) -> Result<(), StoreError>;

    /// Takes a reader back to before the first order that was sold at `since` or later, and its lease away from whoever has it.
    /// One that is not as far as that stays where it is; one that was never seen before is made. Answers where it is then. It reads
    /// the whole ledger, so it may take longer than other calls.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn rewind(&self, reader: &Reader, since: Timestamp) -> Result<Position, StoreError>;

    /// How far these readers are, of those that were ever seen; with `None`, all of them. By name. What waits for a reader is counted
    /// each time.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn standings(&self, of: Option<&[Reader]>) -> Result<Vec<Standing>, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_visible_and_bounded() {
        assert_eq!(Reader::parse("https://shop.example#0a1b").unwrap().to_string(), "https://shop.example#0a1b");
        assert!(Reader::parse(&"x".repeat(Reader::MAX_CHARS)).is_ok());
        for bad in ["", " ", "a b", "a\n", "ü", &"x".repeat(Reader::MAX_CHARS + 1)] {
            assert!(Reader::parse(bad).is_err(), "{bad:?}");
        }
    }
}
