//! The shapes of bodies and parameters. Their bounds are the constants of the domain types.

use flashdeal_domain::{Description, IdempotencyKey, PageSize, Price, ProductName, Quantity, Units, UserId};
use serde_json::json;
use utoipa::openapi::schema::{
    AllOfBuilder, AnyOfBuilder, ArrayBuilder, KnownFormat, Object, ObjectBuilder, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{Ref, RefOr, Schema};

use crate::routes::MAX_PRODUCTS;

use super::examples;

/// No control character, and at least one that shows.
const SHOWN_TEXT: &str = r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f\u200b-\u200d\u2060\ufeff][^\u0000-\u001f\u007f-\u009f]*$";
/// As above, of a name: white space at the ends is trimmed, whatever it is.
const NAME_TEXT: &str = SHOWN_TEXT;
/// No control character but line breaks and tabs.
const LINES_OF_TEXT: &str = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$";
const UUID_TEXT: &str = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$";
const PRICE_TEXT: &str = r"^[0-9]{1,10}(\.[0-9]{1,2})?$";
/// The highest price, as a number.
pub(super) const MAX_PRICE: f64 = 9_999_999_999.99;

pub(super) fn reference(name: &str) -> RefOr<Schema> {
    Ref::from_schema_name(name).into()
}

pub(super) fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

pub(super) fn integer(min: i64, max: impl Into<utoipa::Number>) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(min)).maximum(Some(max))
}

pub(super) fn units() -> ObjectBuilder {
    integer(0, Units::MAX)
}

fn nullable(builder: ObjectBuilder, kind: Type) -> ObjectBuilder {
    builder.schema_type([kind, Type::Null].into_iter().collect::<SchemaType>())
}

fn name() -> ObjectBuilder {
    text().min_length(Some(1)).max_length(Some(ProductName::MAX_CHARS)).pattern(Some(NAME_TEXT))
}

fn description() -> ObjectBuilder {
    nullable(text(), Type::String).max_length(Some(Description::MAX_CHARS)).pattern(Some(LINES_OF_TEXT))
}

pub(super) fn instant() -> ObjectBuilder {
    text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))).examples(["2026-11-27T09:10:00.000Z"])
}

/// A page size.
pub(super) fn limit() -> RefOr<Schema> {
    integer(1, PageSize::MAX).default(Some(json!(PageSize::default().get()))).into()
}

/// The products of a stream, comma-separated.
pub(super) fn some_ids() -> RefOr<Schema> {
    ArrayBuilder::new().items(Ref::from_schema_name("Id")).min_items(Some(1)).max_items(Some(MAX_PRODUCTS)).into()
}

/// Plain text of any kind.
pub(super) fn any_text() -> RefOr<Schema> {
    text().into()
}

/// Text such as this one.
pub(super) fn text_like(example: &str) -> RefOr<Schema> {
    text().examples([example]).into()
}

/// Any JSON object.
pub(super) fn any_object() -> RefOr<Schema> {
    ObjectBuilder::new().into()
}

/// An object that has all of these fields; more may be added some day.
pub(super) fn object(fields: impl IntoIterator<Item = (&'static str, RefOr<Schema>)>) -> ObjectBuilder {
    fields.into_iter().fold(ObjectBuilder::new(), |object, (name, schema)| object.property(name, schema).required(name))
}

/// Everything under `#/components/schemas`.
pub(super) fn all() -> Vec<(&'static str, RefOr<Schema>)> {
    let mut all = values();
    all.extend(requests());
    all.extend(answers());
    all
}

fn values() -> Vec<(&'static str, RefOr<Schema>)> {
    let id = text()
        .format(Some(SchemaFormat::Custom("uuid".to_owned())))
        .pattern(Some(UUID_TEXT))
        .description(Some("A UUID, hyphenated."))
        .examples([examples::product_id()]);
    let user = text()
        .min_length(Some(1))
        .max_length(Some(UserId::MAX_CHARS))
        .pattern(Some(SHOWN_TEXT))
        .description(Some("Who: 1 to 128 characters, not blank, none of them a control character."))
        .examples(["ada"]);
    let key = text()
        .min_length(Some(1))
        .max_length(Some(IdempotencyKey::MAX_CHARS))
        .pattern(Some("^[!-~]+$"))
        .description(Some("1 to 255 visible ASCII characters, chosen by the client; a UUID is a good one."))
        .examples(["3f9a1c52-6f0e-4f5a-9d53-0c2b7e1d8a64"]);
    let money = ObjectBuilder::new()
        .schema_type(Type::Number)
        .minimum(Some(0))
        .description(Some("Money, with at most two decimals."))
        .examples([json!(499.99)]);
    vec![
        ("Id", id.into()),
        ("UserId", user.into()),
        ("IdempotencyKey", key.into()),
        ("Money", money.into()),
        ("Price", price()),
    ]
}

/// What a caller may give for a price: exact, in either spelling.
fn price() -> RefOr<Schema> {
    let number = ObjectBuilder::new()
        .schema_type(Type::Number)
        .minimum(Some(0))
        .maximum(Some(MAX_PRICE))
        .multiple_of(Some(0.01));
    let digits = text().pattern(Some(PRICE_TEXT));
    let about = format!(
        "0 to {}.{:02} with at most two decimals: a number, or the same as a string.",
        Price::MAX_CENTS / 100,
        Price::MAX_CENTS % 100
    );
    AnyOfBuilder::new()
        .item(number)
        .item(digits)
        .description(Some(about))
        .examples([json!(499.99), json!("499.99")])
        .into()
}

fn requests() -> Vec<(&'static str, RefOr<Schema>)> {
    let create = object([
        ("name", name().description(Some("Trimmed; not blank, no control characters.")).into()),
        ("price", reference("Price")),
        ("totalStock", units().description(Some("The first allotment.")).into()),
    ])
    .property("description", description());
    let create = terms().into_iter().fold(create, |create, (name, schema)| create.property(name, schema));
    let most = i64::from(Units::MAX);
    let delta = || ObjectBuilder::new().minimum(Some(-most)).maximum(Some(most));
    let change = ObjectBuilder::new()
        .property("name", nullable(name(), Type::String))
        .property("description", description())
        .property("price", AnyOfBuilder::new().item(reference("Price")).item(Object::with_type(Type::Null)))
        .property(
            "addStock",
            nullable(delta(), Type::Integer)
                .description(Some("Units to put on sale, or to take off sale when negative; never one that is held.")),
        );
    let change = terms().into_iter().fold(change, |change, (name, schema)| change.property(name, schema));
    // At least one of them must be there and not null; the terms may be null, which takes them away.
    let terms = terms().map(|(name, _)| {
        let kind = if name == "maxPerReservation" { Type::Integer } else { Type::String };
        object([(name, RefOr::from(nullable(ObjectBuilder::new(), kind)))])
    });
    let one_of = [("name", Type::String), ("description", Type::String), ("addStock", Type::Integer)]
        .map(|(name, kind)| object([(name, RefOr::from(Object::with_type(kind)))]))
        .into_iter()
        .chain([object([(
            "price",
            ObjectBuilder::new().schema_type([Type::Number, Type::String].into_iter().collect::<SchemaType>()).into(),
        )])])
        .chain(terms)
        .fold(AnyOfBuilder::new(), AnyOfBuilder::item);
    let user = |about: &str| RefOr::from(AllOfBuilder::new().item(reference("UserId")).description(Some(about)));
    let who = "Who. With tokens it may be left out: it is the token's user then.";
    let reserve = object([
        ("userId", user(who)),
        ("quantity", integer(i64::from(Quantity::MIN), Quantity::MAX).description(Some("How many units.")).into()),
    ]);
    let release = object([("userId", user(who))]);
    let named = AnyOfBuilder::new().item(reference("Id")).item(Object::with_type(Type::Null)).description(Some(
        "The hold to pay for. Name it (or send an Idempotency-Key) so that a repeat gets its order again.",
    ));
    let checkout = object([("userId", user(who))]).property("reservationId", named);
    vec![
        ("CreateProduct", create.into()),
        ("ChangeProduct", AllOfBuilder::new().item(change).item(one_of).into()),
        ("Reserve", reserve.into()),
        ("Release", release.into()),
        ("Checkout", checkout.into()),
    ]
}

/// The terms of a sale as they are given. Absent in a new product, or null: no such term.
fn terms() -> [(&'static str, ObjectBuilder); 3] {
    let instant = || nullable(text(), Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
    let limit = nullable(ObjectBuilder::new(), Type::Integer)
        .minimum(Some(i64::from(Quantity::MIN)))
        .maximum(Some(Quantity::MAX));
    [
        (
            "startsAt",
            instant().description(Some(
                "From this instant on it can be reserved. RFC 3339 with an offset, from 1970 to 9998; cut to the millisecond.",
            )),
        ),
        (
            "endsAt",
            instant().description(Some("From this instant on it cannot be reserved any more. Later than startsAt.")),
        ),
        ("maxPerReservation", limit.description(Some("The most units that one hold may have."))),
    ]
}

fn answers() -> Vec<(&'static str, RefOr<Schema>)> {
    let described = |builder: ObjectBuilder, about: &str| RefOr::from(builder.description(Some(about)));
    let total = || described(units(), "What is left to sell. Checkout lowers it.");
    let reserved = || described(units(), "What live holds hold.");
    let available = || described(units(), "totalStock - reservedStock.");
    let product = || {
        object([
            ("id", reference("Id")),
            ("name", name().into()),
            ("description", text().max_length(Some(Description::MAX_CHARS)).into()),
            ("price", reference("Money")),
            ("totalStock", total()),
            ("createdAt", instant().into()),
        ])
        .property("startsAt", described(instant(), "The sale's first instant; absent if it has no start."))
        .property("endsAt", described(instant(), "The first instant after the sale; absent if it has no end."))
        .property(
            "maxPerReservation",
            described(
                integer(i64::from(Quantity::MIN), Quantity::MAX),
                "The most units of one hold; absent if there is no limit.",
            ),
        )
    };
    let with_stock = product()
        .property("reservedStock", reserved())
        .required("reservedStock")
        .property("availableStock", available())
        .required("availableStock");
    let status = object([("totalStock", total()), ("reservedStock", reserved()), ("availableStock", available())])
        .additional_properties(Some(utoipa::openapi::schema::AdditionalProperties::FreeForm(false)));
    let sold = || RefOr::from(integer(i64::from(Quantity::MIN), Quantity::MAX));
    let hold = object([
        ("reservationId", reference("Id")),
        ("productId", reference("Id")),
        ("userId", reference("UserId")),
        ("quantity", sold()),
        ("expiresAt", described(instant(), "From this instant on its units are available to others.")),
    ]);
    let order = object([
        ("orderId", reference("Id")),
        ("reservationId", reference("Id")),
        ("productId", reference("Id")),
        ("userId", reference("UserId")),
        ("quantity", sold()),
        ("unitPrice", reference("Money")),
        ("total", reference("Money")),
        ("createdAt", instant().into()),
    ]);
    let told = object([
        ("type", text().enum_values(Some([crate::webhooks::ORDER_CREATED])).into()),
        ("timestamp", described(instant(), "When the order was sold.")),
        ("data", reference("Order")),
    ]);
    let health = object([("status", text().enum_values(Some(["live", "ready"])).into())]);
    vec![
        ("Product", product().into()),
        ("ProductWithStock", with_stock.into()),
        ("ProductPage", page("Product")),
        ("StockStatus", status.into()),
        ("Reservation", hold.into()),
        ("Order", order.into()),
        ("OrderPage", page("Order")),
        ("Wait", waits().into()),
        ("WaitInLine", waits_behind().into()),
        ("WaitCalled", called().into()),
        ("WaitPage", page_with("Wait", place().into())),
        ("OrderCreated", told.into()),
        ("StockEvent", stock_event()),
        ("Health", health.into()),
    ]
}

/// One server-sent event; its data is JSON text.
fn stock_event() -> RefOr<Schema> {
    let data = object([
        ("productId", reference("Id")),
        ("totalStock", units().into()),
        ("reservedStock", units().into()),
        ("availableStock", units().into()),
    ]);
    let data = text().content_media_type("application/json").content_schema(Some(data));
    object([
        ("id", text().description(Some("Names the state: the product and its counters.")).into()),
        ("event", text().enum_values(Some(["stock"])).into()),
        ("data", data.into()),
    ])
    .into()
}

/// What every answer about a wait has.
fn wait(quantity: &str, called: &str) -> ObjectBuilder {
    let quantity = integer(i64::from(Quantity::MIN), Quantity::MAX).description(Some(quantity));
    object([
        ("productId", reference("Id")),
        ("userId", reference("UserId")),
        ("quantity", quantity.into()),
        ("called", ObjectBuilder::new().schema_type(Type::Boolean).description(Some(called)).into()),
    ])
}

/// Somebody who waits.
fn waits() -> ObjectBuilder {
    wait("How many are waited for.", "false: the wait goes on.")
        .property("joinedAt", instant().description(Some("Since when they wait.")))
        .required("joinedAt")
}

/// The same, seen by themselves.
fn waits_behind() -> ObjectBuilder {
    let ahead = integer(0, 1_000_000_000_i64).description(Some("How many wait before them."));
    waits().property("ahead", ahead).required("ahead")
}

/// Somebody who was called.
fn called() -> ObjectBuilder {
    let until = instant().description(Some("From this instant on its units are available to others."));
    wait("How many are held.", "true: the wait is over, and units are held.")
        .property("reservationId", reference("Id"))
        .required("reservationId")
        .property("expiresAt", until)
        .required("expiresAt")
}

/// A cursor of a line.
pub(super) fn place() -> ObjectBuilder {
    text().pattern(Some("^[0-9]{1,18}$"))
}

/// One of these.
pub(super) fn either<const N: usize>(names: [&str; N]) -> RefOr<Schema> {
    names.into_iter().fold(AnyOfBuilder::new(), |any, name| any.item(reference(name))).into()
}

fn page(of: &str) -> RefOr<Schema> {
    page_with(of, reference("Id"))
}

fn page_with(of: &str, cursor: RefOr<Schema>) -> RefOr<Schema> {
    let items = ArrayBuilder::new().items(Ref::from_schema_name(of)).max_items(Some(PageSize::MAX.into()));
    let next = AnyOfBuilder::new()
        .item(cursor)
        .item(Object::with_type(Type::Null))
        .description(Some("Pass it as cursor for the next page; null on the last."));
    object([("items", items.into()), ("nextCursor", next.into())]).into()
}
