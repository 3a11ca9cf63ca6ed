//! What a caller does about each `code`: a table in the description of the API.

use std::fmt::Write;

use crate::error::Code;

/// Markdown: status, code, what to do.
pub(super) fn table() -> String {
    let mut table = "| Status | `code` | What to do |\n|---|---|---|\n".to_owned();
    for code in Code::ALL {
        // Writing into a string cannot fail.
        let _ = writeln!(table, "| {} | `{}` | {} |", code.status().as_u16(), code.name(), advice(code));
    }
    table
}

const fn advice(code: Code) -> &'static str {
    match code {
        Code::InvalidRequest => {
            "Mend the request: `errors` names every broken field. Repeating it as it is cannot help."
        }
        Code::Unauthorized => {
            "Get a key or a token, a new one if it has expired, and send it as `Authorization: Bearer …`."
        }
        Code::Forbidden => {
            "The token is for another user or has no scope `admin`, or the key is not for this. Repeating it cannot help."
        }
        Code::ProductNotFound => "There is no such product. Products are never deleted: look at the id.",
        Code::NoReservation => {
            "The hold has lapsed, was given back, or never was: reserve again. If a checkout was under way, \
             `GET /api/orders?userId=` knows whether it sold."
        }
        Code::NotWaiting => {
            "The user left, or was called and the hold is over by now, or never waited: join, if it is still wanted."
        }
        Code::WaitingListFull => "Look again later, or try to reserve.",
        Code::OrderNotFound => "There is no such order, or it is another user's.",
        Code::RouteNotFound => "Look at the path.",
        Code::MethodNotAllowed => "Use a method that `Allow` lists.",
        Code::InsufficientStock => {
            "`availableStock` is what there is: ask for less. With the `reason` `all_held` units may come back as holds \
             lapse, so try again in a while; with `sold_out` only a restock helps. With `waiting_list` units that are free are for \
             those who wait: join the waiting list."
        }
        Code::SaleNotStarted => {
            "Come back at `startsAt`; `Retry-After` says in how many seconds that is (a day at most), by the clock that decides it."
        }
        Code::SaleEnded => {
            "Too late for a new hold or a larger one. A hold made before can still be paid for, given back or lowered until it \
             expires."
        }
        Code::LimitPerReservation => "Ask for at most `maxPerReservation` units.",
        Code::CheckoutInProgress => {
            "Another request is paying for this very hold: wait a second, then read the orders."
        }
        Code::PayloadTooLarge => "Send less.",
        Code::UnsupportedMediaType => "Send JSON and say so: `Content-Type: application/json`.",
        Code::IdempotencyKeyReused => "This key was used for another body: take a new key for a new intention.",
        Code::RateLimited => "Wait as many seconds as `Retry-After` says.",
        Code::Unavailable => {
            "Repeat the same request, with the same `Idempotency-Key`, after `Retry-After` seconds: nothing was changed, or \
             the repeat settles it."
        }
        Code::Internal => {
            "A fault of the server. Repeat it once; then give the operator the `requestId`, under which the log has the cause."
        }
    }
}
