//! JSON out: the shapes that the contract names, written straight into the body.

use std::cell::RefCell;
use std::fmt::{Display, Write};

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use flashdeal_domain::ports::Waiting;
use flashdeal_domain::{Order, Product, Quantity, Reservation, StockLevel, Timestamp, Wait};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use uuid::Uuid;

/// A hold as callers see it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HoldBody<'a> {
    #[serde(serialize_with = "id")]
    reservation_id: &'a Uuid,
    #[serde(serialize_with = "id")]
    product_id: &'a Uuid,
    user_id: &'a str,
    quantity: u32,
    #[serde(serialize_with = "time")]
    expires_at: Timestamp,
}

impl<'a> From<&'a Reservation> for HoldBody<'a> {
    fn from(hold: &'a Reservation) -> Self {
        Self {
            reservation_id: hold.id.as_uuid(),
            product_id: hold.product.as_uuid(),
            user_id: hold.user.as_str(),
            quantity: hold.quantity.get(),
            expires_at: hold.expires_at,
        }
    }
}

/// A wait as callers see it: one that goes on, or one that is over since units are held for the user.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WaitBody<'a> {
    #[serde(serialize_with = "id")]
    product_id: &'a Uuid,
    user_id: &'a str,
    quantity: u32,
    called: bool,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "some_time")]
    joined_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ahead: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reservation_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "some_time")]
    expires_at: Option<Timestamp>,
}

impl<'a> WaitBody<'a> {
    /// With how many wait before.
    pub(crate) fn with_ahead(waiting: &'a Waiting, ahead: u64) -> Self {
        Self { ahead: Some(ahead), ..Self::from(waiting) }
    }
}

impl<'a> From<&'a Waiting> for WaitBody<'a> {
    fn from(waiting: &'a Waiting) -> Self {
        Self {
            product_id: waiting.product.as_uuid(),
            user_id: waiting.user.as_str(),
            quantity: waiting.quantity.get(),
            called: false,
            joined_at: Some(waiting.joined_at),
            ahead: None,
            reservation_id: None,
            expires_at: None,
        }
    }
}

impl<'a> From<&'a Reservation> for WaitBody<'a> {
    fn from(hold: &'a Reservation) -> Self {
        Self {
            product_id: hold.product.as_uuid(),
            user_id: hold.user.as_str(),
            quantity: hold.quantity.get(),
            called: true,
            joined_at: None,
            ahead: None,
            reservation_id: Some(hold.id.to_string()),
            expires_at: Some(hold.expires_at),
        }
    }
}

impl<'a> From<&'a Wait> for WaitBody<'a> {
    fn from(wait: &'a Wait) -> Self {
        match wait {
            Wait::Waits { waiting, ahead } => Self::with_ahead(waiting, *ahead),
            Wait::Called(hold) => hold.into(),
        }
    }
}

/// An order as callers see it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OrderBody<'a> {
    #[serde(serialize_with = "id")]
    order_id: &'a Uuid,
    #[serde(serialize_with = "id")]
    reservation_id: &'a Uuid,
    #[serde(serialize_with = "id")]
    product_id: &'a Uuid,
    user_id: &'a str,
    quantity: u32,
    unit_price: Box<RawValue>,
    total: Box<RawValue>,
    #[serde(serialize_with = "time")]
    created_at: Timestamp,
}

impl<'a> From<&'a Order> for OrderBody<'a> {
    fn from(order: &'a Order) -> Self {
        Self {
            order_id: order.id.as_uuid(),
            reservation_id: order.reservation.as_uuid(),
            product_id: order.product.as_uuid(),
            user_id: order.user.as_str(),
            quantity: order.quantity.get(),
            unit_price: number(order.unit_price),
            total: number(order.total()),
            created_at: order.created_at,
        }
    }
}

/// A product as callers see it; with its counters where they were asked for.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProductBody<'a> {
    #[serde(serialize_with = "id")]
    id: &'a Uuid,
    name: &'a str,
    description: &'a str,
    price: Box<RawValue>,
    total_stock: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    reserved_stock: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    available_stock: Option<u32>,
    #[serde(serialize_with = "time")]
    created_at: Timestamp,
    // The terms of the sale, only where there are any.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "some_time")]
    starts_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "some_time")]
    ends_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_per_reservation: Option<u32>,
}

impl<'a> ProductBody<'a> {
    /// With the three counters of one read.
    pub(crate) fn with_level(product: &'a Product, level: StockLevel) -> Self {
        Self {
            total_stock: level.total().get(),
            reserved_stock: Some(level.reserved().get()),
            available_stock: Some(level.available().get()),
            ..Self::from(product)
        }
    }
}

impl<'a> From<&'a Product> for ProductBody<'a> {
    fn from(product: &'a Product) -> Self {
        Self {
            id: product.id.as_uuid(),
            name: product.name.as_str(),
            description: product.description.as_str(),
            price: number(product.price),
            total_stock: product.total_stock.get(),
            reserved_stock: None,
            available_stock: None,
            created_at: product.created_at,
            starts_at: product.terms.starts_at(),
            ends_at: product.terms.ends_at(),
            max_per_reservation: product.terms.max_per_reservation().map(Quantity::get),
        }
    }
}

/// The three counters.
#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the names of the contract")]
#[serde(rename_all = "camelCase")]
pub(crate) struct StatusBody {
    total_stock: u32,
    reserved_stock: u32,
    available_stock: u32,
}

impl From<StockLevel> for StatusBody {
    fn from(level: StockLevel) -> Self {
        Self {
            total_stock: level.total().get(),
            reserved_stock: level.reserved().get(),
            available_stock: level.available().get(),
        }
    }
}

/// A page of anything.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PageBody<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next_cursor: Option<String>,
}

/// An answer with this body.
pub(crate) fn answer(status: StatusCode, body: &impl Serialize) -> HttpResponse {
    let mut bytes = Vec::with_capacity(256);
    match serde_json::to_writer(&mut bytes, body) {
        Ok(()) => HttpResponse::build(status).insert_header((CONTENT_TYPE, JSON)).body(bytes),
        // Writing our own shapes into memory has no way to fail.
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde wants")]
fn id<S: Serializer>(id: &&Uuid, serializer: S) -> Result<S::Ok, S::Error> {
    let mut text = Uuid::encode_buffer();
    serializer.serialize_str(id.as_hyphenated().encode_lower(&mut text))
}

/// The holds of one batch end at the same millisecond, so the last time that was written is mostly the next one as well.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde wants")]
fn time<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    thread_local! {
        static LAST: RefCell<(Option<Timestamp>, String)> = const { RefCell::new((None, String::new())) };
    }
    LAST.with_borrow_mut(|(last, text)| {
        if *last != Some(*time) {
            text.clear();
            // Writing into a string cannot fail.
            let _ = write!(text, "{time}");
            *last = Some(*time);
        }
        serializer.serialize_str(text)
    })
}

#[expect(clippy::ref_option, reason = "the signature serde wants")]
fn some_time<S: Serializer>(instant: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match instant {
        Some(instant) => time(instant, serializer),
        None => serializer.serialize_none(),
    }
}

/// Decimal text as a JSON number, digit by digit: never by way of a float.
fn number(decimal: impl Display) -> Box<RawValue> {
    RawValue::from_string(decimal.to_string()).unwrap_or_else(|_| RawValue::NULL.to_owned())
}
