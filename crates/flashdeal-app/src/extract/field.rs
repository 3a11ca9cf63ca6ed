//! A field of a body that never fails to deserialise: what is wrong with it is told beside all the others.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use flashdeal_domain::{Edit, Invalid, Price};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A field as it came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Field<T> {
    /// Absent, or `null`.
    #[default]
    Missing,
    /// Of another type.
    Wrong,
    /// Of the right type; whether the value is allowed is for the domain type to say.
    Is(T),
}

impl<T> Field<T> {
    /// The value of a field that must be there.
    pub(crate) fn required(&self, allowed: &'static str) -> Result<&T, Invalid> {
        match self {
            Self::Missing => Err(Invalid::new("is required")),
            Self::Wrong => Err(Invalid::new(allowed)),
            Self::Is(value) => Ok(value),
        }
    }

    /// The value of a field that may be absent.
    pub(crate) fn optional(&self, allowed: &'static str) -> Result<Option<&T>, Invalid> {
        match self {
            Self::Missing => Ok(None),
            Self::Wrong => Err(Invalid::new(allowed)),
            Self::Is(value) => Ok(Some(value)),
        }
    }
}

/// A field of a change: absent leaves things as they are, `null` takes them away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change<T>(Option<Field<T>>);

impl<T> Default for Change<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Change<T> {
    /// What is to be done, with a value that `parse` allows.
    pub(crate) fn edit<U>(
        &self,
        allowed: &'static str,
        parse: impl FnOnce(&T) -> Result<U, Invalid>,
    ) -> Result<Edit<U>, Invalid> {
        match &self.0 {
            None => Ok(Edit::Keep),
            Some(Field::Missing) => Ok(Edit::Clear),
            Some(Field::Wrong) => Err(Invalid::new(allowed)),
            Some(Field::Is(value)) => parse(value).map(Edit::Set),
        }
    }
}

impl<'de, T: FromJson<'de>> Deserialize<'de> for Change<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Field::deserialize(deserializer).map(|field| Self(Some(field)))
    }
}

/// A type that a JSON value can be; the rest is [`Field::Wrong`].
pub(crate) trait FromJson<'de>: Sized {
    fn from_text(_text: Cow<'de, str>) -> Option<Self> {
        None
    }

    fn from_integer(_integer: i64) -> Option<Self> {
        None
    }
}

impl<'de: 'a, 'a> FromJson<'de> for Cow<'a, str> {
    fn from_text(text: Cow<'de, str>) -> Option<Self> {
        Some(text)
    }
}

impl FromJson<'_> for i64 {
    fn from_integer(integer: i64) -> Option<Self> {
        Some(integer)
    }
}

impl<'de, T: FromJson<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Lenient(PhantomData))
    }
}

struct Lenient<T>(PhantomData<T>);

impl<'de, T: FromJson<'de>> Visitor<'de> for Lenient<T> {
    type Value = Field<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(T::from_text(Cow::Borrowed(text)).map_or(Field::Wrong, Field::Is))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(T::from_text(Cow::Owned(text.to_owned())).map_or(Field::Wrong, Field::Is))
    }

    fn visit_i64<E>(self, integer: i64) -> Result<Self::Value, E> {
        Ok(T::from_integer(integer).map_or(Field::Wrong, Field::Is))
    }

    fn visit_u64<E>(self, integer: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(integer).ok().and_then(T::from_integer).map_or(Field::Wrong, Field::Is))
    }

    fn visit_f64<E>(self, _float: f64) -> Result<Self::Value, E> {
        Ok(Field::Wrong)
    }

    fn visit_bool<E>(self, _boolean: bool) -> Result<Self::Value, E> {
        Ok(Field::Wrong)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Field::Missing)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Field::Wrong)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Field::Wrong)
    }
}

/// Money as it stands in the body, digit by digit: a JSON number or a string, never by way of a float.
#[derive(Debug, Clone, Default)]
pub(crate) enum Decimal<'a> {
    #[default]
    Missing,
    Text(&'a str),
}

impl<'de: 'a, 'a> Deserialize<'de> for Decimal<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&RawValue>::deserialize(deserializer)?.get();
        Ok(if text == "null" { Self::Missing } else { Self::Text(text) })
    }
}

impl Decimal<'_> {
    /// The price, or `None` if the field is absent.
    pub(crate) fn price(&self) -> Result<Option<Price>, Invalid> {
        match self {
            Self::Missing => Ok(None),
            Self::Text(text) => match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
                Some(quoted) => Price::parse(quoted).map(Some),
                None => Price::parse(&plain(text)).map(Some),
            },
        }
    }
}

/// A JSON number without exponent and needless zeros, digit by digit: `1e2` is `100`, `19.990` is `19.99`. One that is too large or
/// too fine to be a price stays as it is, which is refused.
fn plain(number: &str) -> String {
    plain_digits(number).unwrap_or_else(|| number.to_owned())
}

fn plain_digits(number: &str) -> Option<String> {
    let (negative, unsigned) = number.strip_prefix('-').map_or((false, number), |rest| (true, rest));
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let significant = digits.trim_start_matches('0');
    let zeros = digits.len() - significant.len();
    let significant = significant.trim_end_matches('0');
    if significant.is_empty() {
        return Some("0".to_owned());
    }
    // How many of the digits stand before the point, or by how many zeros they are after it.
    let before = i64::try_from(whole.len()).ok()?.checked_sub(i64::try_from(zeros).ok()?)?;
    let before = before.checked_add(exponent.parse().ok()?)?;
    if negative || !(-1..=10).contains(&before) || significant.len() > 12 {
        return None;
    }
    let Ok(before) = usize::try_from(before) else { return Some(format!("0.0{significant}")) };
    Some(match significant.split_at_checked(before) {
        Some(("", fraction)) => format!("0.{fraction}"),
        Some((whole, "")) => whole.to_owned(),
        Some((whole, fraction)) => format!("{whole}.{fraction}"),
        None => format!("{significant:0<before$}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(json: &str) -> Result<Option<u64>, Invalid> {
        serde_json::from_str::<Decimal>(json).unwrap().price().map(|price| price.map(Price::cents))
    }

    #[test]
    fn money_is_exact_in_either_spelling() {
        assert_eq!(price("19.99"), Ok(Some(1999)));
        assert_eq!(price("\"19.99\""), Ok(Some(1999)));
        assert_eq!(price("19.990"), Ok(Some(1999)));
        assert_eq!(price("1e2"), Ok(Some(10_000)));
        assert_eq!(price("0"), Ok(Some(0)));
        assert_eq!(price("-0"), Ok(Some(0)));
        assert_eq!(price("9999999999.99"), Ok(Some(Price::MAX_CENTS)));
        assert_eq!(price("1999e-2"), Ok(Some(1999)));
        assert_eq!(price("0.07E+0"), Ok(Some(7)));
        assert_eq!(price("0e99999999999999999999"), Ok(Some(0)));
        assert_eq!(price("null"), Ok(None));
        // More digits than a decimal of 128 bits has room for must not be rounded away.
        let fine = format!("19.99{}1", "0".repeat(40));
        assert!(price(&fine).is_err() && price(&format!("{fine}e0")).is_err());
        for bad in
            ["1.999", "-1", "10000000000", "1e400", "true", "[]", "{}", "\"\"", "\"abc\"", "19.990000000000000001"]
        {
            assert!(price(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_absent_is_not_what_is_null() {
        #[derive(serde::Deserialize)]
        struct Body {
            #[serde(default)]
            limit: Change<i64>,
        }
        let edit = |json: &str| {
            let body: Body = serde_json::from_str(json).unwrap();
            body.limit.edit("must be another", |limit| Ok(*limit))
        };
        assert_eq!(edit("{}"), Ok(Edit::Keep));
        assert_eq!(edit("{\"limit\":null}"), Ok(Edit::Clear));
        assert_eq!(edit("{\"limit\":3}"), Ok(Edit::Set(3)));
        assert_eq!(edit("{\"limit\":\"3\"}"), Err(Invalid::new("must be another")));
    }

    #[test]
    fn a_field_of_another_type_is_told_not_thrown() {
        let field = |json: &str| serde_json::from_str::<Field<i64>>(json).unwrap();
        assert_eq!(field("3"), Field::Is(3));
        assert_eq!(field("-3"), Field::Is(-3));
        for wrong in ["3.0", "\"3\"", "true", "[1,[2]]", "{\"a\":{}}", "18446744073709551615", "1e3"] {
            assert_eq!(field(wrong), Field::Wrong, "{wrong}");
        }
        assert_eq!(field("null"), Field::Missing);
        let text = serde_json::from_str::<Field<Cow<'_, str>>>("\"a\\u00e9\"").unwrap();
        assert_eq!(text, Field::Is(Cow::Borrowed("aé")));
    }
}
