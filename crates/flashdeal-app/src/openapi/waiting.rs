//! `/api/products/{productId}/waitlist`.

use flashdeal_domain::{Quantity, SaleError, TermsRefusal, UserId};
use serde_json::json;
use utoipa::openapi::path::HttpMethod;

use crate::error::{Code, Problem};
use crate::routes::parse_place;

use super::examples;
use super::operation::Described;
use super::problems::field;
use super::schemas::{either, place, reference};

const TAG: &str = "waiting list";
const PATH: &str = "/api/products/{productId}/waitlist";

pub(super) fn operations() -> Vec<Described> {
    vec![join(), read(), leave()]
}

fn described(method: HttpMethod, id: &'static str) -> Described {
    Described::new(method, PATH, id, TAG)
        .path_id("productId", "The product.")
        .refuse("productNotFound", SaleError::ProductNotFound.into())
        .by_user()
}

fn join() -> Described {
    let broken = vec![field("userId", UserId::parse(" ")), field("quantity", Quantity::new(0))];
    let join = described(HttpMethod::Post, "joinWaitingList")
        .about(
            "Wait for units",
            "One place per user and product. While anybody waits, nobody else makes or raises a reservation: what comes free, be it \
             by a lapse, a cancellation, a restock or the start of the sale, is held for those who wait, in their order and for the \
             usual time. Joining again sets the quantity and keeps the place, so that a repeat needs no Idempotency-Key.\n\n\
             The first in line is called once all they want is free, and those behind wait as long. Where less than that is left to \
             sell altogether, or maxPerReservation is lower by then, they are called with that. Who holds units already when their \
             turn comes keeps them as they are, and waits no more. When the sale ends, the line does.",
        )
        .body("Reserve", [("two", json!({ "userId": "ada", "quantity": 2 }))])
        .answer(201, "At the end of the line.", reference("WaitInLine"), [("waits", examples::waits())], &[])
        .answer(
            200,
            "The user waited already: the quantity is set, the place kept.",
            reference("WaitInLine"),
            [("waits", examples::waits())],
            &[],
        )
        .refuse("badFields", Problem::invalid(broken))
        .refuse("full", SaleError::WaitingListFull.into());
    examples::refusals()
        .filter(|(_, refusal)| !matches!(refusal, TermsRefusal::NotStarted { .. }))
        .fold(join, |join, (name, refusal)| join.refuse(name, SaleError::Terms(refusal).into()))
}

fn read() -> Described {
    let broken = vec![field("cursor", parse_place("first"))];
    described(HttpMethod::Get, "getWait")
        .about(
            "See how a wait stands",
            "With userId, that user's wait: how many wait before them; or, once they are called, the hold, for as long as it lives. \
             Without, everyone who waits, in their order: for admins and keys that may read (where nobody is asked for a key or a \
             token, for anyone).",
        )
        .query("userId", "Whose wait. With tokens it may be left out.", reference("UserId"), false)
        .paged_by(place().into())
        .answer(
            200,
            "The wait, or a page of the line.",
            either(["WaitInLine", "WaitCalled", "WaitPage"]),
            [("waits", examples::waits()), ("called", examples::called()), ("line", examples::line())],
            &[],
        )
        .refuse("badUser", Problem::invalid(vec![field("userId", UserId::parse(" "))]))
        .refuse("badCursor", Problem::invalid(broken))
        .refuse("notOperator", Problem::new(Code::Forbidden, "This needs a token with the admin scope."))
        .refuse("notWaiting", SaleError::NotWaiting.into())
}

fn leave() -> Described {
    described(HttpMethod::Delete, "leaveWaitingList")
        .about(
            "Wait no more",
            "Those behind move up. `?userId=` instead of a body does the same. Who leaves at the very moment they are called may \
             find a hold all the same: it is given back as any other.",
        )
        .body("Release", [("mine", json!({ "userId": "ada" }))])
        .answer(200, "The wait that is over.", reference("Wait"), [("left", examples::left())], &[])
        .refuse("badUser", Problem::invalid(vec![field("userId", UserId::parse(" "))]))
        .refuse("notWaiting", SaleError::NotWaiting.into())
}
