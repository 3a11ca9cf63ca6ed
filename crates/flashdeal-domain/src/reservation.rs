//! Reservations: units held for one user until a deadline.

use crate::stock::Units;
use crate::text::UserId;
use crate::time::Timestamp;

pub use crate::ids::{ProductId, ReservationId};

/// A hold as callers see it. A user has at most one per product.
///
/// It is *held* until it is sold, released or lapses at `expires_at`; *paying* from the moment a checkout began, and
/// from then on it can only end as sold or as void, never become merely held again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// Its id; setting another quantity keeps it.
    pub id: ReservationId,
    /// Of what.
    pub product: ProductId,
    /// By whom.
    pub user: UserId,
    /// How many.
    pub quantity: Units,
    /// At this instant, to the millisecond of the ledger's clock, its units are available to the next caller.
    pub expires_at: Timestamp,
}
