//! `/api/products/{productId}/reserve`.

use flashdeal_domain::{Quantity, SaleError, Shortage, Units, UserId};
use serde_json::json;
use utoipa::openapi::path::HttpMethod;

use crate::error::Problem;

use super::operation::Described;
use super::problems::field;
use super::{examples, schemas::reference};

const TAG: &str = "reservations";
const PATH: &str = "/api/products/{productId}/reserve";

pub(super) fn operations() -> Vec<Described> {
    vec![reserve(), read(), release()]
}

fn described(method: HttpMethod, id: &'static str) -> Described {
    Described::new(method, PATH, id, TAG)
        .path_id("productId", "The product.")
        .refuse("productNotFound", SaleError::ProductNotFound.into())
        .by_user()
}

fn reserve() -> Described {
    let short = |available, shortage| SaleError::InsufficientStock {
        available: Units::new(available).unwrap_or_default(),
        shortage,
    };
    let broken = vec![field("userId", UserId::parse(" ")), field("quantity", Quantity::new(0))];
    let reserve = described(HttpMethod::Post, "reserve")
        .about(
            "Reserve units",
            "One hold per user and product. Reserving again sets the quantity, not counting the caller's own hold against \
             them, and never extends expiresAt. If the larger quantity is not there the hold stands as it was.\n\n\
             The terms of the sale bind what makes a hold or raises one: `now < startsAt` is too early, `now >= endsAt` too \
             late, by the clock of the holds. A hold that stands may be lowered, paid for and given back under any terms.",
        )
        .idempotent("Kept until the hold would have lapsed.")
        .body("Reserve", [("two", json!({ "userId": "ada", "quantity": 2 }))])
        .answer(201, "A new hold.", reference("Reservation"), [("held", examples::hold())], &[])
        .answer(
            200,
            "The caller already held: the hold now has this quantity. Or the first answer again, for a repeated key.",
            reference("Reservation"),
            [("changed", examples::hold())],
            &["Idempotent-Replayed"],
        )
        .refuse("badFields", Problem::invalid(broken))
        .refuse("soldOut", short(0, Shortage::SoldOut).into())
        .refuse("allHeld", short(1, Shortage::AllHeld).into())
        .refuse("othersWait", short(1, Shortage::WaitingList).into())
        .refuse("checkoutInProgress", SaleError::CheckoutInProgress.into());
    examples::refusals()
        .fold(reserve, |reserve, (name, refusal)| reserve.refuse(name, SaleError::Terms(refusal).into()))
}

fn read() -> Described {
    described(HttpMethod::Get, "getReservation")
        .about("Read one's hold", "The caller's live hold of this product.")
        .query("userId", "Whose hold. With tokens it may be left out.", reference("UserId"), true)
        .answer(200, "The hold.", reference("Reservation"), [("held", examples::hold())], &[])
        .refuse("badUser", Problem::invalid(vec![field("userId", UserId::parse(" "))]))
        .refuse("noReservation", SaleError::NoReservation.into())
}

fn release() -> Described {
    described(HttpMethod::Delete, "release")
        .about(
            "Give units back",
            "Its units are available to others at once. For clients and proxies that drop the body of a DELETE: \
             `?userId=` instead of a body does the same.",
        )
        .body("Release", [("mine", json!({ "userId": "ada" }))])
        .answer(200, "The released hold.", reference("Reservation"), [("released", examples::hold())], &[])
        .refuse("badUser", Problem::invalid(vec![field("userId", UserId::parse(" "))]))
        .refuse("noReservation", SaleError::NoReservation.into())
        .refuse("checkoutInProgress", SaleError::CheckoutInProgress.into())
}
