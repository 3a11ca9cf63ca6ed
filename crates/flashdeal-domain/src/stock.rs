//! Units of stock, and what a caller may ask of them.

use std::num::NonZeroU32;

use crate::error::Invalid;
use crate::terms::Terms;

/// A number of units: 0 to 1 000 000 000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Units(u32);

impl Units {
    /// None.
    pub const ZERO: Self = Self(0);
    /// The most units one product may have.
    pub const MAX: u32 = 1_000_000_000;

    /// A number of units.
    ///
    /// # Errors
    /// [`Invalid`] if `units` is negative or above [`Self::MAX`].
    pub fn new(units: impl TryInto<u32>) -> Result<Self, Invalid> {
        match units.try_into() {
            Ok(units) if units <= Self::MAX => Ok(Self(units)),
            _ => Err(Invalid::new("must be an integer from 0 to 1000000000")),
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// What is left after taking `other` away, never below zero.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

/// How many units one call reserves: 1 to 1 000 000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity(NonZeroU32);

impl Quantity {
    /// The fewest.
    pub const MIN: u32 = 1;
    /// The most.
    pub const MAX: u32 = 1_000_000;

    /// A quantity.
    ///
    /// # Errors
    /// [`Invalid`] if `quantity` is outside [`Self::MIN`] to [`Self::MAX`].
    pub fn new(quantity: impl TryInto<u32>) -> Result<Self, Invalid> {
        match quantity.try_into().ok().and_then(NonZeroU32::new) {
            Some(quantity) if quantity.get() <= Self::MAX => Ok(Self(quantity)),
            _ => Err(Invalid::new("must be an integer from 1 to 1000000")),
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl From<Quantity> for Units {
    fn from(quantity: Quantity) -> Self {
        Self(quantity.get())
    }
}

/// What callers read: `total = reserved + available`, by construction, in every answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StockLevel {
    total: Units,
    reserved: Units,
}

impl StockLevel {
    /// A level. Units of a hold that was already sold are no longer shown as reserved: `reserved` is cut to `total`
    /// (protocol, "status").
    #[must_use]
    pub fn new(total: Units, reserved: Units) -> Self {
        Self { total, reserved: reserved.min(total) }
    }

    /// What is left to sell, held or not.
    #[must_use]
    pub const fn total(self) -> Units {
        self.total
    }

    /// What live holds hold.
    #[must_use]
    pub const fn reserved(self) -> Units {
        self.reserved
    }

    /// What the next caller can reserve: `total - reserved`, never negative.
    #[must_use]
    pub const fn available(self) -> Units {
        self.total.saturating_sub(self.reserved)
    }
}

/// The fence: rises by one whenever a gate is opened from the record. A commit under an older epoch is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub i64);

/// Rises by one with every change of a product's row in the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub i64);

/// What the record says of a product's stock and terms at one version: what a gate adopts, whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordState {
    /// The fence.
    pub epoch: Epoch,
    /// The version at which `total` and `terms` were read.
    pub version: Version,
    /// What is left to sell.
    pub total: Units,
    /// What it is sold under.
    pub terms: Terms,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_always_adds_up() {
        for (total, reserved) in [(0, 0), (5, 2), (5, 5), (3, 9)] {
            let level = StockLevel::new(Units::new(total).unwrap(), Units::new(reserved).unwrap());
            assert_eq!(level.total().get(), level.reserved().get() + level.available().get());
            assert_eq!(level.total().get(), total);
        }
    }

    #[test]
    fn bounds_are_kept() {
        assert!(Units::new(-1).is_err() && Units::new(1_000_000_001_i64).is_err() && Units::new(0).is_ok());
        assert!(Quantity::new(0).is_err() && Quantity::new(1_000_001).is_err() && Quantity::new(1_000_000).is_ok());
        assert!(Quantity::new(-3_i64).is_err() && Quantity::new(u64::MAX).is_err());
    }
}
