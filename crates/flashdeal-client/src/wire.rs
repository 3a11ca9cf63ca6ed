//! The shapes of the contract as they are on the wire, and the way from and to the types of the domain.

use flashdeal_domain::{
    Description, Edit, Invalid, NewProduct, Order, OrderId, Page, Price, Product, ProductId, ProductName, ProductPatch,
    Quantity, Reservation, ReservationId, StockDelta, StockLevel, Terms, Timestamp, Units, UserId,
};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// Something the domain has its own type for.
pub(crate) trait Wire: for<'de> Deserialize<'de> {
    type Domain;

    fn into_domain(self) -> Self::Domain;
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HoldWire {
    #[serde(deserialize_with = "reservation_id")]
    reservation_id: ReservationId,
    #[serde(deserialize_with = "product_id")]
    product_id: ProductId,
    #[serde(deserialize_with = "user")]
    user_id: UserId,
    #[serde(deserialize_with = "units")]
    quantity: Units,
    #[serde(deserialize_with = "time")]
    expires_at: Timestamp,
}

impl Wire for HoldWire {
    type Domain = Reservation;

    fn into_domain(self) -> Reservation {
        Reservation {
            id: self.reservation_id,
            product: self.product_id,
            user: self.user_id,
            quantity: self.quantity,
            expires_at: self.expires_at,
        }
    }
}

/// How a wait for units stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wait {
    /// It goes on.
    Waits(Waits),
    /// It is over: these units are held for the user.
    Called(Reservation),
}

/// A wait that goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waits {
    /// For what.
    pub product: ProductId,
    /// Who.
    pub user: UserId,
    /// How many they want.
    pub quantity: Units,
    /// Since when.
    pub joined_at: Timestamp,
    /// How many wait before them; `None` of a wait that was just given up.
    pub ahead: Option<u64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum WaitWire {
    Called(HoldWire),
    Waits(WaitsWire),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WaitsWire {
    #[serde(deserialize_with = "product_id")]
    product_id: ProductId,
    #[serde(deserialize_with = "user")]
    user_id: UserId,
    #[serde(deserialize_with = "units")]
    quantity: Units,
    #[serde(deserialize_with = "time")]
    joined_at: Timestamp,
    ahead: Option<u64>,
}

impl Wire for WaitWire {
    type Domain = Wait;

    fn into_domain(self) -> Wait {
        match self {
            Self::Called(hold) => Wait::Called(hold.into_domain()),
            Self::Waits(WaitsWire { product_id, user_id, quantity, joined_at, ahead }) => {
                Wait::Waits(Waits { product: product_id, user: user_id, quantity, joined_at, ahead })
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OrderWire {
    #[serde(deserialize_with = "order_id")]
    order_id: OrderId,
    #[serde(deserialize_with = "reservation_id")]
    reservation_id: ReservationId,
    #[serde(deserialize_with = "product_id")]
    product_id: ProductId,
    #[serde(deserialize_with = "user")]
    user_id: UserId,
    #[serde(deserialize_with = "units")]
    quantity: Units,
    #[serde(deserialize_with = "price")]
    unit_price: Price,
    #[serde(deserialize_with = "time")]
    created_at: Timestamp,
}

impl Wire for OrderWire {
    type Domain = Order;

    fn into_domain(self) -> Order {
        Order {
            id: self.order_id,
            reservation: self.reservation_id,
            product: self.product_id,
            user: self.user_id,
            quantity: self.quantity,
            unit_price: self.unit_price,
            created_at: self.created_at,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProductWire {
    #[serde(deserialize_with = "product_id")]
    id: ProductId,
    #[serde(deserialize_with = "name")]
    name: ProductName,
    #[serde(deserialize_with = "description")]
    description: Description,
    #[serde(deserialize_with = "price")]
    price: Price,
    #[serde(deserialize_with = "units")]
    total_stock: Units,
    #[serde(deserialize_with = "time")]
    created_at: Timestamp,
    #[serde(flatten, deserialize_with = "terms")]
    terms: Terms,
}

/// The terms of a sale, each absent if there is none.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct TermsWire {
    #[serde(skip_serializing_if = "Option::is_none")]
    starts_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_per_reservation: Option<u32>,
}

impl From<Terms> for TermsWire {
    fn from(terms: Terms) -> Self {
        Self {
            starts_at: terms.starts_at().map(|time| time.to_string()),
            ends_at: terms.ends_at().map(|time| time.to_string()),
            max_per_reservation: terms.max_per_reservation().map(Quantity::get),
        }
    }
}

fn terms<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Terms, D::Error> {
    let wire = TermsWire::deserialize(deserializer)?;
    let instant = |text: Option<String>| text.map(|text| Timestamp::parse(&text)).transpose();
    let limit = wire.max_per_reservation.map(Quantity::new).transpose();
    let terms = || Terms::new(instant(wire.starts_at)?, instant(wire.ends_at)?, limit?);
    terms().map_err(D::Error::custom)
}

impl Wire for ProductWire {
    type Domain = Product;

    fn into_domain(self) -> Product {
        Product {
            id: self.id,
            name: self.name,
            description: self.description,
            price: self.price,
            total_stock: self.total_stock,
            terms: self.terms,
            created_at: self.created_at,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LevelWire {
    #[serde(deserialize_with = "units")]
    total_stock: Units,
    #[serde(deserialize_with = "units")]
    reserved_stock: Units,
}

impl Wire for LevelWire {
    type Domain = StockLevel;

    fn into_domain(self) -> StockLevel {
        StockLevel::new(self.total_stock, self.reserved_stock)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound = "T: Wire")]
pub(crate) struct PageWire<T> {
    items: Vec<T>,
    next_cursor: Option<String>,
}

impl<T: Wire> PageWire<T> {
    pub(crate) fn into_page<Id>(
        self,
        cursor: impl Fn(&str) -> Result<Id, Invalid>,
    ) -> Result<Page<T::Domain, Id>, Invalid> {
        let next = self.next_cursor.as_deref().map(cursor).transpose()?;
        Ok(Page { items: self.items.into_iter().map(T::into_domain).collect(), next })
    }
}

/// The body of a create.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewProductBody<'a> {
    name: &'a str,
    description: &'a str,
    price: String,
    total_stock: u32,
    #[serde(flatten)]
    terms: TermsWire,
}

impl<'a> From<&'a NewProduct> for NewProductBody<'a> {
    fn from(new: &'a NewProduct) -> Self {
        Self {
            name: new.name.as_str(),
            description: new.description.as_str(),
            price: new.price.to_string(),
            total_stock: new.total_stock.get(),
            terms: new.terms.into(),
        }
    }
}

/// The body of a change.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PatchBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    add_stock: Option<i64>,
    // Null takes one of the terms away; absent, it stays as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    starts_at: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_per_reservation: Option<Value>,
}

fn edit<T>(edit: Edit<T>, value: impl FnOnce(T) -> Value) -> Option<Value> {
    match edit {
        Edit::Keep => None,
        Edit::Clear => Some(Value::Null),
        Edit::Set(to) => Some(value(to)),
    }
}

impl<'a> From<&'a ProductPatch> for PatchBody<'a> {
    fn from(patch: &'a ProductPatch) -> Self {
        Self {
            name: patch.name.as_ref().map(ProductName::as_str),
            description: patch.description.as_ref().map(Description::as_str),
            price: patch.price.map(|price| price.to_string()),
            add_stock: patch.add_stock.map(|delta| match delta {
                StockDelta::Add(units) => i64::from(units.get()),
                StockDelta::Withdraw(units) => -i64::from(units.get()),
            }),
            starts_at: edit(patch.terms.starts_at, |time| time.to_string().into()),
            ends_at: edit(patch.terms.ends_at, |time| time.to_string().into()),
            max_per_reservation: edit(patch.terms.max_per_reservation, |limit| limit.get().into()),
        }
    }
}

/// The bodies of reserve and checkout.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BuyerBody<'a> {
    pub(crate) user_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) quantity: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reservation_id: Option<String>,
}

macro_rules! parsed {
    ($($name:ident: $domain:ty = $parse:expr;)+) => {$(
        fn $name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<$domain, D::Error> {
            let text = String::deserialize(deserializer)?;
            $parse(text.as_str()).map_err(|error| D::Error::custom(format!("{}: {text:?} {error}", stringify!($name))))
        }
    )+};
}

parsed! {
    reservation_id: ReservationId = ReservationId::parse;
    product_id: ProductId = ProductId::parse;
    order_id: OrderId = OrderId::parse;
    user: UserId = UserId::parse;
    name: ProductName = ProductName::parse;
    description: Description = Description::parse;
    time: Timestamp = Timestamp::parse;
}

fn units<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Units, D::Error> {
    Units::new(u32::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// Digit by digit: never by way of a float.
fn price<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Price, D::Error> {
    let number = Box::<RawValue>::deserialize(deserializer)?;
    Price::parse(number.get()).map_err(D::Error::custom)
}
