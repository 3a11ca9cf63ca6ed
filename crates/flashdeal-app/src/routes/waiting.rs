//! `/api/products/{productId}/waitlist`: wait for units, see how that stands, wait no more.

use actix_web::{HttpRequest, HttpResponse, web};
use flashdeal_domain::ports::Place;
use flashdeal_domain::{Invalid, JoinRequest, ProductId, ReserveRequest};

use crate::access::Access;
use crate::error::Problem;
use crate::extract::{Broken, JsonBody, query};
use crate::json::{PageBody, WaitBody, answer};
use crate::state::AppState;

use super::orders::page_request;
use super::reservations::{parse_holder, parse_reserve};
use super::{CREATED, OK, path_id};

pub(super) async fn join(
    state: web::Data<AppState>,
    access: Access,
    request: HttpRequest,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    // What one waits for is what one would reserve. There is one wait per user and product, so a repeat needs no key.
    let ReserveRequest { product, user, quantity, key: _ } = parse_reserve(&access, &request, &body)?;
    let joined = state.within(state.sale.join(JoinRequest { product, user, quantity })).await?;
    state.products.used(product);
    let status = if joined.created { CREATED } else { OK };
    Ok(answer(status, &WaitBody::with_ahead(&joined.waiting, joined.ahead)))
}

/// One's own wait; or, where nobody is named and whoever asks runs the shop, the line.
pub(super) async fn read(
    state: web::Data<AppState>,
    access: Access,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let names_user = !query(request.query_string(), &["userId"], &mut Broken::default()).is_empty();
    if !names_user && !access.is_buyer() {
        return list(state, access, request).await;
    }
    let (product, user) = parse_holder(&access, &request, None)?;
    let wait = state.within(state.sale.wait(product, &user)).await?;
    Ok(answer(OK, &WaitBody::from(&wait)))
}

async fn list(state: web::Data<AppState>, access: Access, request: HttpRequest) -> Result<HttpResponse, Problem> {
    access.operator()?;
    let mut broken = Broken::default();
    let product = broken.take("productId", ProductId::parse(path_id(&request)));
    let (page, _) = page_request(&request, parse_place, false)?;
    let product = product.ok_or_else(|| broken.into_problem())?;
    let page = state.within(state.sale.line(product, page)).await?;
    let items = page.items.iter().map(WaitBody::from).collect();
    Ok(answer(OK, &PageBody { items, next_cursor: page.next.map(|place| place.0.to_string()) }))
}

pub(super) async fn leave(
    state: web::Data<AppState>,
    access: Access,
    request: HttpRequest,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let (product, user) = parse_holder(&access, &request, Some(&body))?;
    let waiting = state.within(state.sale.leave(product, &user)).await?;
    Ok(answer(OK, &WaitBody::from(&waiting)))
}

/// A cursor of a line.
pub(crate) fn parse_place(text: &str) -> Result<Place, Invalid> {
    let digits = (1..=18).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let place = text.parse().ok().filter(|_| digits);
    place.map(Place).ok_or(Invalid::new("must be the nextCursor of a page of this list"))
}
