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

/// Which orders a listing shows: one user's, one product's, one user's of one product, or (the default) all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderFilter {
    /// Only this user's.
    pub user: Option<UserId>,
    /// Only of this product.
    pub product: Option<ProductId>,
}

impl OrderFilter {
    /// One user's orders, of whatever.
    #[must_use]
    pub fn of_user(user: &UserId) -> Self {
        Self { user: Some(user.clone()), product: None }
    }

    /// The orders of a product, whoever's.
    #[must_use]
    pub fn of_product(product: ProductId) -> Self {
        Self { user: None, product: Some(product) }
    }

    /// Whether this order is one of them.
    #[must_use]
    pub fn matches(&self, order: &Order) -> bool {
        self.user.as_ref().is_none_or(|user| order.user == *user)
            && self.product.is_none_or(|product| order.product == product)
    }
}

impl Order {
    /// What the order costs: unit price times quantity.
    #[must_use]
    pub fn total(&self) -> Money {
        self.unit_price.times(self.quantity)
    }
}
