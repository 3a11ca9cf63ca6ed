//! Bodies: what is taken of one is what stands in it, and the same again when it is written out.

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::test::TestRequest;
use flashdeal_domain::{Description, Edit, ProductName, ProductPatch, Quantity, StockDelta, Timestamp, Units, UserId};
use serde_json::{Map, Value, json};

use crate::access::Access;
use crate::extract::JsonBody;
use crate::routes::parsers::{parse_change, parse_checkout, parse_holder, parse_new, parse_reserve};

use super::{is_refusal, lines, text};

const PRODUCT: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

/// Bodies that create and change products.
pub fn product_bodies(data: &[u8]) {
    let body = JsonBody::of(data);
    let read = read(data);
    match parse_new(&body) {
        Ok(new) => {
            if let Some(read) = &read {
                assert_eq!(stands(read, "name").map(str::trim), Some(new.name.as_str()));
                assert_eq!(stands(read, "description").unwrap_or(""), new.description.as_str());
                assert_eq!(read.get("totalStock"), Some(&new.total_stock.get().into()));
            }
            let instant = |time: Option<Timestamp>| json!(time.map(|time| time.to_string()));
            let again = format!(
                "{{\"name\":{},\"description\":{},\"price\":{},\"totalStock\":{},\"startsAt\":{},\"endsAt\":{},\
                 \"maxPerReservation\":{}}}",
                json!(new.name.as_str()),
                json!(new.description.as_str()),
                new.price,
                new.total_stock.get(),
                instant(new.terms.starts_at()),
                instant(new.terms.ends_at()),
                json!(new.terms.max_per_reservation().map(Quantity::get)),
            );
            assert!(parse_new(&JsonBody::of(again.as_bytes())).is_ok_and(|same| same == new), "{again}");
        }
        Err(problem) => is_refusal(&problem),
    }
    match parse_change(&asked(PRODUCT, None), &body) {
        Ok((product, patch)) => {
            assert!(product.to_string() == PRODUCT && patch != ProductPatch::default());
            if let Some(read) = &read {
                assert_eq!(stands(read, "name").map(str::trim), patch.name.as_ref().map(ProductName::as_str));
                assert_eq!(stands(read, "description"), patch.description.as_ref().map(Description::as_str));
                assert_eq!(read.get("addStock").and_then(Value::as_i64), patch.add_stock.map(signed));
                assert_eq!(stood(read, "startsAt"), edited(patch.terms.starts_at, |time| time.to_string().into()));
                assert_eq!(stood(read, "endsAt"), edited(patch.terms.ends_at, |time| time.to_string().into()));
                let limit = edited(patch.terms.max_per_reservation, |limit| limit.get().into());
                assert_eq!(read.get("maxPerReservation").cloned(), limit);
            }
        }
        Err(problem) => is_refusal(&problem),
    }
}

/// An instant of a change as it stands in the body, spelled as ours are.
fn stood(read: &Map<String, Value>, name: &str) -> Option<Value> {
    let value = read.get(name)?;
    Some(
        value
            .as_str()
            .map_or(Value::Null, |text| Timestamp::parse(text).map_or(Value::Null, |time| time.to_string().into())),
    )
}

fn edited<T>(edit: Edit<T>, value: impl Fn(T) -> Value) -> Option<Value> {
    match edit {
        Edit::Keep => None,
        Edit::Clear => Some(Value::Null),
        Edit::Set(to) => Some(value(to)),
    }
}

/// The body as a reader has it who keeps all of it. Half a surrogate pair in a field that nobody asked for, or one nested without
/// end, is nothing it can keep, and nothing that is looked at here.
fn read(data: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice(data).ok()
}

/// Bodies that reserve, release and check out, with the product in the path, the key in a header and a query.
pub fn sale_bodies(data: &[u8]) {
    let ([path, key, query], body) = lines(data);
    let (path, query) = (text(path), text(query));
    let request = asked(path, (!key.is_empty()).then_some(key));
    let (read, sent) = (read(body), JsonBody::of(body));
    let user = |found: &UserId| read.as_ref().is_none_or(|read| stands(read, "userId") == Some(found.as_str()));
    match parse_reserve(&Access::Anyone, &request, &sent) {
        Ok(reserve) => {
            assert!(reserve.product.to_string() == path.to_lowercase() && user(&reserve.user));
            let quantity = Value::from(reserve.quantity.get());
            assert!(read.as_ref().is_none_or(|read| read.get("quantity") == Some(&quantity)), "{quantity}");
            assert_eq!(reserve.key.as_ref().map_or(&b""[..], |key| key.as_str().as_bytes()), key);
        }
        Err(problem) => is_refusal(&problem),
    }
    match parse_checkout(&Access::Anyone, &request, &sent) {
        Ok(checkout) => {
            assert!(checkout.product.to_string() == path.to_lowercase() && user(&checkout.user));
            let named = checkout.named.map(|id| id.to_string());
            let stands = |read| stands(read, "reservationId").map(str::to_lowercase);
            assert!(read.as_ref().is_none_or(|read| stands(read) == named), "{named:?}");
        }
        Err(problem) => is_refusal(&problem),
    }
    if let Ok(request) = format!("/?{query}").parse::<actix_web::http::Uri>() {
        let request = TestRequest::default().uri(&request.to_string()).param("id", path.to_owned()).to_http_request();
        match parse_holder(&Access::Anyone, &request, Some(&sent)) {
            Ok((_, found)) => assert!(user(&found) || query.contains("userId") || query.contains('%')),
            Err(problem) => is_refusal(&problem),
        }
    }
    with_a_token(&request, &sent);
    if let Some(read) = read {
        judged(&read);
    }
}

/// Whatever it says, a request with a token acts for the token's user or not at all.
fn with_a_token(request: &HttpRequest, body: &JsonBody) {
    let Ok(ada) = UserId::parse("ada") else { return };
    let access = Access::User { user: ada.clone(), admin: true };
    let users = [
        parse_reserve(&access, request, body).map(|reserve| reserve.user),
        parse_checkout(&access, request, body).map(|checkout| checkout.user),
        parse_holder(&access, request, Some(body)).map(|(_, user)| user),
    ];
    for user in users.into_iter().flatten() {
        assert_eq!(user, ada);
    }
}

/// A body that names its fields once each is taken if and only if they are what the contract says.
fn judged(read: &Map<String, Value>) {
    let written = Value::Object(read.clone()).to_string();
    let user = stands(read, "userId").is_some_and(|user| UserId::parse(user).is_ok());
    let quantity = read.get("quantity").and_then(Value::as_u64).is_some_and(|units| (1..=1_000_000).contains(&units));
    let reserve = parse_reserve(&Access::Anyone, &asked(PRODUCT, None), &JsonBody::of(written.as_bytes()));
    assert_eq!(reserve.is_ok(), user && quantity, "{written}");
}

fn stands<'a>(read: &'a Map<String, Value>, field: &str) -> Option<&'a str> {
    read.get(field).and_then(Value::as_str)
}

fn signed(delta: StockDelta) -> i64 {
    match delta {
        StockDelta::Add(units) => i64::from(Units::get(units)),
        StockDelta::Withdraw(units) => -i64::from(Units::get(units)),
    }
}

fn asked(product: &str, key: Option<&[u8]>) -> HttpRequest {
    let mut request = TestRequest::default().param("id", product.to_owned());
    if let Some(key) = key {
        // What may not stand in a header at all is as bad a key as one that is refused.
        let value = HeaderValue::from_bytes(key).unwrap_or(HeaderValue::from_static("not a key"));
        request = request.insert_header((HeaderName::from_static("idempotency-key"), value));
    }
    request.to_http_request()
}
