//! Ids, alone and in lists.

use flashdeal_domain::{OrderId, ProductId, ReservationId};

use crate::routes::MAX_PRODUCTS;
use crate::routes::parsers::parse_products;

use super::text;

/// An id is 36 characters of a hyphenated UUID in either case, shown in lower case; a list of them is sorted, without repeats and
/// bounded.
pub(super) fn ids(data: &[u8]) {
    let text = text(data);
    let id = ProductId::parse(text).ok();
    assert_eq!(id.is_some(), is_uuid(text), "{text:?}");
    assert_eq!(id.map(|id| id.to_string()), is_uuid(text).then(|| text.to_lowercase()), "{text:?}");
    let others = (ReservationId::parse(text).ok(), OrderId::parse(text).ok());
    let others = (others.0.map(|id| *id.as_uuid()), others.1.map(|id| *id.as_uuid()));
    let uuid = id.map(|id| *id.as_uuid());
    assert_eq!(others, (uuid, uuid), "{text:?}");

    let all = text.split(',').all(is_uuid);
    match parse_products(text) {
        Ok(list) => {
            assert!(all && (1..=MAX_PRODUCTS).contains(&list.len()), "{text:?}");
            assert!(list.is_sorted_by(|a, b| a < b), "{text:?}");
            let shown = list.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
            assert_eq!(parse_products(&shown), Ok(list), "{text:?}");
        }
        Err(_) => assert!(!all || text.split(',').count() > MAX_PRODUCTS, "{text:?}"),
    }
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}
