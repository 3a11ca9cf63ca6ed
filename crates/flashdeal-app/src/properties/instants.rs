//! Instants: RFC 3339 in, RFC 3339 out.

use flashdeal_domain::{Terms, Timestamp};

use super::text;

/// An instant that terms can name is the same again when it is written out, with a year of four digits, in UTC and to the
/// millisecond: which is how answers write it.
pub(super) fn instants(data: &[u8]) {
    let text = text(data);
    let Ok(instant) = Timestamp::parse(text).and_then(Terms::instant) else { return };
    let written = instant.to_string();
    assert_eq!(Timestamp::parse(&written), Ok(instant), "{text:?} and {written:?}");
    assert!(written.len() == "1970-01-01T00:00:00.000Z".len() && written.ends_with('Z'), "{written:?}");
}
