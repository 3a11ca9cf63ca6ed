//! `/api/products/{productId}/checkout`: sell what a user holds, once.

use std::borrow::Cow;

use actix_web::http::header::{HeaderValue, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};
use flashdeal_domain::{CheckoutRequest, Invalid, ProductId, ReservationId, UserId};
use garde::Validate;
use serde::Deserialize;

use crate::access::Access;
use crate::error::Problem;
use crate::extract::{Broken, Field, JsonBody, rule};
use crate::json::{OrderBody, answer};
use crate::state::AppState;

use super::reservations::{mark_replayed, rules};
use super::{CREATED, OK, path_id};

/// The body of `POST …/checkout`.
#[derive(Deserialize, Validate)]
#[serde(rename_all = "camelCase")]
struct CheckoutBody<'a> {
    #[serde(default, borrow)]
    #[garde(custom(rule(rules::user_id)))]
    user_id: Field<Cow<'a, str>>,
    #[serde(default, borrow)]
    #[garde(custom(rule(parse_reservation)))]
    reservation_id: Field<Cow<'a, str>>,
}

fn parse_reservation(field: &Field<Cow<'_, str>>) -> Result<Option<ReservationId>, Invalid> {
    field.optional("must be a UUID string")?.map(|text| ReservationId::parse(text)).transpose()
}

pub(super) async fn checkout(
    state: web::Data<AppState>,
    access: Access,
    request: HttpRequest,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let checkout = parse_checkout(&access, &request, &body)?;
    let sold = state.within(state.sale.checkout(checkout)).await?;
    if sold.created && !sold.replayed {
        state.metrics.sold(sold.order.quantity.get());
    }
    state.products.used(sold.order.product);
    let mut response = answer(if sold.created { CREATED } else { OK }, &OrderBody::from(&sold.order));
    if let (true, Ok(location)) = (sold.created, HeaderValue::try_from(format!("/api/orders/{}", sold.order.id))) {
        response.headers_mut().insert(LOCATION, location);
    }
    if sold.replayed {
        mark_replayed(&mut response);
    }
    Ok(response)
}

pub(crate) fn parse_checkout(
    access: &Access,
    request: &HttpRequest,
    body: &JsonBody,
) -> Result<CheckoutRequest, Problem> {
    let body: CheckoutBody<'_> = body.object()?;
    let body = CheckoutBody { user_id: access.fill(body.user_id), ..body };
    let mut broken = Broken::default();
    let product = broken.take("productId", ProductId::parse(path_id(request)));
    let key = broken.idempotency_key(request);
    if let Err(report) = body.validate() {
        broken.report(&report);
    }
    let user = rules::parse_user(&body.user_id).and_then(UserId::parse).ok();
    let named = parse_reservation(&body.reservation_id).ok().flatten();
    match (broken.is_empty(), product, user) {
        (true, Some(product), Some(user)) => {
            access.acts_for(&user)?;
            Ok(CheckoutRequest { product, user, named, key })
        }
        _ => Err(broken.into_problem()),
    }
}
