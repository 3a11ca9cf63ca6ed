//! `/api/products/{productId}/checkout`.

use flashdeal_domain::{ReservationId, SaleError, Shortage, Units, UserId};
use serde_json::json;
use utoipa::openapi::path::HttpMethod;

use crate::error::Problem;

use super::operation::Described;
use super::problems::field;
use super::{examples, schemas::reference};

pub(super) fn operations() -> Vec<Described> {
    let broken = vec![field("userId", UserId::parse(" ")), field("reservationId", ReservationId::parse("42"))];
    // The gate lost its memory, and the units went to others before it was paid for.
    let sold_meanwhile = SaleError::InsufficientStock { available: Units::ZERO, shortage: Shortage::SoldOut };
    let named = json!({ "userId": "ada", "reservationId": examples::reservation_id() });
    let checkout = Described::new(HttpMethod::Post, "/api/products/{productId}/checkout", "checkout", "checkout")
        .about(
            "Check out",
            "Sells all of the hold once, or changes nothing. A repeat that names its reservationId or its Idempotency-Key gets \
             the same order again. The price is the one of this moment.",
        )
        .path_id("productId", "The product.")
        .idempotent("Kept for at least 24 hours.")
        .body("Checkout", [("named", named), ("whateverIHold", json!({ "userId": "ada" }))])
        .answer(201, "The order.", reference("Order"), [("sold", examples::order())], &["Location"])
        .answer(200, "The same order again.", reference("Order"), [("again", examples::order())], &["Idempotent-Replayed"])
        .refuse("badFields", Problem::invalid(broken))
        .refuse("productNotFound", SaleError::ProductNotFound.into())
        .refuse("noReservation", SaleError::NoReservation.into())
        .refuse("checkoutInProgress", SaleError::CheckoutInProgress.into())
        .refuse("soldMeanwhile", sold_meanwhile.into())
        .by_user();
    vec![checkout]
}
