//! `/api/products`: create, list, read and change products; read their three counters.

use std::borrow::Cow;

use actix_web::http::header::{HeaderValue, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};
use flashdeal_domain::{
    Description, Edit, Invalid, NewProduct, ProductId, ProductName, ProductPatch, Quantity, SaleError, StockDelta,
    Terms, TermsPatch, Timestamp, Units,
};
use garde::Validate;
use serde::Deserialize;

use crate::access::Access;
use crate::error::Problem;
use crate::extract::{Broken, Change, Decimal, Field, JsonBody, rule};
use crate::json::{PageBody, ProductBody, StatusBody, answer};
use crate::state::AppState;

use super::orders::page_request;
use super::{CREATED, OK, path_id};

/// The body of `POST /api/products`.
#[derive(Deserialize, Validate)]
#[serde(rename_all = "camelCase")]
struct CreateBody<'a> {
    #[serde(default, borrow)]
    #[garde(custom(rule(|field: &Field<Cow<'_, str>>| parse_name(field).and_then(present))))]
    name: Field<Cow<'a, str>>,
    #[serde(default, borrow)]
    #[garde(custom(rule(parse_description)))]
    description: Field<Cow<'a, str>>,
    #[serde(default, borrow)]
    #[garde(custom(rule(|field: &Decimal<'_>| field.price().and_then(present))))]
    price: Decimal<'a>,
    #[serde(default)]
    #[garde(custom(rule(parse_total)))]
    total_stock: Field<i64>,
    #[serde(default, borrow)]
    #[garde(custom(rule(instant)))]
    starts_at: Field<Cow<'a, str>>,
    #[serde(default, borrow)]
    #[garde(custom(rule(instant)))]
    ends_at: Field<Cow<'a, str>>,
    #[serde(default)]
    #[garde(custom(rule(limit)))]
    max_per_reservation: Field<i64>,
}

impl CreateBody<'_> {
    fn terms(&self) -> Result<Terms, Invalid> {
        Terms::new(instant(&self.starts_at)?, instant(&self.ends_at)?, limit(&self.max_per_reservation)?)
    }
}

/// The body of `PATCH /api/products/{productId}`; absent fields stay as they are, and of the terms those that are `null` go.
#[derive(Deserialize, Validate)]
#[serde(rename_all = "camelCase")]
struct ChangeBody<'a> {
    #[serde(default, borrow)]
    #[garde(custom(rule(parse_name)))]
    name: Field<Cow<'a, str>>,
    #[serde(default, borrow)]
    #[garde(custom(rule(parse_description)))]
    description: Field<Cow<'a, str>>,
    #[serde(default, borrow)]
    #[garde(custom(rule(Decimal::price)))]
    price: Decimal<'a>,
    #[serde(default)]
    #[garde(custom(rule(parse_delta)))]
    add_stock: Field<i64>,
    #[serde(default, borrow)]
    #[garde(custom(rule(instant_edit)))]
    starts_at: Change<Cow<'a, str>>,
    #[serde(default, borrow)]
    #[garde(custom(rule(instant_edit)))]
    ends_at: Change<Cow<'a, str>>,
    #[serde(default)]
    #[garde(custom(rule(limit_edit)))]
    max_per_reservation: Change<i64>,
}

impl ChangeBody<'_> {
    fn terms(&self) -> Result<TermsPatch, Invalid> {
        Ok(TermsPatch {
            starts_at: instant_edit(&self.starts_at)?,
            ends_at: instant_edit(&self.ends_at)?,
            max_per_reservation: limit_edit(&self.max_per_reservation)?,
        })
    }
}

pub(super) async fn create(
    state: web::Data<AppState>,
    access: Access,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    access.admin()?;
    let new = parse_new(&body)?;
    let product = state.within(state.sale.create_product(new)).await.map_err(Problem::look_first)?;
    state.products.used(product.id);
    let mut response = answer(CREATED, &ProductBody::from(&product));
    if let Ok(location) = HeaderValue::try_from(format!("/api/products/{}", product.id)) {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

pub(super) async fn list(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let (page, _) = page_request(&request, ProductId::parse, false)?;
    let page = state.within(state.sale.products(page)).await?;
    let items = page.items.iter().map(ProductBody::from).collect();
    Ok(answer(OK, &PageBody { items, next_cursor: page.next.map(|id| id.to_string()) }))
}

pub(super) async fn read(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let id = product_id(&request)?;
    let (product, level) = state.within(state.sale.product(id)).await?;
    Ok(answer(OK, &ProductBody::with_level(&product, level)))
}

pub(super) async fn status(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let id = product_id(&request)?;
    let level = state.within(state.sale.status(id)).await?;
    Ok(answer(OK, &StatusBody::from(level)))
}

pub(super) async fn change(
    state: web::Data<AppState>,
    access: Access,
    request: HttpRequest,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    access.admin()?;
    let (id, patch) = parse_change(&request, &body)?;
    let start_alone = matches!(patch.terms.starts_at, Edit::Set(_)) && patch.terms.ends_at.keeps();
    let changed = async {
        match state.sale.change_product(id, patch).await {
            Err(SaleError::EndBeforeStart) if start_alone => Ok(Err(start_after_end())),
            answer => answer.map(Ok),
        }
    };
    let (product, level) = state.within(changed).await.map_err(Problem::look_first)??;
    state.products.used(id);
    Ok(answer(OK, &ProductBody::with_level(&product, level)))
}

/// Of the two instants only the start was sent, and the end that the product has is not later.
pub(crate) fn start_after_end() -> Problem {
    let mut broken = Broken::default();
    broken.note("startsAt", "must be earlier than the endsAt that the product has");
    broken.into_problem()
}

pub(crate) fn parse_new(body: &JsonBody) -> Result<NewProduct, Problem> {
    let body: CreateBody<'_> = body.object()?;
    let mut broken = Broken::default();
    if let Err(report) = body.validate() {
        broken.report(&report);
    }
    end_after_start(&mut broken, instant(&body.starts_at), instant(&body.ends_at));
    if !broken.is_empty() {
        return Err(broken.into_problem());
    }
    let parts = (
        parse_name(&body.name),
        parse_description(&body.description),
        body.price.price(),
        parse_total(&body.total_stock),
        body.terms(),
    );
    match parts {
        (Ok(Some(name)), Ok(description), Ok(Some(price)), Ok(total_stock), Ok(terms)) => {
            Ok(NewProduct { name, description: description.unwrap_or_default(), price, total_stock, terms })
        }
        _ => Err(broken.into_problem()),
    }
}

pub(crate) fn parse_change(request: &HttpRequest, body: &JsonBody) -> Result<(ProductId, ProductPatch), Problem> {
    let body: ChangeBody<'_> = body.object()?;
    let mut broken = Broken::default();
    let id = broken.take("productId", ProductId::parse(path_id(request)));
    if let Err(report) = body.validate() {
        broken.report(&report);
    }
    let patch = ProductPatch {
        name: parse_name(&body.name).ok().flatten(),
        description: parse_description(&body.description).ok().flatten(),
        price: body.price.price().ok().flatten(),
        add_stock: parse_delta(&body.add_stock).ok().flatten(),
        terms: body.terms().unwrap_or_default(),
    };
    // What goes with what the product has is for the record to say; two instants of one body contradict each other here.
    let set = |edit: Result<Edit<Timestamp>, Invalid>| edit.map(|edit| edit.apply(None));
    end_after_start(&mut broken, set(instant_edit(&body.starts_at)), set(instant_edit(&body.ends_at)));
    if broken.is_empty() && patch == ProductPatch::default() {
        broken.note(
            "body",
            "must have at least one of addStock, price, name, description, startsAt, endsAt, maxPerReservation",
        );
    }
    match (broken.is_empty(), id) {
        (true, Some(id)) => Ok((id, patch)),
        _ => Err(broken.into_problem()),
    }
}

fn product_id(request: &HttpRequest) -> Result<ProductId, Problem> {
    let mut broken = Broken::default();
    broken.take("productId", ProductId::parse(path_id(request))).ok_or_else(|| broken.into_problem())
}

fn parse_name(field: &Field<Cow<'_, str>>) -> Result<Option<ProductName>, Invalid> {
    field.optional("must be a string of 1 to 200 characters")?.map(|text| ProductName::parse(text)).transpose()
}

fn parse_description(field: &Field<Cow<'_, str>>) -> Result<Option<Description>, Invalid> {
    field.optional("must be a string of at most 5000 characters")?.map(|text| Description::parse(text)).transpose()
}

fn parse_total(field: &Field<i64>) -> Result<Units, Invalid> {
    field.required("must be an integer from 0 to 1000000000").and_then(|units| Units::new(*units))
}

fn parse_delta(field: &Field<i64>) -> Result<Option<StockDelta>, Invalid> {
    let units = field.optional("must be an integer from -1000000000 to 1000000000")?;
    units.map(|units| StockDelta::new(*units)).transpose()
}

const LIMIT: &str = "must be an integer from 1 to 1000000";

fn parse_instant(text: &str) -> Result<Timestamp, Invalid> {
    Timestamp::parse(text).and_then(Terms::instant)
}

fn instant(field: &Field<Cow<'_, str>>) -> Result<Option<Timestamp>, Invalid> {
    field.optional(Timestamp::ALLOWED)?.map(|text| parse_instant(text)).transpose()
}

fn limit(field: &Field<i64>) -> Result<Option<Quantity>, Invalid> {
    field.optional(LIMIT)?.map(|units| Quantity::new(*units)).transpose()
}

fn instant_edit(field: &Change<Cow<'_, str>>) -> Result<Edit<Timestamp>, Invalid> {
    field.edit(Timestamp::ALLOWED, |text| parse_instant(text))
}

fn limit_edit(field: &Change<i64>) -> Result<Edit<Quantity>, Invalid> {
    field.edit(LIMIT, |units| Quantity::new(*units))
}

/// Tells of two good instants in the wrong order.
fn end_after_start(
    broken: &mut Broken,
    start: Result<Option<Timestamp>, Invalid>,
    end: Result<Option<Timestamp>, Invalid>,
) {
    if let (Ok(start), Ok(end)) = (start, end) {
        broken.take("endsAt", Terms::new(start, end, None));
    }
}

/// A field that must be there.
fn present<T>(value: Option<T>) -> Result<T, Invalid> {
    value.ok_or(Invalid::new("is required"))
}
