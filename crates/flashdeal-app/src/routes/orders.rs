//! `/api/orders`: what was sold, for ever.

use actix_web::{HttpRequest, HttpResponse, web};
use flashdeal_domain::{Invalid, OrderFilter, OrderId, PageRequest, PageSize, ProductId, SaleError, UserId};

use crate::access::Access;
use crate::error::Problem;
use crate::extract::{Broken, query};
use crate::json::{OrderBody, PageBody, answer};
use crate::state::AppState;

use super::{OK, path_id};

pub(super) async fn read(
    state: web::Data<AppState>,
    access: Access,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut broken = Broken::default();
    let id = broken.take("orderId", OrderId::parse(path_id(&request))).ok_or_else(|| broken.into_problem())?;
    let order = state.within(state.sale.order(id)).await?;
    if !access.may_see(&order) {
        return Err(SaleError::OrderNotFound.into());
    }
    Ok(answer(OK, &OrderBody::from(&order)))
}

pub(super) async fn list(
    state: web::Data<AppState>,
    access: Access,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (page, named) = page_request(&request, OrderId::parse, true)?;
    let of = OrderFilter { user: access.listed_user(named.user)?, ..named };
    let page = state.within(state.sale.orders(&of, page)).await?;
    let items = page.items.iter().map(OrderBody::from).collect();
    Ok(answer(OK, &PageBody { items, next_cursor: page.next.map(|id| id.to_string()) }))
}

/// `limit` and `cursor`; of orders, `userId` and `productId` too.
pub(crate) fn page_request<Id>(
    request: &HttpRequest,
    cursor: impl Fn(&str) -> Result<Id, Invalid>,
    of_orders: bool,
) -> Result<(PageRequest<Id>, OrderFilter), Problem> {
    let known = ["limit", "cursor", "userId", "productId"];
    let known = if of_orders { &known[..] } else { &known[..2] };
    let mut broken = Broken::default();
    let fields = query(request.query_string(), known, &mut broken);
    let field = |name: &str| fields.iter().find(|(known, _)| *known == name).map(|(_, text)| text.as_str());
    let size = match field("limit") {
        Some(text) => broken.take("limit", parse_limit(text)),
        None => Some(PageSize::default()),
    };
    let after = field("cursor").and_then(|text| broken.take("cursor", cursor(text)));
    let user = field("userId").and_then(|text| broken.take("userId", UserId::parse(text)));
    let product = field("productId").and_then(|text| broken.take("productId", ProductId::parse(text)));
    match (broken.is_empty(), size) {
        (true, Some(size)) => Ok((PageRequest { size, after }, OrderFilter { user, product })),
        _ => Err(broken.into_problem()),
    }
}

fn parse_limit(text: &str) -> Result<PageSize, Invalid> {
    // Only digits: `+5` is a space and a five to some, and a five to others.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let size = text.parse::<u8>().ok().filter(|_| digits);
    PageSize::new(size.unwrap_or(0))
}
