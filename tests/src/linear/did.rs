//! What a user may ask for and be told.

/// What a user asked for and was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Did {
    /// Reserved: the hold has this quantity now. `created`: it is new; `None` if the answer was an earlier one's.
    Held {
        /// The hold's id, counted from 1.
        id: u16,
        /// Its quantity.
        quantity: i32,
        /// Its deadline.
        deadline: i64,
        /// Whether this call made it.
        created: Option<bool>,
    },
    /// Reserve: there were not so many.
    Insufficient {
        /// How many were wanted.
        quantity: i32,
    },
    /// Reserve: the hold is being paid for.
    InProgress,
    /// Reserve, unanswered.
    MaybeHeld {
        /// How many were wanted.
        quantity: i32,
        /// The earliest deadline the hold may have.
        deadline: i64,
    },
    /// Checkout: bought.
    Sold {
        /// The hold.
        id: u16,
        /// The order's quantity.
        quantity: i32,
        /// Until when the gate may not have learnt of it.
        lingers: i64,
    },
    /// Checkout: no such hold.
    NotSold {
        /// The hold.
        id: u16,
    },
    /// Checkout, unanswered.
    MaybeSold {
        /// The hold.
        id: u16,
    },
    /// Released.
    Released {
        /// The hold.
        id: u16,
        /// Its quantity.
        quantity: i32,
    },
    /// Release: there was none.
    NothingReleased,
    /// Release, unanswered.
    MaybeReleased,
    /// Read the hold.
    Has {
        /// The hold.
        id: u16,
        /// Its quantity.
        quantity: i32,
    },
    /// Read the hold: there is none.
    HasNone,
    /// Read the counters; available is their difference.
    Status {
        /// `totalStock`.
        total: i32,
        /// `reservedStock`.
        reserved: i32,
    },
    /// The shopkeeper added units.
    Added {
        /// How many.
        units: i32,
    },
    /// The shopkeeper added units, or may have; the gate learns of it later.
    MaybeAdded {
        /// How many.
        units: i32,
    },
    /// The gate lost its memory.
    Forgot,
}
