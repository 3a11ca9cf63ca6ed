//! The shapes of errors: one for each `code`, under a name of its own, so that generated clients have a type for each and the same
//! one wherever it occurs.

use utoipa::openapi::schema::{ArrayBuilder, Discriminator, ObjectBuilder, OneOfBuilder};
use utoipa::openapi::{RefOr, Schema};

use flashdeal_domain::Quantity;

use crate::error::Code;

use super::schemas::{instant, integer, object, reference, text, units};

/// Everything about errors under `#/components/schemas`.
pub(super) fn all() -> Vec<(String, RefOr<Schema>)> {
    let mut all: Vec<(String, RefOr<Schema>)> = vec![
        ("FieldError".to_owned(), object([("field", text().into()), ("message", text().into())]).into()),
        ("FailingStore".to_owned(), object([("store", text().into())]).into()),
    ];
    all.extend(Code::ALL.map(|code| (name(code), shape(code).into())));
    all.push(("Problem".to_owned(), one_of(&Code::ALL).description(Some("Any error (RFC 9457).")).into()));
    all
}

/// The shape of an answer that has one of these codes.
pub(super) fn of(codes: &[Code]) -> RefOr<Schema> {
    match codes {
        [only] => reference(&name(*only)),
        several => one_of(several).into(),
    }
}

/// `insufficient_stock` becomes `InsufficientStockProblem`.
fn name(code: Code) -> String {
    let words = code.name().split('_').map(|word| {
        let (first, rest) = word.split_at(1);
        first.to_uppercase() + rest
    });
    words.collect::<String>() + "Problem"
}

fn one_of(codes: &[Code]) -> OneOfBuilder {
    let places = codes.iter().map(|code| (code.name(), format!("#/components/schemas/{}", name(*code))));
    let by_code = Discriminator::with_mapping("code", places);
    codes.iter().fold(OneOfBuilder::new(), |any, code| any.item(reference(&name(*code)))).discriminator(Some(by_code))
}

/// RFC 9457, with what programs act on.
fn shape(code: Code) -> ObjectBuilder {
    let common = object([
        ("type", text().examples(["about:blank"]).into()),
        ("title", text().into()),
        ("status", integer(400, 599).into()),
        ("detail", text().description(Some("For people.")).into()),
        ("code", text().enum_values(Some([code.name()])).description(Some("For programs.")).into()),
        ("requestId", text().description(Some("Quote it when you report the problem.")).into()),
    ]);
    let list = |of: &str, about: &str| ArrayBuilder::new().items(reference(of)).description(Some(about));
    match code {
        Code::InvalidRequest => {
            common.property("errors", list("FieldError", "Every broken field, if the request could be read."))
        }
        Code::Unavailable => common.property(
            "failing",
            list("FailingStore", "Of /health/ready: the stores that keep the server from being ready."),
        ),
        Code::InsufficientStock => common
            .property("availableStock", units().description(Some("What could have been reserved.")))
            .required("availableStock")
            .property(
                "reason",
                text().enum_values(Some(["sold_out", "all_held", "waiting_list"])).description(Some(
                    "sold_out: nothing left to sell. all_held: holds may still lapse, so it is worth a retry. \
                     waiting_list: others wait, and it is their turn first.",
                )),
            )
            .required("reason"),
        Code::SaleNotStarted => common
            .property(
                "startsAt",
                instant().description(Some("When it does. Retry-After says how long that is, a day at most.")),
            )
            .required("startsAt"),
        Code::SaleEnded => common.property("endsAt", instant().description(Some("Since when."))).required("endsAt"),
        Code::LimitPerReservation => {
            let most =
                integer(i64::from(Quantity::MIN), Quantity::MAX).description(Some("The most units of one hold."));
            common.property("maxPerReservation", most).required("maxPerReservation")
        }
        _ => common,
    }
}
