//! Products and what they cost.

use std::fmt;

use crate::error::Invalid;
use crate::stock::Units;
use crate::terms::{Terms, TermsPatch};
use crate::text::{Description, ProductName};
use crate::time::Timestamp;

pub use crate::ids::ProductId;

/// A product as the record has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Its id.
    pub id: ProductId,
    /// What it is called.
    pub name: ProductName,
    /// What it is.
    pub description: Description,
    /// What one unit costs.
    pub price: Price,
    /// What is left to sell.
    pub total_stock: Units,
    /// What it is sold under.
    pub terms: Terms,
    /// When it was created, by the server's clock.
    pub created_at: Timestamp,
}

/// What a caller says of a product to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewProduct {
    /// What it is called.
    pub name: ProductName,
    /// What it is.
    pub description: Description,
    /// What one unit costs.
    pub price: Price,
    /// The first allotment.
    pub total_stock: Units,
    /// What it is sold under.
    pub terms: Terms,
}

/// What a caller wants changed about a product; `None` leaves a field as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProductPatch {
    /// A new name.
    pub name: Option<ProductName>,
    /// A new description.
    pub description: Option<Description>,
    /// A new price: orders written from now on have it, earlier ones keep theirs.
    pub price: Option<Price>,
    /// Units to add, or to take away when negative.
    pub add_stock: Option<StockDelta>,
    /// What is to become of its terms: reserves from now on are bound by them, holds that stand are not.
    pub terms: TermsPatch,
}

/// A change of stock asked for by a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StockDelta {
    /// Put this many more on sale.
    Add(Units),
    /// Take this many off sale, never one that is held.
    Withdraw(Units),
}

impl StockDelta {
    /// From a signed number of units, -1 000 000 000 to 1 000 000 000.
    ///
    /// # Errors
    /// [`Invalid`] if `units` is outside those bounds.
    pub fn new(units: i64) -> Result<Self, Invalid> {
        let magnitude = Units::new(units.unsigned_abs())
            .map_err(|_| Invalid::new("must be an integer from -1000000000 to 1000000000"))?;
        Ok(if units < 0 { Self::Withdraw(magnitude) } else { Self::Add(magnitude) })
    }
}

/// What one unit costs: 0 to 9 999 999 999.99, in hundredths, never a float.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Price(u64);

impl Price {
    /// The highest price, in hundredths.
    pub const MAX_CENTS: u64 = 999_999_999_999;

    /// From hundredths.
    ///
    /// # Errors
    /// [`Invalid`] if `cents` is negative or above [`Self::MAX_CENTS`].
    pub fn from_cents(cents: impl TryInto<u64>) -> Result<Self, Invalid> {
        match cents.try_into() {
            Ok(cents) if cents <= Self::MAX_CENTS => Ok(Self(cents)),
            _ => Err(Self::BAD),
        }
    }

    /// Parses decimal text with at most two decimals: `"499"`, `"499.9"`, `"499.90"`. Trailing zeros beyond the second
    /// decimal are refused too; exponents, signs and spaces as well.
    ///
    /// # Errors
    /// [`Invalid`] if the text is anything else, or out of bounds.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || whole.len() > 10 || fraction.len() > 2 {
            return Err(Self::BAD);
        }
        let whole: u64 = whole.parse().map_err(|_| Self::BAD)?;
        let tens: u64 = fraction.parse().map_err(|_| Self::BAD)?;
        let cents = if fraction.len() == 1 { tens * 10 } else { tens };
        Self::from_cents(whole * 100 + cents)
    }

    /// The price in hundredths.
    #[must_use]
    pub const fn cents(self) -> u64 {
        self.0
    }

    /// What `units` of it cost together; at most 10^21 hundredths.
    #[must_use]
    pub fn times(self, units: Units) -> Money {
        Money(u128::from(self.0) * u128::from(units.get()))
    }

    const BAD: Invalid = Invalid::new("must be a number from 0 to 9999999999.99 with at most two decimals");
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Money(u128::from(self.0)).fmt(f)
    }
}

/// An amount of money in hundredths. Shown as a decimal with two places, which is also a JSON number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(u128);

impl Money {
    /// The amount in hundredths.
    #[must_use]
    pub const fn cents(self) -> u128 {
        self.0
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_exact() {
        for (text, cents) in
            [("0", 0), ("499", 49_900), ("19.9", 1_990), ("19.99", 1_999), ("9999999999.99", Price::MAX_CENTS)]
        {
            assert_eq!(Price::parse(text).unwrap().cents(), cents, "{text}");
        }
        for bad in ["", ".5", "5.", "-1", "+1", "1e3", " 1", "1.999", "10000000000", "NaN", "1,5"] {
            assert!(Price::parse(bad).is_err(), "{bad:?}");
        }
        assert_eq!(Price::parse("0.07").unwrap().to_string(), "0.07");
    }

    #[test]
    fn deltas_keep_their_sign() {
        assert_eq!(StockDelta::new(-3).unwrap(), StockDelta::Withdraw(Units::new(3).unwrap()));
        assert_eq!(StockDelta::new(3).unwrap(), StockDelta::Add(Units::new(3).unwrap()));
        assert!(StockDelta::new(i64::MIN).is_err() && StockDelta::new(1_000_000_001).is_err());
    }
}
