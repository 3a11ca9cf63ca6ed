//! The values of the examples: domain values, written by the shapes that the handlers write with.

use flashdeal_domain::ports::{Place, Waiting};
use flashdeal_domain::{
    Description, Order, OrderId, Price, Product, ProductId, ProductName, Quantity, Reservation, ReservationId,
    StockLevel, Terms, TermsRefusal, Timestamp, Units, UserId,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::json::{HoldBody, OrderBody, PageBody, ProductBody, StatusBody, WaitBody};
use crate::webhooks::Event;

pub(super) const REQUEST_ID: &str = "019ab2c4-9a00-7b11-9c3d-2e4f5a6b7c8d";

const PRODUCT_ID: Uuid = Uuid::from_u128(0x019a_b2c3_1f40_7c2a_9d5e_0a1b_2c3d_4e5f);
const RESERVATION_ID: Uuid = Uuid::from_u128(0x019a_b2c4_5b2c_7e10_a1b2_c3d4_e5f6_0718);
const ORDER_ID: Uuid = Uuid::from_u128(0x019a_b2c4_7d1e_7a44_8f03_5b6c_7d8e_9f10);
/// 2026-11-27T09:00:00.000Z
const CREATED_AT: Timestamp = Timestamp::from_millis(1_795_770_000_000);
const TEN_MINUTES_MS: i64 = 600_000;

pub(super) fn product_id() -> String {
    PRODUCT_ID.to_string()
}

pub(super) fn reservation_id() -> String {
    RESERVATION_ID.to_string()
}

fn some_product() -> Product {
    Product {
        id: ProductId::from_uuid(PRODUCT_ID),
        name: name(),
        description: Description::parse("One per household. While stock lasts.").unwrap_or_default(),
        price: price(),
        total_stock: units(500),
        terms: Terms::NONE,
        created_at: CREATED_AT,
    }
}

/// Starts at noon of that day, for an hour, five each.
fn terms() -> Terms {
    let hour = |hours: i64| Timestamp::from_millis(CREATED_AT.as_millis() + hours * 3_600_000);
    Terms::new(Some(hour(3)), Some(hour(4)), Quantity::new(5).ok()).unwrap_or_default()
}

/// Why nobody may hold as much as this of a product with those terms, some time before, between and after.
pub(super) fn refusals() -> impl Iterator<Item = (&'static str, TermsRefusal)> {
    let at = |minutes: i64| Timestamp::from_millis(CREATED_AT.as_millis() + minutes * 60_000);
    let refused = |minutes, wanted| terms().refuse(at(minutes), Units::ZERO, units(wanted));
    [("notStarted", refused(178, 2)), ("ended", refused(240, 2)), ("overLimit", refused(180, 6))]
        .into_iter()
        .filter_map(|(name, refusal)| Some((name, refusal?)))
}

#[expect(clippy::expect_used, reason = "constants; every test of the document makes them")]
fn name() -> ProductName {
    ProductName::parse("Phone, 128 GB").expect("a good name")
}

#[expect(clippy::expect_used, reason = "constants; every test of the document makes them")]
fn price() -> Price {
    Price::from_cents(49_999).expect("a good price")
}

#[expect(clippy::expect_used, reason = "constants; every test of the document makes them")]
fn user() -> UserId {
    UserId::parse("ada").expect("a good user")
}

#[expect(clippy::expect_used, reason = "constants; every test of the document makes them")]
fn quantity(units: u32) -> Quantity {
    Quantity::new(units).expect("a good quantity")
}

fn units(units: u32) -> Units {
    Units::new(units).unwrap_or_default()
}

fn level() -> StockLevel {
    StockLevel::new(units(500), units(120))
}

/// As a handler writes it.
fn written(body: impl serde::Serialize) -> Value {
    serde_json::to_value(body).unwrap_or_default()
}

pub(super) fn product() -> Value {
    written(ProductBody::from(&some_product()))
}

pub(super) fn product_with_terms() -> Value {
    written(ProductBody::from(&Product { terms: terms(), ..some_product() }))
}

pub(super) fn product_with_level() -> Value {
    written(ProductBody::with_level(&some_product(), level()))
}

pub(super) fn products() -> Value {
    let product = some_product();
    written(PageBody { items: vec![ProductBody::from(&product)], next_cursor: Some(product_id()) })
}

pub(super) fn status() -> Value {
    written(StatusBody::from(level()))
}

fn some_hold() -> Reservation {
    Reservation {
        id: ReservationId::from_uuid(RESERVATION_ID),
        product: ProductId::from_uuid(PRODUCT_ID),
        user: user(),
        quantity: units(2),
        expires_at: Timestamp::from_millis(CREATED_AT.as_millis() + TEN_MINUTES_MS),
    }
}

pub(super) fn hold() -> Value {
    written(HoldBody::from(&some_hold()))
}

fn some_wait() -> Waiting {
    Waiting {
        product: ProductId::from_uuid(PRODUCT_ID),
        place: Place(8),
        user: user(),
        quantity: quantity(2),
        reservation: ReservationId::from_uuid(RESERVATION_ID),
        joined_at: CREATED_AT,
    }
}

/// In line, with how many before.
pub(super) fn waits() -> Value {
    written(WaitBody::with_ahead(&some_wait(), 7))
}

/// Out of line.
pub(super) fn left() -> Value {
    written(WaitBody::from(&some_wait()))
}

pub(super) fn called() -> Value {
    written(WaitBody::from(&some_hold()))
}

pub(super) fn line() -> Value {
    written(PageBody { items: vec![WaitBody::from(&some_wait())], next_cursor: Some("8".to_owned()) })
}

fn some_order() -> Order {
    Order {
        id: OrderId::from_uuid(ORDER_ID),
        reservation: ReservationId::from_uuid(RESERVATION_ID),
        product: ProductId::from_uuid(PRODUCT_ID),
        user: user(),
        quantity: units(2),
        unit_price: price(),
        created_at: CREATED_AT,
    }
}

pub(super) fn order() -> Value {
    written(OrderBody::from(&some_order()))
}

/// As an endpoint is told of it.
pub(super) fn order_created() -> Value {
    let event = Event::order_created(&some_order());
    event.ok().and_then(|event| serde_json::from_str(event.body()).ok()).unwrap_or_default()
}

pub(super) fn webhook_id() -> String {
    Event::order_created(&some_order()).map(|event| event.id().to_owned()).unwrap_or_default()
}

pub(super) fn orders() -> Value {
    let order = some_order();
    written(PageBody { items: vec![OrderBody::from(&order)], next_cursor: None })
}

pub(super) fn no_more_products() -> Value {
    json!({ "items": [], "nextCursor": null })
}
