//! Orders: what a sale leaves behind, for ever.

use crate::product::{Money, Price};
use crate::stock::Units;
use crate::text::UserId;
use crate::time::Timestamp;

pub use crate::ids::{OrderId, ProductId, ReservationId};

/// One sale: all of one hold, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Its id.
    pub id: OrderId,
    /// The hold that was sold.
    pub reservation: ReservationId,
    /// Of what.
    pub product: ProductId,
    /// To whom.
    pub user: UserId,
    /// How many.
    pub quantity: Units,
    /// The price of one unit when the order was written, read in the same transaction.
    pub unit_price: Price,
    /// When it was written, by the record's clock.
    pub created_at: Timestamp,
}

impl Order {
    /// What the order costs: unit price times quantity.
    #[must_use]
    pub fn total(&self) -> Money {
        self.unit_price.times(self.quantity)
    }
}
