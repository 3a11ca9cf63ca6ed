//! `/api/products/{productId}/reserve`: hold units, read the hold, cancel it.

use std::borrow::Cow;

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use flashdeal_domain::{Invalid, ProductId, Quantity, ReserveRequest, UserId};
use garde::Validate;
use serde::Deserialize;

use crate::access::Access;
use crate::error::Problem;
use crate::extract::{Broken, Field, JsonBody, query, rule};
use crate::json::{HoldBody, answer};
use crate::state::AppState;

use super::{CREATED, OK, path_id};

/// The body of `POST …/reserve`.
#[derive(Deserialize, Validate)]
#[serde(rename_all = "camelCase")]
struct ReserveBody<'a> {
    #[serde(default, borrow)]
    #[garde(custom(rule(rules::user_id)))]
    user_id: Field<Cow<'a, str>>,
    #[serde(default)]
    #[garde(custom(rule(rules::parse_quantity)))]
    quantity: Field<i64>,
}

/// The body of `DELETE …/reserve`, which may also come in the query.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReleaseBody<'a> {
    #[serde(default, borrow)]
    user_id: Field<Cow<'a, str>>,
}

/// Rules of request fields that are the domain's; shared by all routes that take them.
pub(super) mod rules {
    use super::{Cow, Field, Invalid, Quantity, UserId};

    pub(crate) fn user_id(field: &Field<Cow<'_, str>>) -> Result<(), Invalid> {
        parse_user(field).map(drop)
    }

    pub(crate) fn parse_user<'a>(field: &'a Field<Cow<'_, str>>) -> Result<&'a str, Invalid> {
        let text = field.required("must be a string of 1 to 128 characters")?;
        UserId::check(text)?;
        Ok(text)
    }

    pub(crate) fn parse_quantity(field: &Field<i64>) -> Result<Quantity, Invalid> {
        field.required("must be an integer from 1 to 1000000").and_then(|quantity| Quantity::new(*quantity))
    }
}

pub(super) async fn reserve(
    state: web::Data<AppState>,
    access: Access,
    request: HttpRequest,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let reserve = parse_reserve(&access, &request, &body)?;
    let reserved = state.within(state.sale.reserve(reserve)).await?;
    state.products.used(reserved.reservation.product);
    let status = if reserved.created { CREATED } else { OK };
    let mut response = answer(status, &HoldBody::from(&reserved.reservation));
    if reserved.replayed {
        mark_replayed(&mut response);
    }
    Ok(response)
}

pub(crate) fn parse_reserve(
    access: &Access,
    request: &HttpRequest,
    body: &JsonBody,
) -> Result<ReserveRequest, Problem> {
    let body: ReserveBody<'_> = body.object()?;
    let body = ReserveBody { user_id: access.fill(body.user_id), ..body };
    let mut broken = Broken::default();
    let product = broken.take("productId", ProductId::parse(path_id(request)));
    let key = broken.idempotency_key(request);
    if let Err(report) = body.validate() {
        broken.report(&report);
    }
    let user = rules::parse_user(&body.user_id).and_then(UserId::parse).ok();
    let quantity = rules::parse_quantity(&body.quantity).ok();
    match (broken.is_empty(), product, user, quantity) {
        (true, Some(product), Some(user), Some(quantity)) => {
            access.acts_for(&user)?;
            Ok(ReserveRequest { product, user, quantity, key })
        }
        _ => Err(broken.into_problem()),
    }
}

pub(super) async fn read(
    state: web::Data<AppState>,
    access: Access,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (product, user) = parse_holder(&access, &request, None)?;
    let hold = state.within(state.sale.hold(product, &user)).await?;
    Ok(answer(OK, &HoldBody::from(&hold)))
}

pub(super) async fn release(
    state: web::Data<AppState>,
    access: Access,
    request: HttpRequest,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let (product, user) = parse_holder(&access, &request, Some(&body))?;
    let hold = state.within(state.sale.release(product, &user)).await?;
    state.products.used(product);
    Ok(answer(OK, &HoldBody::from(&hold)))
}

/// Whose hold: from the body if there is one with a user, else from the query.
pub(crate) fn parse_holder(
    access: &Access,
    request: &HttpRequest,
    body: Option<&JsonBody>,
) -> Result<(ProductId, UserId), Problem> {
    let mut broken = Broken::default();
    let product = broken.take("productId", ProductId::parse(path_id(request)));
    let query = query(request.query_string(), &["userId"], &mut broken);
    let from_query = query.into_iter().next().map_or(Field::Missing, |(_, text)| Field::Is(Cow::Owned(text)));
    let from_body = match body.filter(|body| !body.is_empty()) {
        Some(body) => body.object::<ReleaseBody<'_>>()?.user_id,
        None => Field::Missing,
    };
    let user = access.fill(if matches!(from_body, Field::Missing) { from_query } else { from_body });
    let user = broken.take("userId", rules::parse_user(&user).and_then(UserId::parse));
    match (broken.is_empty(), product, user) {
        (true, Some(product), Some(user)) => {
            access.acts_for(&user)?;
            Ok((product, user))
        }
        _ => Err(broken.into_problem()),
    }
}

/// Tells that this is the first answer again.
pub(super) fn mark_replayed(response: &mut HttpResponse) {
    let name = HeaderName::from_static("idempotent-replayed");
    response.headers_mut().insert(name, HeaderValue::from_static("true"));
}
