//! Instants and durations, to the millisecond.

use std::fmt;
use std::time::Duration;

use crate::error::Invalid;

/// An instant in UTC, in milliseconds since 1970. Shown as RFC 3339 with milliseconds: `2026-11-22T12:00:00.000Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// What [`Self::parse`] takes.
    pub const ALLOWED: &'static str = "must be an RFC 3339 date and time with its offset, such as 2026-11-27T12:00:00Z";

    /// From milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Parses RFC 3339, whose offset from UTC is a part of it: `2026-11-27T12:00:00Z`, `2026-11-27T13:00:00.5+01:00`. What is
    /// finer than a millisecond is cut off.
    ///
    /// # Errors
    /// [`Invalid`] if the text is anything else, names no day or time that there is, or more than nine decimals of a second.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        const BAD: Invalid = Invalid::new(Timestamp::ALLOWED);
        // The parser knows many more spellings than the one that this contract has.
        if !is_rfc3339(text.as_bytes()) {
            return Err(BAD);
        }
        let instant: jiff::Timestamp = text.parse().map_err(|_| BAD)?;
        Ok(Self(instant.as_millisecond()))
    }
}

fn is_rfc3339(text: &[u8]) -> bool {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00";
    let fits = |text: &[u8], shape: &[u8]| {
        text.len() == shape.len()
            && text.iter().zip(shape).all(|(byte, shape)| match shape {
                b'0' => byte.is_ascii_digit(),
                shape => byte.eq_ignore_ascii_case(shape),
            })
    };
    let Some((seconds, rest)) = text.split_at_checked(SHAPE.len()) else { return false };
    let decimals =
        rest.strip_prefix(b".").map_or(0, |rest| rest.iter().take_while(|byte| byte.is_ascii_digit()).count());
    let offset = match rest.strip_prefix(b".") {
        Some(_) if decimals == 0 => None,
        Some(rest) => rest.get(decimals..),
        None => Some(rest),
    };
    let is_of_a_day = |offset: &[u8]| offset.get(1..3).is_some_and(|hours| hours < b"24".as_slice());
    let is_offset = |offset: &[u8]| {
        fits(offset, b"Z") || ((fits(offset, b"+00:00") || fits(offset, b"-00:00")) && is_of_a_day(offset))
    };
    fits(seconds, SHAPE) && decimals <= 9 && offset.is_some_and(is_offset)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(instant) => write!(f, "{instant:.3}"),
            Err(_) => write!(f, "{}ms", self.0),
        }
    }
}

/// How long a hold lasts: 1 millisecond to 24 hours; 10 minutes by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldTime(Duration);

impl HoldTime {
    /// The longest a hold may last. A gate may forget a product that nobody called for a day, so no hold outlives one.
    pub const MAX: Duration = Duration::from_hours(24);

    /// A hold time.
    ///
    /// # Errors
    /// [`Invalid`] if `duration` is below one millisecond or above [`Self::MAX`].
    pub fn new(duration: Duration) -> Result<Self, Invalid> {
        if duration >= Duration::from_millis(1) && duration <= Self::MAX {
            Ok(Self(duration))
        } else {
            Err(Invalid::new("must be a duration from 1ms to 24h, such as 10m"))
        }
    }

    /// The duration.
    #[must_use]
    pub const fn get(self) -> Duration {
        self.0
    }

    /// The duration in whole milliseconds.
    #[must_use]
    pub fn as_millis(self) -> i64 {
        i64::try_from(self.0.as_millis()).unwrap_or(i64::MAX)
    }
}

impl Default for HoldTime {
    fn default() -> Self {
        Self(Duration::from_mins(10))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_with_milliseconds_in_utc() {
        assert_eq!(Timestamp::from_millis(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Timestamp::from_millis(1_795_348_800_007).to_string(), "2026-11-22T12:00:00.007Z");
    }

    #[test]
    fn parsed_as_rfc_3339_and_nothing_else() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-11-22T12:00:00.007Z", 1_795_348_800_007),
            ("2026-11-22T12:00:00.0079999Z", 1_795_348_800_007),
            ("2026-11-22t13:00:00.007+01:00", 1_795_348_800_007),
            ("2026-11-22T07:30:00.007-04:30", 1_795_348_800_007),
            ("9998-12-31T23:59:59.999Z", 253_370_764_799_999),
            ("1969-12-31T23:59:59.999Z", -1),
        ] {
            assert_eq!(Timestamp::parse(text).map(Timestamp::as_millis), Ok(millis), "{text}");
        }
        for bad in [
            "",
            "2026-11-22",
            "2026-11-22T12:00:00",
            "2026-11-22 12:00:00Z",
            "2026-11-22T12:00Z",
            "20261122T120000Z",
            "2026-11-22T12:00:00.Z",
            "2026-11-22T12:00:00.0000000001Z",
            "2026-11-22T12:00:00Z[UTC]",
            "2026-11-22T12:00:00+01",
            "2026-02-29T12:00:00Z",
            "2026-11-22T24:00:00Z",
            "+002026-11-22T12:00:00Z",
            " 2026-11-22T12:00:00Z",
            "2026-11-22T12:00:00Z ",
            "1795348800007",
            "٢٠٢٦-11-22T12:00:00Z",
        ] {
            assert!(Timestamp::parse(bad).is_err(), "{bad:?}");
        }
    }
}
